package audit

import (
	"bytes"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"encoding/pem"
	"math/big"
	"os"
	"regexp"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"golang.org/x/crypto/x509roots/fallback/bundle"

	"github.com/certgraft/certgraft/bundles"
	"github.com/certgraft/certgraft/certs"
	"github.com/certgraft/certgraft/installer"
	"github.com/certgraft/certgraft/internal/roottest"
)

var noon = time.Date(2026, 11, 28, 12, 0, 0, 0, time.UTC)

const bundlePath = "etc/ssl/certs/ca-certificates.crt"

func inspect(t *testing.T, files map[string]string) *installer.Inspection {
	t.Helper()
	root := fstest.MapFS{}
	for name, text := range files {
		root[name] = &fstest.MapFile{Data: []byte(text), Mode: 0o644}
	}
	found, err := installer.Inspect(root, noon, installer.Options{})
	if err != nil {
		t.Fatal(err)
	}
	return found
}

func auditor(t *testing.T, p Policy) *Auditor {
	t.Helper()
	lists, err := bundles.Distrusts(t.Context(), bundles.Options{})
	if err != nil {
		t.Fatal(err)
	}
	return &Auditor{Policy: p, Lists: lists, Required: &certs.Set{}, Now: noon}
}

func parsed(t *testing.T, text string) *certs.Certificate {
	t.Helper()
	all, _, err := certs.ParseAll([]byte(text))
	if err != nil || len(all) != 1 {
		t.Fatal(len(all), err)
	}
	return all[0]
}

// said returns the rules of findings, each with its count.
func said(found []Finding) string {
	var rules []string
	for _, f := range found {
		rules = append(rules, f.Rule)
	}
	return strings.Join(rules, " ")
}

func until(at time.Time) roottest.Option { return func(c *x509.Certificate) { c.NotAfter = at } }

// smallRSA is a CA with a key that is too small.
func smallRSA(t *testing.T) string {
	t.Helper()
	t.Setenv("GODEBUG", "rsa1024min=0")
	key, err := rsa.GenerateKey(rand.Reader, 1024)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "Small CA"}, NotBefore: noon.AddDate(-1, 0, 0), NotAfter: noon.AddDate(5, 0, 0), IsCA: true, BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}))
}

