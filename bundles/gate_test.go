package bundles

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/certgraft/certgraft/internal/roottest"
)

// pemOf returns the first n certificates of a provider in this program.
func pemOf(t *testing.T, p *Provider, n int) string {
	t.Helper()
	set, _, _ := p.Snapshot()
	var text []byte
	for c := range set.All() {
		if n--; n < 0 {
			break
		}
		text = c.AppendPEM(text)
	}
	if n > 0 {
		t.Fatalf("of %s this program lacks %d", p.ID, n)
	}
	return string(text)
}

// A bundle with none of the known certificates of its entry is refused, from
// any origin. A bundle with some of them is accepted.
func TestS8Gate(t *testing.T) {
	known, other := roottest.NewCA(t, "Known"), roottest.NewCA(t, "Other")
	entry := strings.Replace(acme, `"evidence"`, `"known":[{"name":"Known","sha256":"`+fingerprintOf(t, known.DER).String()+`","notAfter":"2100-01-01"}],"evidence"`, 1)
	catalog := write(t, filepath.Join(t.TempDir(), "c.json"), catalogOf(entry))
	load := func(spec, body string, opt Options) (*Bundle, error) {
		opt.Catalog, opt.Transport = append(opt.Catalog, catalog), site{"https://acme.example/ca.pem": body}
		loaded, err := Load(t.Context(), opt, spec)
		if err != nil {
			return nil, err
		}
		return loaded[0], nil
	}
	_, err := load("acme", other.PEM(), Options{})
	says(t, err, ErrRefused, "acme: the download holds none of the certificates that the catalogue knows of acme")
	pin := snapshotDigest(t, other)
	if want := "acme@set:" + pin; !strings.HasSuffix(hintOf(err), want) {
		t.Errorf("%s, want %s", hintOf(err), want)
	}
	for name, opt := range map[string]Options{"its pin": {}, "a lock": {Lock: &Lock{Version: 1, Sources: []LockedSource{{Source: "acme", Set: pin}}}, Policy: Any}} {
		spec := "acme"
		if opt.Lock == nil {
			spec += "@set:" + pin
		}
		if b, err := load(spec, other.PEM(), opt); err != nil || commonNames(b) != "Other" {
			t.Errorf("%s does not vouch: %v", name, err)
		}
	}
	b, err := load("acme", known.PEM()+other.PEM(), Options{})
	if err != nil || commonNames(b) != "Known Other" || !strings.Contains(strings.Join(b.Warnings, ""), "new since this program was made: ") {
		t.Errorf("%+v %v", b, err)
	}
	cached := Options{Cache: t.TempDir()}
	if _, err := load("acme", other.PEM(), cached); err == nil {
		t.Error("it is taken with a cache")
	}
	cached.Offline = true
	if _, err := load("acme", other.PEM(), cached); err == nil || !strings.Contains(err.Error(), "the cache holds none of the certificates") {
		t.Errorf("from the cache: %v", err)
	}
}

// The public roots are compared with those in this program.
func TestS8GateOfMozilla(t *testing.T) {
	p := mustFind(t, "mozilla")
	_, err := Load(t.Context(), Options{Transport: site{p.URLs[0]: roottest.NewCA(t, "Other").PEM()}}, "mozilla")
	says(t, err, ErrRefused, "the download holds none of the certificates that the catalogue knows of mozilla")
}

// The policy known takes the known certificates of an id, files unchanged, and
// nothing else.
func TestS8PolicyKnown(t *testing.T) {
	p, other := mustFind(t, "letsencrypt"), roottest.NewCA(t, "Other")
	body := pemOf(t, p, 2) + other.PEM()
	web := site{"https://example.com/ca.pem": body}
	for _, address := range p.URLs {
		web[address] = body
	}
	file := write(t, filepath.Join(t.TempDir(), "corp.pem"), other.PEM())
	opt := Options{Transport: web, Policy: OnlyKnown}
	loaded, err := Load(t.Context(), opt, "letsencrypt", file, "https://example.com/ca.pem@set:"+setOf(t, body))
	if err != nil {
		t.Fatal(err)
	}
	if b := loaded[0]; b.Certs.Len() != 2 || !strings.Contains(strings.Join(b.Warnings, "\n"), "not known to the catalogue, left out: Other") || len(b.New) > 0 {
		t.Errorf("%s %q", commonNames(b), b.Warnings)
	}
	if commonNames(loaded[1]) != "Other" || loaded[2].Certs.Len() != 3 {
		t.Error("a file or a pinned URL is not taken as it is")
	}
	_, err = Load(t.Context(), opt, "https://example.com/ca.pem")
	says(t, err, ErrUsage, "takes what the catalogue knows, and a URL is not in it")
	catalog := write(t, filepath.Join(t.TempDir(), "c.json"), catalogOf(acme))
	opt.Catalog = []string{catalog}
	_, err = Load(t.Context(), opt, "acme")
	says(t, err, ErrUsage, "acme: the catalogue knows no certificate of it")
}

func setOf(t *testing.T, text string) string {
	t.Helper()
	b := (&source{stdin: true}).newBundle(Stdin)
	if err := b.add("", []byte(text)); err != nil {
		t.Fatal(err)
	}
	return b.Certs.Digest()
}
