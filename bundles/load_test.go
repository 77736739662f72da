package bundles

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/certgraft/certgraft/certs"
	"github.com/certgraft/certgraft/internal/roottest"
)

func write(t *testing.T, name, data string) string {
	t.Helper()
	if err := errors.Join(os.MkdirAll(filepath.Dir(name), 0o755), os.WriteFile(name, []byte(data), 0o644)); err != nil {
		t.Fatal(err)
	}
	return name
}

func TestLoadFiles(t *testing.T) {
	a, b := roottest.NewCA(t, "A"), roottest.NewCA(t, "B")
	dir := t.TempDir()
	file := write(t, filepath.Join(dir, "corp.root.pem"), a.PEM()+a.PEM()+"-----BEGIN CERTIFICATE-----\n@\n-----END CERTIFICATE-----\n")
	many := filepath.Join(dir, "many")
	write(t, filepath.Join(many, "b.pem"), b.PEM())
	write(t, filepath.Join(many, "a.pem"), a.PEM())
	write(t, filepath.Join(many, "README"), "hello")
	write(t, filepath.Join(many, ".hidden"), b.KeyPEM(t))
	write(t, filepath.Join(many, "sub/c.pem"), b.KeyPEM(t))
	if err := os.Symlink("a.pem", filepath.Join(many, "c-link")); err != nil {
		t.Fatal(err)
	}
	loaded, err := Load(t.Context(), Options{Stdin: strings.NewReader(b.PEM())}, file, many, "-")
	if err != nil {
		t.Fatal(err)
	}
	for i, want := range []struct {
		source, anchor string
		origin         Origin
		names          string
		findings       int
	}{
		{"corp.root.pem", "corp.root", File, "A", 1},
		{"many", "many", File, "A B", 1},
		{"stdin", "stdin", Stdin, "B", 0},
	} {
		b := loaded[i]
		if b.Source != want.source || b.Anchor != want.anchor || b.Origin != want.origin || commonNames(b) != want.names || len(b.Findings) != want.findings {
			t.Errorf("%+v: %s %s", b, commonNames(b), b.Findings)
		}
	}
}

func commonNames(b *Bundle) string {
	var names []string
	for c := range b.Certs.All() {
		names = append(names, c.Name())
	}
	return strings.Join(names, " ")
}

// Each bad argument: what kind of failure it is, and what it says.
func TestLoadRefuses(t *testing.T) {
	dir := t.TempDir()
	ca := roottest.NewCA(t, "Root")
	write(t, filepath.Join(dir, "keys/key.pem"), ca.KeyPEM(t))
	write(t, filepath.Join(dir, "none/readme"), "x")
	file := write(t, filepath.Join(dir, "ca.pem"), ca.PEM())
	zero := strings.Repeat("0", 64)
	for _, test := range []struct {
		spec string
		kind error
		want string
	}{
		{"aws-rsd", ErrUsage, `no provider has the id "aws-rsd"`},
		{"aws-rds:mars-1", ErrUsage, `no region "mars-1"`},
		{"letsencrypt:eu", ErrUsage, `no region "eu"`},
		{"http://example.com/ca.pem", ErrUsage, "http, which anyone"},
		{"ftp://example.com/ca.pem", ErrUsage, "ftp"},
		{"https:///x", ErrUsage, "not a URL"},
		{"", ErrUsage, "empty"},
		{"./missing.pem", fs.ErrNotExist, "./missing.pem: no such file"},
		{filepath.Join(dir, "keys"), ErrRefused, "key.pem: line 1: it holds a private key"},
		{filepath.Join(dir, "none"), ErrRefused, "no file in the directory"},
		{dir + "@sha256:" + zero, ErrUsage, "directory"},
		{file + "@sha256:" + zero, ErrRefused, "not the pinned"},
		{file + "@set:" + zero, ErrRefused, "not the pinned"},
		{file + "@set:0", ErrUsage, "64"},
		{write(t, filepath.Join(dir, "big"), strings.Repeat("x", maxSize+1)), ErrRefused, "larger"},
		{write(t, filepath.Join(dir, "garbage.der"), "\x30\x82\x01\x00garbage"), ErrRefused, "damaged DER"},
		{write(t, filepath.Join(dir, "page.pem"), "<html>"), ErrRefused, "HTML"},
		{write(t, filepath.Join(dir, "empty.pem"), ""), ErrRefused, "empty"},
	} {
		_, err := Load(t.Context(), Options{}, test.spec)
		if !errors.Is(err, test.kind) || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: %v, want %q", test.spec, err, test.want)
		}
		if test.spec != "" && hint(err) == "" && !errors.Is(err, ErrUsage) {
			t.Errorf("%s: no hint: %v", test.spec, err)
		}
	}
	if _, err := Load(t.Context(), Options{}, "-", "-"); !errors.Is(err, ErrUsage) {
		t.Errorf("standard input twice: %v", err)
	}
	if _, err := Load(t.Context(), Options{}, "-"); !errors.Is(err, ErrUsage) {
		t.Errorf("no standard input: %v", err)
	}
	_, err := Load(t.Context(), Options{}, "aws-rsd")
	if !strings.Contains(hint(err), "aws-rds") {
		t.Errorf("hint %q", hint(err))
	}
}