func TestRules(t *testing.T) {
	good := roottest.NewCA(t, "Good CA").PEM()
	old, ending := roottest.NewCA(t, "Old CA", until(noon.AddDate(0, 0, -1))).PEM(), roottest.NewCA(t, "Ending CA", until(noon.AddDate(0, 0, 20))).PEM()
	for _, x := range []struct {
		name  string
		files map[string]string
		with  func(*Auditor)
		want  string
	}{
		{"nothing", map[string]string{bundlePath: good}, nil, ""},
		{"expired", map[string]string{bundlePath: good + old}, nil, "expired"},
		{"expires soon, and nobody asked", map[string]string{bundlePath: good + ending}, nil, ""},
		{"expires soon", map[string]string{bundlePath: good + ending}, func(a *Auditor) { a.Policy.Within = 30 }, "expiring"},
		{"weak", map[string]string{bundlePath: smallRSA(t)}, nil, "weak"},
		{"stores that disagree", map[string]string{bundlePath: good + ending, "etc/pki/tls/cert.pem": good}, nil, "disagree"},
		{"required and there", map[string]string{bundlePath: good}, func(a *Auditor) { a.Required.Add(parsed(t, good), "") }, ""},
		{"required and in one of two", map[string]string{bundlePath: good + ending, "etc/pki/tls/cert.pem": good}, func(a *Auditor) { a.Required.Add(parsed(t, ending), "") }, "missing disagree"},
		{"required of a root without stores", map[string]string{"etc/os-release": "ID=x\n"}, func(a *Auditor) { a.Required.Add(parsed(t, good), "") }, "missing"},
		{"not allowed", map[string]string{bundlePath: good + ending}, func(a *Auditor) { a.Allowed = &certs.Set{}; a.Allowed.Add(parsed(t, good), "") }, "not-allowed"},
		{"forbidden", map[string]string{bundlePath: good + ending}, func(a *Auditor) {
			a.Forbidden = []installer.Unwanted{{Certificate: parsed(t, ending).Fingerprint().String()}}
		}, "forbidden"},
		{"forbidden by its key", map[string]string{bundlePath: good + ending}, func(a *Auditor) {
			a.Forbidden = []installer.Unwanted{{Key: certs.Fingerprint(sha256.Sum256([]byte(parsed(t, ending).PublicKey()))).String()}}
		}, "forbidden"},
		{"forbidden and in one of two", map[string]string{bundlePath: good, "etc/pki/tls/cert.pem": good + ending}, func(a *Auditor) {
			a.Forbidden = []installer.Unwanted{{Certificate: parsed(t, ending).Fingerprint().String()}}
		}, "forbidden disagree"},
		{"forbidden and not there", map[string]string{bundlePath: good}, func(a *Auditor) {
			a.Forbidden = []installer.Unwanted{{Certificate: parsed(t, ending).Fingerprint().String()}}
		}, ""},
		{"damaged", map[string]string{bundlePath: strings.Replace(good, "-----END", "----END", 1) + ending}, nil, "unreadable"},
		{"excepted", map[string]string{bundlePath: good + old}, func(a *Auditor) {
			a.Policy.Except = []Exception{{Fingerprint: parsed(t, old).Fingerprint().String(), Rule: "expired", Until: "2026-11-28", Why: "x"}}
		}, ""},
		{"excepted until yesterday", map[string]string{bundlePath: good + old}, func(a *Auditor) {
			a.Policy.Except = []Exception{{Fingerprint: parsed(t, old).Fingerprint().String(), Until: "2026-11-27", Why: "x"}}
		}, "expired"},
		{"excepted from another rule", map[string]string{bundlePath: good + old}, func(a *Auditor) {
			a.Policy.Except = []Exception{{Fingerprint: parsed(t, old).Fingerprint().String(), Rule: "weak", Why: "x"}}
		}, "expired"},
	} {
		t.Run(x.name, func(t *testing.T) {
			a := auditor(t, Policy{})
			if x.with != nil {
				x.with(a)
			}
			if got := said(a.Look(inspect(t, x.files))); got != x.want {
				t.Errorf("it found %q, not %q", got, x.want)
			}
		})
	}
}

// A CA of Mozilla's set with a date limit is a note, which is no failure. A
// blocked CA fails.
func TestLists(t *testing.T) {
	var limited *certs.Certificate
	a := auditor(t, Policy{})
	for root := range bundle.Roots() {
		c, err := certs.ParseCertificate(root.Certificate)
		if err != nil {
			t.Fatal(err)
		}
		if l := a.Lists.Of(c); l != nil && l.After != "" {
			limited = c
		}
	}
	if limited == nil {
		t.Fatal("Mozilla's set has no CA with a date")
	}
	found := a.Look(inspect(t, map[string]string{bundlePath: string(limited.AppendPEM(nil))}))
	if said(found) != "limited" || Grave(found) {
		t.Errorf("%+v", found)
	}
	bad := roottest.NewCA(t, "Bad CA").PEM()
	name := t.TempDir() + "/list.json"
	list := `{"version":1,"distrust":[{"name":"bad","title":"t","since":"2026-01-01","why":"w","certificates":[{"sha256":"` + parsed(t, bad).Fingerprint().String() + `"}]}]}`
	if err := os.WriteFile(name, []byte(list), 0o644); err != nil {
		t.Fatal(err)
	}
	lists, err := bundles.Distrusts(t.Context(), bundles.Options{Catalog: []string{name}})
	if err != nil {
		t.Fatal(err)
	}
	a.Lists = lists
	found = a.Look(inspect(t, map[string]string{bundlePath: bad}))
	if said(found) != "distrusted" || !Grave(found) || !strings.Contains(found[0].Message, "@bad") {
		t.Errorf("%+v", found)
	}
}

