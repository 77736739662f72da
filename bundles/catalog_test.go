package bundles

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/certgraft/certgraft/internal/roottest"
)

const acme = `{"id":"acme","title":"Acme","aliases":["acme-db"],"homepage":"https://acme.example","kind":"static","formats":["pem"],"urls":["https://acme.example/ca.pem"],` +
	`"evidence":{"date":"2026-01-01","confidence":"high","checksum":"no"}}`

func catalogOf(entries ...string) string {
	return `{"version":1,"providers":[` + strings.Join(entries, ",") + `]}`
}

func edited(old, new string) string { return catalogOf(strings.Replace(acme, old, new, 1)) }

// Each broken catalogue and its error.
func TestCatalogueFileRefused(t *testing.T) {
	fingerprint := strings.Repeat("ab", 32)
	known := `"known":[{"name":"x","sha256":"` + fingerprint + `","notAfter":"2030-01-01"}],"evidence":{`
	for content, want := range map[string]string{
		"":                                                    "unexpected end",
		"{":                                                   "unexpected end",
		`[]`:                                                  "cannot unmarshal array",
		catalogOf(acme) + "x":                                 "invalid character 'x' after",
		`{"version":2,"suppliers":[]}`:                        "its version is 2, this program reads version 1",
		`{"providers":[]}`:                                    "its version is 0",
		catalogOf("null"):                                     "a provider is null",
		catalogOf(acme, acme):                                 `"acme" is taken by "acme"`,
		edited(`"title"`, `"tittle"`):                         `unknown field "tittle"`,
		edited(`"acme"`, `"Acme Corp"`):                       `"Acme Corp" is no id`,
		edited(`"acme"`, `"acme-"`):                           "is no id",
		edited(`"acme-db"`, `"Acme_db"`):                      "is no id",
		edited(`"acme"`, `"aws-rds"`):                         `"aws-rds" is taken by "aws-rds"`,
		edited(`"acme"`, `"rds"`):                             `"rds" is taken by "aws-rds"`,
		edited(`"acme-db"`, `"neptune"`):                      `"neptune" is taken by "amazon-roots"`,
		edited(`"acme-db"`, `"acme"`):                         `"acme" is taken by "acme"`,
		edited(`"static"`, `"dynamic"`):                       `kind "dynamic"`,
		edited(`"static"`, `"per-account"`):                   "urls and regions are for the kind static",
		edited(`"static"`, `"none"`):                          "urls and regions are for the kind static",
		edited(`["pem"]`, `["jks"]`):                          `format "jks"`,
		edited(`["https:`, `["https:///x","`):                 "is no URL",
		edited(`https://acme.example/ca`, "ca"):               `"ca.pem" is no URL`,
		edited(`["https:`, `["http:`):                         "is http, which anyone on the way can change",
		edited(`https://acme.example/ca`, "file://x/y"):       "is not an https URL",
		edited(`"urls":["https://acme.example/ca.pem"],`, ""): "needs urls",
		edited(`"urls":["https://acme.example/ca.pem"],`, `"regions":{"eu":[]},`):                                      `region "eu" has no urls`,
		edited(`"static","formats":["pem"],"urls":["https://acme.example/ca.pem"]`, `"per-account"`):                   "needs commands",
		edited(`"static","formats":["pem"],"urls":["https://acme.example/ca.pem"]`, `"packaged"`):                      "needs known certificates",
		edited(`"evidence"`, `"pin":"x","evidence"`):                                                                   `pin "x" is no SHA-256`,
		edited(`"evidence":{`, `"known":[{"name":"x","sha256":"y","notAfter":""}],"evidence":{`):                       `"y" is no SHA-256`,
		edited(`"evidence":{`, known+`"set":"`+fingerprint+`",`):                                                       "its evidence says " + fingerprint,
		edited(`"evidence":{`, `"pin":"`+fingerprint+`",`+known):                                                       "its pin is " + fingerprint,
		edited(`"evidence":{`, strings.Replace(known, `"notAfter"`, `"region":"eu","notAfter"`, 1)):                    `there is no region "eu"`,
		edited(`"evidence":{`, `"regions":{"eu":["http://acme.example/eu.pem"]},"pin":"`+fingerprint+`","evidence":{`): `region "eu": http://acme.example/eu.pem is http`,
	} {
		_, err := Catalog(t.Context(), Options{Catalog: []string{write(t, filepath.Join(t.TempDir(), "bad.json"), content)}})
		if !errors.Is(err, ErrRefused) || !strings.Contains(err.Error(), "bad.json: ") || !strings.Contains(err.Error(), want) || hintOf(err) == "" {
			t.Errorf("%s\n%v, want %q", content, err, want)
		}
	}
	if _, err := Catalog(t.Context(), Options{Catalog: []string{"/nowhere"}}); !errors.Is(err, fs.ErrNotExist) || hintOf(err) == "" {
		t.Error(err)
	}
}

