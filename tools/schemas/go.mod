module github.com/certgraft/certgraft/tools/schemas

go 1.26.10

require (
	github.com/CycloneDX/cyclonedx-go v0.12.0
	github.com/santhosh-tekuri/jsonschema/v6 v6.0.3
	github.com/securego/gosec/v2 v2.30.0
)

require golang.org/x/text v0.43.0 // indirect
