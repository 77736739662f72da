package bundles

import (
	"bytes"
	"flag"
	"fmt"
	"go/format"
	"maps"
	"os"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/certgraft/certgraft/certs"
)

var update = flag.Bool("update", false, "write catalog_data.go, docs/providers.md and snapshots/certificates.der anew")

// readCatalog returns the entries of catalog.json, checked.
func readCatalog(t *testing.T) []*Provider {
	t.Helper()
	data, err := os.ReadFile("catalog.json")
	if err != nil {
		t.Fatal(err)
	}
	providers, err := decodeCatalog(data)
	if err != nil {
		t.Fatal(err)
	}
	return providers
}

// What is made from catalog.json is what catalog.json says, and the certificates in
// the program are those that can be looked at. The program has the catalogue as Go
// data, since decoding JSON takes longer than the rest of a run.
func TestGenerated(t *testing.T) {
	for name, made := range map[string][]byte{
		"catalog_data.go":            goSource(t, readCatalog(t)),
		"../docs/providers.md":       providersPage(readCatalog(t)),
		"snapshots/certificates.der": snapshotOf(t, "snapshots/certificates.pem"),
	} {
		if *update {
			if err := os.WriteFile(name, made, 0o644); err != nil {
				t.Fatal(err)
			}
		}
		there, err := os.ReadFile(name)
		if err != nil || !bytes.Equal(there, made) {
			t.Errorf("%s is not what it is made from: run go test ./bundles -run TestGenerated -update", name)
		}
	}
}

// snapshotOf returns the certificates of a PEM file in DER, one behind the other.
func snapshotOf(t *testing.T, name string) (der []byte) {
	data, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	for c, err := range certs.Parse(data) {
		if err != nil {
			t.Fatal(err)
		}
		der = append(der, c.Raw...)
	}
	return der
}

func goSource(t *testing.T, providers []*Provider) []byte {
	var b strings.Builder
	b.WriteString("// Code generated from catalog.json by go test -update. DO NOT EDIT.\n\npackage bundles\n\n" +
		"// builtin returns the catalogue in this program, by id.\nfunc builtin() []*Provider {\n\treturn []*Provider{\n")
	for _, p := range providers {
		b.WriteString(literal(reflect.ValueOf(*p)) + ",\n")
	}
	b.WriteString("}\n}\n")
	source, err := format.Source([]byte(b.String()))
	if err != nil {
		t.Fatal(err)
	}
	return source
}

// literal writes v as an element of a composite literal: without its type, and
// without fields that are zero.
func literal(v reflect.Value) string {
	var parts []string
	switch v.Kind() {
	case reflect.Struct:
		for i := range v.NumField() {
			if f := v.Field(i); !f.IsZero() {
				parts = append(parts, v.Type().Field(i).Name+": "+typeName(f.Type())+literal(f))
			}
		}
	case reflect.Slice:
		for i := range v.Len() {
			parts = append(parts, literal(v.Index(i)))
		}
		if v.Type().Elem().Kind() == reflect.Struct {
			return "{\n" + strings.Join(parts, ",\n") + ",\n}"
		}
	case reflect.Map:
		for _, key := range slices.Sorted(maps.Keys(v.Interface().(map[string][]string))) {
			parts = append(parts, fmt.Sprintf("%q: %s", key, literal(v.MapIndex(reflect.ValueOf(key)))))
		}
	default:
		return fmt.Sprintf("%#v", v.Interface())
	}
	return "{" + strings.Join(parts, ", ") + "}"
}

// typeName is the type of a composite literal, "" for other values.
func typeName(t reflect.Type) string {
	switch t.Kind() {
	case reflect.Struct, reflect.Slice, reflect.Map:
		return strings.ReplaceAll(t.String(), "bundles.", "")
	}
	return ""
}

