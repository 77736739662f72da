package bundles

import (
	"crypto/sha256"
	"encoding/json"
	"errors"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/crypto/x509roots/fallback/bundle"

	"github.com/certgraft/certgraft/certs"
	"github.com/certgraft/certgraft/internal/roottest"
)

// The lists are data; this test is their lint.
func TestDistrustLint(t *testing.T) {
	data, err := os.ReadFile("distrust.json")
	if err != nil {
		t.Fatal(err)
	}
	var file struct {
		Date  string
		Lists []*Distrust
	}
	if err := json.Unmarshal(data, &file); err != nil {
		t.Fatal(err)
	}
	if _, err := time.Parse(time.DateOnly, file.Date); err != nil {
		t.Error(err)
	}
	var names []string
	seen := map[string]string{}
	for _, l := range file.Lists {
		names = append(names, l.Name)
		for _, problem := range lintDistrust(l) {
			t.Errorf("@%s: %s", l.Name, problem)
		}
		for _, c := range l.Certificates {
			if other, ok := seen[c.SHA256]; ok {
				t.Errorf("%s is in @%s and in @%s", c.Name, other, l.Name)
			}
			seen[c.SHA256] = l.Name
		}
	}
	if !slices.IsSorted(names) || len(names) == 0 {
		t.Errorf("not sorted: %v", names)
	}
}

// lintDistrust returns the problems of a list in this program.
func lintDistrust(l *Distrust) (problems []string) {
	if err := l.check(); err != nil {
		problems = append(problems, err.Error())
	}
	if !slices.Contains([]string{"high", "medium", "low"}, l.Evidence.Confidence) {
		problems = append(problems, "confidence "+l.Evidence.Confidence)
	}
	if l.Evidence.Confidence == "high" && len(l.Evidence.Sources) < 2 && l.After == "" {
		problems = append(problems, "one source is not high confidence")
	}
	if len(l.Evidence.Sources) == 0 {
		problems = append(problems, "no source")
	}
	if _, err := time.Parse(time.DateOnly, l.Evidence.Date); err != nil {
		problems = append(problems, err.Error())
	}
	if strings.HasSuffix(l.Why, ".") {
		problems = append(problems, "why ends with a full stop")
	}
	for _, c := range l.Certificates {
		if _, err := time.Parse(time.DateOnly, c.NotAfter); err != nil || c.Name == "" {
			problems = append(problems, "a certificate without name or notAfter")
		}
	}
	return problems
}

// The program embeds no certificate that it would leave out. Roots that Go's
// set limits by date are in a list with that date.
func TestEmbeddedAndDistrusted(t *testing.T) {
	d := distrusts(t)
	catalogue, err := Catalog(t.Context(), Options{})
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for p := range catalogue.All() {
		set, _, _ := p.Snapshot()
		if set == nil {
			continue
		}
		for c := range set.All() {
			n++
			if l := d.Of(c); l != nil && l.After == "" {
				t.Errorf("%s: the snapshot holds %s of @%s", p.ID, c.Subject(), l.Name)
			}
		}
	}
	if n < 200 {
		t.Errorf("%d certificates were looked at", n)
	}
	for root := range bundle.Roots() {
		c, err := certs.ParseCertificate(root.Certificate)
		if err != nil {
			t.Fatal(err)
		}
		if l := d.Of(c); root.Constraint != nil && (l == nil || l.After == "") {
			t.Errorf("%s has a date, and no list says so", c.Subject())
		}
	}
}

func TestDistrustedOf(t *testing.T) {
	c, other := parsed(t, roottest.NewCA(t, "A CA").PEM()), parsed(t, roottest.NewCA(t, "Another CA").PEM())
	print := func(c *certs.Certificate) []Known { return []Known{{Name: "x", SHA256: c.Fingerprint().String()}} }
	key := func(c *certs.Certificate) []DistrustedKey {
		return []DistrustedKey{{Name: "x", SHA256: certs.Fingerprint(sha256.Sum256([]byte(c.PublicKey()))).String()}}
	}
	list := func(name, after string, certificates []Known, keys []DistrustedKey) *Distrust {
		return &Distrust{Name: name, Title: "t", Since: "2026-01-01", After: after, Why: "w", Certificates: certificates, Keys: keys}
	}
	const day = "2026-01-01T00:00:00Z"
	for _, x := range []struct {
		name  string
		lists []*Distrust
		want  string
	}{
		{"by its fingerprint", []*Distrust{list("a", "", print(c), nil)}, "a"},
		{"by its key", []*Distrust{list("a", "", nil, key(c))}, "a"},
		{"another", []*Distrust{list("a", "", print(other), key(other))}, ""},
		{"a block wins over a date", []*Distrust{list("a", day, print(c), nil), list("b", "", print(c), nil)}, "b"},
		{"and before it", []*Distrust{list("b", "", print(c), nil), list("a", day, print(c), nil)}, "b"},
		{"a blocked key wins over a date", []*Distrust{list("a", day, print(c), nil), list("b", "", nil, key(c))}, "b"},
		{"a blocked certificate wins over the date of a key", []*Distrust{list("b", "", print(c), nil), list("a", day, nil, key(c))}, "b"},
	} {
		t.Run(x.name, func(t *testing.T) {
			d := &Distrusted{certs: map[certs.Fingerprint]*Distrust{}, keys: map[certs.Fingerprint]*Distrust{}}
			if err := d.add(x.lists); err != nil {
				t.Fatal(err)
			}
			got := ""
			if l := d.Of(c); l != nil {
				got = l.Name
			}
			if got != x.want {
				t.Errorf("it is in %q, not %q", got, x.want)
			}
		})
	}
}

