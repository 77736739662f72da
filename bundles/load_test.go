package bundles

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

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
	write(t, filepath.Join(many, ".sub/c.pem"), b.KeyPEM(t))
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

// Each bad argument: its kind of failure and its message.
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
		{"aws-rds:", ErrUsage, `no provider has the id "aws-rds:"`},
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
		if test.spec != "" && hintOf(err) == "" && !errors.Is(err, ErrUsage) {
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
	if !strings.Contains(hintOf(err), "aws-rds") {
		t.Errorf("hint %q", hintOf(err))
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
		got, err := Recorded(t.Context(), Options{}, spec)
		if err != nil || got.Name != want.Name || got.Set != want.Set || len(got.Fingerprints) > 0 {
			t.Errorf("%s: %+v %v", spec, got, err)
		}
	}
	got, err := Recorded(t.Context(), Options{}, file)
	if err != nil || got.Name != "corp.pem" || len(got.Fingerprints) != 1 {
		t.Errorf("%+v %v", got, err)
	}
	for _, spec := range []string{"stdin", "acme:eu", "aws-rds:mars-1"} {
		got, err := Recorded(t.Context(), Options{}, spec)
		if err != nil || got.Name != spec || !errors.Is(got.Unknown, ErrUsage) {
			t.Errorf("%s: %+v %v", spec, got, err)
		}
	}
}

// Dir is the place of files alone: an id, a URL and an absolute path stay.
func TestSourcesFromADirectory(t *testing.T) {
	dir := t.TempDir()
	write(t, filepath.Join(dir, "plain"), "")
	c, err := Catalog(t.Context(), Options{})
	if err != nil {
		t.Fatal(err)
	}
	for spec, path := range map[string]string{
		"./corp.pem": filepath.Join(dir, "corp.pem"),
		"corp.pem@set:" + strings.Repeat("0", 64): filepath.Join(dir, "corp.pem"),
		"../corp.pem":            filepath.Join(filepath.Dir(dir), "corp.pem"),
		"plain":                  filepath.Join(dir, "plain"),
		"/etc/corp.pem":          "/etc/corp.pem",
		"aws-rds":                "",
		"https://example.com/ca": "",
		"-":                      "",
	} {
		s, err := parseSource(c, spec, Options{Dir: dir})
		if err != nil || s.path != path {
			t.Errorf("%s: %+v %v, want the path %q", spec, s, err, path)
		}
	}
}

func FuzzParseSource(f *testing.F) {
	for _, seed := range []string{"aws-rds:eu-west-1@set:0", "https://u:p@h/x?y", "./x", "-", "@sha256:"} {
		f.Add(seed)
	}
	c, err := Catalog(f.Context(), Options{})
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, spec string) {
		s, err := parseSource(c, spec, Options{})
		if err == nil && s.public() == "" {
			t.Errorf("%q has no name", spec)
		}
	})
}

func FuzzCatalogue(f *testing.F) {
	f.Add([]byte(`{"version":1,"providers":[{"id":"x"}]}`))
	f.Add([]byte(`{"version":1,"distrust":[{"name":"x","title":"t","since":"2026-01-01","why":"w","keys":[{"sha256":"ff"}]}]}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		file, err := decodeCatalog(data)
		if err != nil {
			return
		}
		c := &Catalogue{byName: map[string]*Provider{}}
		_ = c.addAll(file.Providers)
		d, err := Distrusts(t.Context(), Options{})
		if err != nil {
			t.Fatal(err)
		}
		if d.add(file.Distrust) == nil && len(file.Distrust) > 0 {
			if _, err := d.Find(file.Distrust[0].Name); err != nil {
				t.Error(err)
			}
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