// example is a company's own catalogue, as the page shows it.
const example = `{
  "version": 1,
  "providers": [
    {
      "id": "acme",
      "title": "Acme, the CA of our data centres",
      "aliases": ["acme-db"],
      "homepage": "https://wiki.acme.example/ca",
      "kind": "static",
      "formats": ["pem"],
      "urls": ["https://pki.acme.example/ca.pem"],
      "regions": {"eu": ["https://pki.acme.example/eu.pem"]},
      "evidence": {"date": "2026-11-23", "confidence": "high", "checksum": "no"}
    }
  ]
}
`

const pageHead = `<!-- Made from bundles/catalog.json by go test ./bundles -run TestGenerated -update. Do not edit. -->
# Providers

What certgraft knows by name. ` + "`certgraft list --search WORD`" + ` searches it, ` + "`certgraft list ID`" + ` says all that is known of one: the URLs, the evidence,
and the SHA-256 fingerprint of each certificate that was seen. A name in brackets means the same provider.

| id | provider | how | format | known | offline | confidence |
| --- | --- | --- | --- | --- | --- | --- |
`

const pageTail = `
## A catalogue of your own

` + "`--catalog FILE` or `CERTGRAFT_CATALOG`" + ` adds entries of the same form. The ids and aliases of others are taken; unknown fields, a wrong digest, and http
without a pin are refused before anything is done (status 3).

` + "```json\n" + example + "```" + `

- ` + "`kind`: `static`" + ` has ` + "`urls`" + ` (all of them together are the bundle) or ` + "`regions`" + ` or both; ` + "`per-account`" + ` has ` + "`commands`" + `; ` + "`public-root`" + ` and ` + "`none`" + `
  have nothing to install; ` + "`packaged`" + ` is what the program itself carries.
- ` + "`known`" + ` lists the certificates that are expected, each with ` + "`name`, `sha256`, `notAfter`" + ` and, if of one, ` + "`region`" + `: a download that has others or lacks one is
  named. ` + "`evidence.set`" + ` is their set digest, which certgraft then checks; ` + "`evidence.partial`" + ` says that the publisher has more.
- ` + "`pin`" + ` is the set digest that the download of ` + "`urls`" + ` must have, and what an http URL needs. ` + "`warning`" + ` is said whenever the bundle is loaded.
`

func providersPage(providers []*Provider) []byte {
	var b strings.Builder
	b.WriteString(pageHead)
	for _, p := range providers {
		name := "`" + p.ID + "`"
		if len(p.Aliases) > 0 {
			name += " (" + strings.Join(p.Aliases, ", ") + ")"
		}
		fmt.Fprintf(&b, "| %s | [%s](%s) | %s | %s | %s | %s | %s |\n", name, p.Title, p.Homepage, p.how(), strings.Join(p.Formats, ", "),
			count(len(p.Known)), p.offlineCell(), p.Evidence.Confidence)
	}
	b.WriteString("\n## Those that are got by commands\n\nWhat stands in capitals is yours. A private key in what comes is refused.\n")
	for _, p := range providers {
		if p.Kind == PerAccount {
			fmt.Fprintf(&b, "\n**%s**: %s\n\n```sh\n%s\n```\n", p.ID, p.Evidence.Notes, strings.Join(p.Commands, "\n"))
		}
	}
	b.WriteString("\n## Warnings\n\n")
	for _, p := range providers {
		if p.Warning != "" {
			fmt.Fprintf(&b, "- `%s`: %s.\n", p.ID, p.Warning)
		}
	}
	b.WriteString(pageTail)
	return []byte(b.String())
}

func (p *Provider) how() string {
	switch p.Kind {
	case Static:
		if n := len(p.Regions); n > 0 {
			return fmt.Sprintf("download; %d by region", n)
		}
		return "download"
	case Packaged:
		return "in the program alone"
	case PerAccount:
		return "commands, below"
	case PublicRoot:
		return "nothing to do: public roots"
	}
	return "nothing to install"
}

func (p *Provider) offlineCell() string {
	set, complete, missing := p.Snapshot()
	if set.Len() == 0 || complete {
		return count(set.Len())
	}
	return fmt.Sprintf("%d of %d", set.Len(), set.Len()+len(missing))
}

func count(n int) string {
	if n == 0 {
		return ""
	}
	return fmt.Sprint(n)
}