func TestRecorded(t *testing.T) {
	ca := roottest.NewCA(t, "Root")
	file := write(t, filepath.Join(t.TempDir(), "corp.pem"), ca.PEM())
	for spec, want := range map[string]Record{
		"rds":                                    {Name: "aws-rds"},
		"aws-rds:eu-west-1":                      {Name: "aws-rds:eu-west-1"},
		"https://u:p@example.com/x?y#z":          {Name: "https://example.com/x"},
		"./gone.pem":                             {Name: "gone.pem"},
		"-":                                      {Name: "stdin"},
		"aws-rds@set:" + strings.Repeat("a", 64): {Name: "aws-rds", Set: strings.Repeat("a", 64)},
	} {
		got, err := Recorded(Options{}, spec)
		if err != nil || got.Name != want.Name || got.Set != want.Set || len(got.Fingerprints) > 0 {
			t.Errorf("%s: %+v %v", spec, got, err)
		}
	}
	got, err := Recorded(Options{}, file)
	if err != nil || got.Name != "corp.pem" || len(got.Fingerprints) != 1 {
		t.Errorf("%+v %v", got, err)
	}
	if _, err := Recorded(Options{}, "nonsense"); !errors.Is(err, ErrUsage) {
		t.Error(err)
	}
}

// The catalogue is data; this is its lint.
func TestCatalogue(t *testing.T) {
	c, err := Catalog(Options{})
	if err != nil {
		t.Fatal(err)
	}
	var ids []string
	for p := range c.All() {
		ids = append(ids, p.ID)
		if p.Title == "" || p.Evidence.Date == "" || p.Evidence.Confidence == "" || !strings.HasPrefix(p.Homepage, "https://") {
			t.Errorf("%s: title, page, date or confidence is missing", p.ID)
		}
		set, complete, missing := p.Snapshot()
		if set.Len() == 0 && complete || complete && len(missing) > 0 {
			t.Errorf("%s: a snapshot of %d is complete, %d are missing", p.ID, set.Len(), len(missing))
		}
		for _, k := range p.Known {
			if k.Region != "" && p.Regions[k.Region] == nil {
				t.Errorf("%s: %s is of a region that has no bundle", p.ID, k.Name)
			}
		}
	}
	if !slices.IsSorted(ids) || len(slices.Compact(slices.Clone(ids))) != len(ids) {
		t.Errorf("ids %v", ids)
	}
	for alias, id := range map[string]string{"rds": "aws-rds", "aurora": "aws-rds", "documentdb": "aws-rds", "neptune": "amazon-roots",
		"amazon-trust-services": "amazon-roots", "rds-proxy": "amazon-roots", "azure-database": "azure-db"} {
		if p := mustFind(t, alias); p.ID != id {
			t.Errorf("%s is %s", alias, p.ID)
		}
	}
	rds := mustFind(t, "aws-rds")
	if len(rds.Known) != 108 || len(rds.Regions) != 34 || len(rds.known("eu-west-1")) != 3 {
		t.Errorf("aws-rds: %d certificates, %d regions", len(rds.Known), len(rds.Regions))
	}
}