// A company's own catalogue works like the one in the program: aliases,
// regions, known certificates. The example in the docs page is one.
func TestCatalogueFile(t *testing.T) {
	ca := roottest.NewCA(t, "Acme Root")
	page, err := os.ReadFile("../docs/providers.md")
	if err != nil {
		t.Fatal(err)
	}
	_, example, _ := strings.Cut(string(page), "```json\n")
	example, _, _ = strings.Cut(example, "```")
	file := write(t, filepath.Join(t.TempDir(), "acme.json"), example)
	pages := site{"https://pki.acme.example/ca.pem": ca.PEM(), "https://pki.acme.example/eu.pem": ca.PEM() + roottest.NewCA(t, "Acme EU").PEM()}
	for spec, want := range map[string]string{"acme": "Acme Root", "acme-db": "Acme Root", "acme:eu": "Acme Root Acme EU", "acme-db:eu": "Acme Root Acme EU"} {
		loaded, err := Load(t.Context(), Options{Catalog: []string{file}, Transport: pages}, spec)
		if err != nil || commonNames(loaded[0]) != want || len(loaded[0].Warnings) > 0 {
			t.Errorf("%s: %+v %v", spec, loaded, err)
		}
	}
	c, err := Catalog(t.Context(), Options{Catalog: []string{file}})
	if err != nil {
		t.Fatal(err)
	}
	before := ""
	for p := range c.All() {
		if p.ID <= before {
			t.Errorf("%s after %s", p.ID, before)
		}
		before = p.ID
	}
}

// An entry without a download says what to do. The warning of an entry appears
// for each origin of its bundle.
func TestKinds(t *testing.T) {
	for id, want := range map[string]string{
		"aiven": "get it with: avn project ca-get", "neon": "install the ca-certificates package", "heroku-postgres": "certgraft list heroku-postgres says why",
	} {
		if _, err := Load(t.Context(), Options{}, id); !errors.Is(err, ErrUsage) || !strings.Contains(hintOf(err), want) {
			t.Errorf("%s: %v, hint %q", id, err, hintOf(err))
		}
	}
	for _, opt := range []Options{{}, {Offline: true}, {NoFallback: true}} {
		loaded, err := Load(t.Context(), opt, "capella", "redis-cloud")
		if err != nil || loaded[0].Origin != Snapshot || loaded[0].Certs.Len() != 1 || loaded[1].Certs.Len() != 2 {
			t.Errorf("%+v: %+v %v", opt, loaded, err)
		}
	}
	if _, err := Load(t.Context(), Options{}, "capella@set:"+strings.Repeat("0", 64)); !errors.Is(err, ErrRefused) {
		t.Error(err)
	}
	gone := strings.Replace(acme, `"static","formats":["pem"],"urls":["https://acme.example/ca.pem"]`, `"packaged","known":[{"name":"x","sha256":"`+strings.Repeat("ab", 32)+`","notAfter":"2030-01-01"}]`, 1)
	file := write(t, filepath.Join(t.TempDir(), "c.json"), catalogOf(gone))
	if _, err := Load(t.Context(), Options{Catalog: []string{file}}, "acme"); !errors.Is(err, ErrUnreachable) || hintOf(err) == "" {
		t.Errorf("a package that this program lacks: %v", err)
	}
	warned := strings.Replace(acme, `"evidence"`, `"warning":"look out","evidence"`, 1)
	file = write(t, filepath.Join(t.TempDir(), "c.json"), catalogOf(warned))
	loaded, err := Load(t.Context(), Options{Catalog: []string{file}, Transport: site{"https://acme.example/ca.pem": roottest.NewCA(t, "Root").PEM()}}, "acme")
	if err != nil || strings.Join(loaded[0].Warnings, "") != "look out" {
		t.Errorf("%+v %v", loaded, err)
	}
}

// If only some certificates of a provider are known, none is reported as new. A
// missing one is still named.
func TestComparePartial(t *testing.T) {
	known, other := roottest.NewCA(t, "Known"), roottest.NewCA(t, "Other")
	gone := `{"name":"x","sha256":"` + strings.Repeat("ab", 32) + `","notAfter":"2030-01-01"}`
	entry := strings.Replace(acme, `"evidence":{`, `"known":[`+gone+`,{"name":"Known","sha256":"`+fingerprintOf(t, known.DER).String()+`","notAfter":"2100-01-01"}],"evidence":{"partial":true,`, 1)
	file := write(t, filepath.Join(t.TempDir(), "c.json"), catalogOf(entry))
	loaded, err := Load(t.Context(), Options{Catalog: []string{file}, Transport: site{"https://acme.example/ca.pem": known.PEM() + other.PEM()}}, "acme")
	if err != nil || len(loaded[0].New) != 0 || len(loaded[0].Gone) != 1 {
		t.Errorf("%+v %v", loaded, err)
	}
}

// A catalogue is a file. A URL is refused, and its password is not quoted.
func TestG7CatalogueIsNoAddress(t *testing.T) {
	_, err := Catalog(t.Context(), Options{Catalog: []string{"https://ann:s3cret@host.example/c.json?token=s3cret"}})
	if !errors.Is(err, ErrUsage) || strings.Contains(err.Error(), "s3cret") || !strings.Contains(err.Error(), "https://host.example/c.json") {
		t.Errorf("%v", err)
	}
}