func TestReadPolicy(t *testing.T) {
	p, err := ReadPolicy([]byte(`{"version":1,"require":["./corp.pem"],"allow":["mozilla"],"forbid":["@all"],"within":30}`))
	if err != nil || p.Within != 30 || p.Forbid[0] != "@all" || p.Require[0] != "./corp.pem" {
		t.Error(p, err)
	}
	print := strings.Repeat("0", 64)
	for what, text := range map[string]string{
		"an unknown member": `{"version":1,"requires":[]}`,
		"no version":        `{}`,
		"another version":   `{"version":2}`,
		"days below zero":   `{"version":1,"within":-1}`,
		"two policies":      `{"version":1}{"version":1}`,
		"half a print":      `{"version":1,"except":[{"fingerprint":"00","why":"x"}]}`,
		"no reason":         `{"version":1,"except":[{"fingerprint":"` + print + `"}]}`,
		"an unknown rule":   `{"version":1,"except":[{"fingerprint":"` + print + `","rule":"expire","why":"x"}]}`,
		"no date":           `{"version":1,"except":[{"fingerprint":"` + print + `","until":"soon","why":"x"}]}`,
		"no JSON":           `require: x`,
	} {
		if _, err := ReadPolicy([]byte(text)); err == nil {
			t.Errorf("%s was taken", what)
		}
	}
}

// A policy takes a fingerprint as programs print it, and names a bad one once.
func TestFingerprintOfException(t *testing.T) {
	old := roottest.NewCA(t, "Old CA", until(noon.AddDate(0, 0, -1))).PEM()
	plain := parsed(t, old).Fingerprint().String()
	openssl := strings.ToUpper(regexp.MustCompile(`(..)\B`).ReplaceAllString(plain, "$1:"))
	for _, print := range []string{plain, openssl, strings.ToUpper(plain), "sha256:" + plain} {
		p, err := ReadPolicy([]byte(`{"version":1,"except":[{"fingerprint":"` + print + `","why":"x"}]}`))
		if err != nil {
			t.Errorf("%s: %v", print, err)
			continue
		}
		if got := said(auditor(t, p).Look(inspect(t, map[string]string{bundlePath: old}))); got != "" {
			t.Errorf("%s is no exception: %s", print, got)
		}
	}
	bad := openssl[:len(openssl)-1]
	_, err := ReadPolicy([]byte(`{"version":1,"except":[{"fingerprint":"` + bad + `","why":"x"}]}`))
	if err == nil || strings.Count(err.Error(), bad) != 1 {
		t.Errorf("%v", err)
	}
}

func TestSARIF(t *testing.T) {
	a := auditor(t, Policy{Within: 30})
	found := a.Look(inspect(t, map[string]string{bundlePath: roottest.NewCA(t, "Ending CA", until(noon.AddDate(0, 0, 20))).PEM()}))
	all := []Audited{{"registry.example/app:1", found}}
	data, err := SARIF(all, "v1")
	if err != nil {
		t.Fatal(err)
	}
	if again, err := SARIF(all, "v1"); err != nil || !bytes.Equal(data, again) {
		t.Error("two reports of one result differ", err)
	}
	var log sarifLog
	if err := json.Unmarshal(data, &log); err != nil {
		t.Fatal(err)
	}
	r := log.Runs[0].Results
	if len(r) != 1 || r[0].Rule != "expiring" || r[0].Locations[0].Physical.Artifact.URI != bundlePath || r[0].Locations[0].Logical[0].Full != "registry.example/app:1:/"+bundlePath {
		t.Errorf("%s", data)
	}
}