// Each embedded certificate is one that the catalogue knows.
func TestSnapshotIsExplained(t *testing.T) {
	c, err := Catalog(Options{})
	if err != nil {
		t.Fatal(err)
	}
	known := map[certs.Fingerprint]bool{}
	for p := range c.All() {
		for _, k := range p.Known {
			known[k.fingerprint()] = true
		}
	}
	n := 0
	for cert, err := range certs.Parse(snapshotPEM) {
		if err != nil {
			t.Fatal(err)
		}
		n++
		if !known[cert.Fingerprint()] {
			t.Errorf("%s is in no provider's known set", cert.Subject())
		}
	}
	if n < 87 || n != len(snapshots()) {
		t.Errorf("%d certificates are embedded, %d are found", n, len(snapshots()))
	}
	for _, all := range []map[certs.Fingerprint][]byte{snapshots(), mozillaDER()} {
		for f, der := range all {
			c, err := certs.ParseCertificate(der)
			if err != nil || c.Fingerprint() != f || c.Quirk() != "" {
				t.Errorf("%v is not fit to be called vetted: %v, %s", f, err, c.Quirk())
			}
		}
	}
	for id, want := range map[string]int{"aws-rds": 87, "amazon-roots": 5, "aws-redshift": 4, "azure-db": 3, "letsencrypt": 2, "yandex-cloud": 2, "supabase": 0} {
		if set, _, _ := mustFind(t, id).Snapshot(); set.Len() != want {
			t.Errorf("%s: %d certificates in the snapshot, want %d", id, set.Len(), want)
		}
	}
}

func TestCatalogueFile(t *testing.T) {
	dir := t.TempDir()
	entry := func(s string) string { return `{"version":1,"providers":[` + s + `]}` }
	good := `{"id":"acme","title":"Acme","homepage":"https://acme.example","kind":"static","urls":["https://acme.example/ca.pem"],"evidence":{"date":"2026-01-01","confidence":"high","checksum":"no"}}`
	c, err := Catalog(Options{Catalog: []string{write(t, filepath.Join(dir, "good.json"), entry(good))}})
	if err != nil {
		t.Fatal(err)
	}
	if p, err := c.Find("acme"); err != nil || p.Title != "Acme" {
		t.Error(p, err)
	}
	edit := func(old, new string) string { return entry(strings.Replace(good, old, new, 1)) }
	for what, content := range map[string]string{
		"not JSON":           "{",
		"newer version":      `{"version":2}`,
		"unknown field":      edit(`"title"`, `"tittle"`),
		"bad id":             edit(`"acme"`, `"Acme Corp"`),
		"taken id":           edit(`"acme"`, `"aws-rds"`),
		"taken alias":        edit(`"acme"`, `"rds"`),
		"no kind":            edit(`"static"`, `"dynamic"`),
		"no URL":             edit(`"urls":["https://acme.example/ca.pem"],`, ""),
		"not a URL":          edit(`https://acme.example/ca.pem`, "ca.pem"),
		"http without a pin": edit(`https://acme.example/ca.pem`, "http://acme.example/ca.pem"),
		"file URL":           edit(`https://acme.example/ca.pem`, "file://x/etc/passwd"),
		"bad pin":            edit(`"evidence"`, `"pin":"x","evidence"`),
		"bad fingerprint":    edit(`"evidence"`, `"known":[{"name":"x","sha256":"y","notAfter":""}],"evidence"`),
		"twice":              entry(good + "," + good),
	} {
		if _, err := Catalog(Options{Catalog: []string{write(t, filepath.Join(dir, "bad.json"), content)}}); !errors.Is(err, ErrRefused) || !strings.Contains(err.Error(), "bad.json") {
			t.Errorf("%s: %v", what, err)
		}
	}
	if _, err := Catalog(Options{Catalog: []string{"/nowhere"}}); !errors.Is(err, fs.ErrNotExist) {
		t.Error(err)
	}
	account := edit(`"kind":"static","urls":["https://acme.example/ca.pem"]`, `"kind":"per-account","commands":["acme get-ca"]`)
	public := strings.Replace(account, "per-account", "public-root", 1)
	for _, content := range []string{account, public} {
		_, err := Load(t.Context(), Options{Catalog: []string{write(t, filepath.Join(dir, "x.json"), content)}}, "acme")
		if !errors.Is(err, ErrUsage) || hint(err) == "" {
			t.Errorf("%v, hint %q", err, hint(err))
		}
	}
}

