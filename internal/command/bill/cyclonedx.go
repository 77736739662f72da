package bill

// asset is the component type of certificates and algorithms.
const asset = "cryptographic-asset"

// The types below are the part of CycloneDX 1.6 that a bill uses.

type bom struct {
	Schema     string      `json:"$schema"`
	Format     string      `json:"bomFormat"`
	Spec       string      `json:"specVersion"`
	Serial     string      `json:"serialNumber,omitzero"`
	Version    int         `json:"version"`
	Metadata   metadata    `json:"metadata"`
	Components []component `json:"components"`
}

type metadata struct {
	Tools     tools     `json:"tools"`
	Component component `json:"component"`
}

type tools struct {
	Components []component `json:"components"`
}

type component struct {
	Type       string     `json:"type"`
	Ref        string     `json:"bom-ref,omitzero"`
	Name       string     `json:"name"`
	Version    string     `json:"version,omitzero"`
	Hashes     []hash     `json:"hashes,omitzero"`
	Crypto     *crypto    `json:"cryptoProperties,omitzero"`
	Evidence   *evidence  `json:"evidence,omitzero"`
	Properties []property `json:"properties,omitzero"`
}

type hash struct {
	Algorithm string `json:"alg"`
	Content   string `json:"content"`
}

type crypto struct {
	Type        string                 `json:"assetType"`
	Certificate *certificateProperties `json:"certificateProperties,omitzero"`
	Algorithm   *algorithm             `json:"algorithmProperties,omitzero"`
}

type certificateProperties struct {
	Subject   string `json:"subjectName"`
	Issuer    string `json:"issuerName"`
	NotBefore string `json:"notValidBefore"`
	NotAfter  string `json:"notValidAfter"`
	Signature string `json:"signatureAlgorithmRef,omitzero"`
	Format    string `json:"certificateFormat"`
}

type algorithm struct {
	Primitive string `json:"primitive"`
}

type evidence struct {
	Occurrences []occurrence `json:"occurrences"`
}

type occurrence struct {
	Location string `json:"location"`
}

type property struct {
	Name  string `json:"name"`
	Value string `json:"value"`
}