func TestDistrustFiles(t *testing.T) {
	write := func(text string) Options {
		name := t.TempDir() + "/catalog.json"
		if err := os.WriteFile(name, []byte(`{"version":1,"distrust":[`+text+`]}`), 0o644); err != nil {
			t.Fatal(err)
		}
		return Options{Catalog: []string{name}}
	}
	const digest = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
	d, err := Distrusts(t.Context(), write(`{"name":"acme","title":"t","since":"2026-01-01","why":"w","keys":[{"name":"k","sha256":"`+digest+`"}]}`))
	if err != nil {
		t.Fatal(err)
	}
	if l, err := d.Find("@acme"); err != nil || len(l) != 1 {
		t.Error(l, err)
	}
	all, err := d.Find("@all")
	if err != nil || !slices.ContainsFunc(all, func(l *Distrust) bool { return l.Name == "acme" }) || slices.ContainsFunc(all, func(l *Distrust) bool { return l.After != "" }) {
		t.Error("@all is not all that block:", err)
	}
	if _, err := d.Find("@acm"); !errors.Is(err, ErrUsage) || !strings.Contains(err.Error(), "@acm") {
		t.Error(err)
	}
	for what, text := range map[string]string{
		"a taken name":     `{"name":"emsign","title":"t","since":"2026-01-01","why":"w","keys":[{"sha256":"` + digest + `"}]}`,
		"the name all":     `{"name":"all","title":"t","since":"2026-01-01","why":"w","keys":[{"sha256":"` + digest + `"}]}`,
		"nothing in it":    `{"name":"x","title":"t","since":"2026-01-01","why":"w"}`,
		"half a digest":    `{"name":"x","title":"t","since":"2026-01-01","why":"w","certificates":[{"sha256":"e3b0"}]}`,
		"half of a key":    `{"name":"x","title":"t","since":"2026-01-01","why":"w","keys":[{"sha256":"e3b0"}]}`,
		"no date":          `{"name":"x","title":"t","since":"soon","why":"w","keys":[{"sha256":"` + digest + `"}]}`,
		"no time":          `{"name":"x","title":"t","since":"2026-01-01","after":"2026-01-01","why":"w","keys":[{"sha256":"` + digest + `"}]}`,
		"no reason":        `{"name":"x","title":"t","since":"2026-01-01","keys":[{"sha256":"` + digest + `"}]}`,
		"an unknown field": `{"name":"x","colour":1}`,
		"null":             `null`,
	} {
		if _, err := Distrusts(t.Context(), write(text)); !errors.Is(err, ErrRefused) {
			t.Errorf("%s: %v", what, err)
		}
	}
}

// A list takes digests as openssl prints them, and has them without colons.
func TestDistrustFileWithColons(t *testing.T) {
	c, other := parsed(t, roottest.NewCA(t, "A CA").PEM()), parsed(t, roottest.NewCA(t, "Another CA").PEM())
	openssl := func(digest string) string {
		return strings.ToUpper(regexp.MustCompile(`(..)\B`).ReplaceAllString(digest, "$1:"))
	}
	key := certs.Fingerprint(sha256.Sum256([]byte(other.PublicKey()))).String()
	name := t.TempDir() + "/catalog.json"
	list := `{"version":1,"distrust":[{"name":"acme","title":"t","since":"2026-01-01","why":"w","certificates":[{"sha256":"` + openssl(c.Fingerprint().String()) + `"}],"keys":[{"sha256":"` + openssl(key) + `"}]}]}`
	if err := os.WriteFile(name, []byte(list), 0o644); err != nil {
		t.Fatal(err)
	}
	d, err := Distrusts(t.Context(), Options{Catalog: []string{name}})
	if err != nil {
		t.Fatal(err)
	}
	if d.Of(c) == nil || d.Of(other) == nil {
		t.Errorf("by its fingerprint: %v, by its key: %v", d.Of(c), d.Of(other))
	}
	all, err := d.Find("acme")
	if err != nil || all[0].Certificates[0].SHA256 != c.Fingerprint().String() || all[0].Keys[0].SHA256 != key {
		t.Errorf("%+v %v", all, err)
	}
}

// parsed returns the only certificate of a PEM text.
func parsed(t *testing.T, text string) *certs.Certificate {
	t.Helper()
	all, _, err := certs.ParseAll([]byte(text))
	if err != nil || len(all) != 1 {
		t.Fatal(len(all), err)
	}
	return all[0]
}

func distrusts(t *testing.T) *Distrusted {
	t.Helper()
	d, err := Distrusts(t.Context(), Options{})
	if err != nil {
		t.Fatal(err)
	}
	return d
}