// An http entry of the catalogue is downloaded, since its content is pinned;
// other content is refused.
func TestPinnedHTTPEntry(t *testing.T) {
	ca, other := roottest.NewCA(t, "Root"), roottest.NewCA(t, "Other")
	catalog := write(t, filepath.Join(t.TempDir(), "c.json"), `{"version":1,"providers":[{"id":"fpki","title":"x","homepage":"https://x.example","kind":"static","urls":["http://x.example/ca.crt"],"pin":"`+
		snapshotDigest(t, ca)+`","evidence":{"date":"","confidence":"","checksum":""}}]}`)
	for body, kind := range map[string]error{string(ca.DER): nil, string(other.DER): ErrRefused} {
		_, err := Load(t.Context(), Options{Catalog: []string{catalog}, Transport: &server{answers: list(answer(200, body))}}, "fpki")
		if !errors.Is(err, kind) {
			t.Error(err)
		}
	}
}

// The real bundles, where they are: each is what the catalogue knows.
func TestRealBundles(t *testing.T) {
	dir := os.Getenv("CERTGRAFT_TESTDATA")
	if dir == "" {
		t.Skip("CERTGRAFT_TESTDATA is not set: the real bundles are not there")
	}
	for file, spec := range map[string]string{
		"aws-rds/global-bundle.pem":               "aws-rds",
		"aws-rds/us-east-1-bundle.pem":            "aws-rds:us-east-1",
		"aws-rds/us-west-2-bundle.pem":            "aws-rds:us-west-2",
		"aws-rds-govcloud/govcloud-bundle.pem":    "aws-rds-govcloud",
		"yandex-cloud/ydb-go-yc-metadata.pem":     "yandex-cloud",
		"supabase/prod-ca-2021.crt":               "supabase",
		"aws-redshift/amazon-trust-ca-bundle.crt": "aws-redshift",
	} {
		body, err := os.ReadFile(filepath.Join(dir, "bundles", file))
		if err != nil {
			t.Fatal(err)
		}
		loaded, err := Load(t.Context(), Options{Transport: &server{answers: list(answer(200, string(body)))}}, spec)
		if err != nil {
			t.Errorf("%s: %v", file, err)
			continue
		}
		if b := loaded[0]; len(b.New) > 0 || len(b.Gone) > 0 {
			t.Errorf("%s: %q", file, b.Warnings)
		}
	}
}

func FuzzParseSource(f *testing.F) {
	for _, seed := range []string{"aws-rds:eu-west-1@set:0", "https://u:p@h/x?y", "./x", "-", "@sha256:"} {
		f.Add(seed)
	}
	c, err := Catalog(Options{})
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, spec string) {
		s, err := parseSource(c, spec, false)
		if err == nil && s.public() == "" {
			t.Errorf("%q has no name", spec)
		}
	})
}

func FuzzCatalogue(f *testing.F) {
	f.Add([]byte(`{"version":1,"providers":[{"id":"x"}]}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		c := &Catalogue{byName: map[string]*Provider{}}
		if err := c.add("x", data); err != nil && !errors.Is(err, ErrRefused) {
			t.Error(err)
		}
	})
}

func ExampleLoad() {
	ctx, opt := context.Background(), Options{Offline: true}
	loaded, err := Load(ctx, opt, "aws-rds:eu-west-1")
	if err != nil {
		fmt.Println(err)
		return
	}
	for c := range loaded[0].Certs.All() {
		fmt.Println(c.Name())
	}
	// Output:
	// Amazon RDS eu-west-1 Root CA ECC384 G1
	// Amazon RDS eu-west-1 Root CA RSA2048 G1
	// Amazon RDS eu-west-1 Root CA RSA4096 G1
}
