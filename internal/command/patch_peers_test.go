package command_test

import (
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/certgraft/certgraft/certs"
	"github.com/certgraft/certgraft/image"
	"github.com/certgraft/certgraft/installer"
	"github.com/certgraft/certgraft/internal/roottest"
)

// trusted returns the common names in the bundles of an image.
func trusted(t *testing.T, text string) []string {
	t.Helper()
	root := rootOf(t, text)
	var names []string
	for c, err := range installer.Trusted(root) {
		if err != nil {
			t.Fatal(err)
		}
		names = append(names, strings.TrimPrefix(strings.Split(c.Subject(), ",")[0], "CN="))
	}
	return names
}

func rootOf(t *testing.T, text string) fs.ReadLinkFS {
	t.Helper()
	at, err := (&image.Locations{}).Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	img, err := at.Get(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	root, _, err := image.Root(t.Context(), img, image.Options{Reads: installer.Reads})
	if err != nil {
		t.Fatal(err)
	}
	return root
}

// Bundles that other tools destroy by appending to one file: behind links of both
// kinds, without a final line feed, damaged, removed by an upper layer, in another
// place, or missing.
func TestPatchKeepsWhatIsTrusted(t *testing.T) {
	one, two := roottest.NewCA(t, "Base One"), roottest.NewCA(t, "Base Two")
	corp := filepath.Join(t.TempDir(), "corp.pem")
	if err := os.WriteFile(corp, []byte(roottest.NewCA(t, "Corp").PEM()), 0o600); err != nil {
		t.Fatal(err)
	}
	const bundle = "etc/ssl/certs/ca-certificates.crt"
	full := one.PEM() + two.PEM()
	for what, c := range map[string]struct {
		layers [][]roottest.Entry
		want   string
	}{
		"symbolic link": {[][]roottest.Entry{{roottest.File("etc/ca-certificates/extracted/tls-ca-bundle.pem", full), roottest.Link(bundle, "../../ca-certificates/extracted/tls-ca-bundle.pem")}}, "Base One Base Two Corp"},
		"hard link":     {[][]roottest.Entry{{roottest.File("etc/ssl/ca-bundle.pem", full), roottest.Hard(bundle, "etc/ssl/ca-bundle.pem")}}, "Base One Base Two Corp"},
		"no line feed":  {[][]roottest.Entry{{roottest.File(bundle, strings.TrimSuffix(full, "\n"))}}, "Base One Base Two Corp"},
		"damaged":       {[][]roottest.Entry{{roottest.File(bundle, one.PEM()+"-----BEGIN CERTIFICATE-----\nMIIB!!!\n-----END CERTIFICATE-----\n"+two.PEM())}}, "Base One Base Two Corp"},
		"opaque":        {[][]roottest.Entry{{roottest.File(bundle, full)}, {roottest.File("etc/ssl/certs/.wh..wh..opq", ""), roottest.File(bundle, two.PEM())}}, "Base Two Corp"},
		"whiteout":      {[][]roottest.Entry{{roottest.File(bundle, full)}, {roottest.File("etc/ssl/certs/.wh.ca-certificates.crt", "")}}, "Corp"},
		"cert.pem only": {[][]roottest.Entry{{roottest.File("etc/os-release", "ID=alpine\n"), roottest.File("etc/ssl/cert.pem", full)}}, "Base One Base Two Corp"},
		"RHEL": {[][]roottest.Entry{{
			roottest.File("etc/os-release", "ID=rhel\n"), roottest.File("etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem", full), roottest.Link("etc/ssl/certs", "../pki/tls/certs"),
			roottest.Link("etc/pki/tls/certs/ca-bundle.crt", "/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem"), roottest.Link("etc/pki/tls/cert.pem", "certs/ca-bundle.crt"),
		}}, "Base One Base Two Corp"},
		"scratch": {nil, "Corp"},
	} {
		t.Run(what, func(t *testing.T) {
			l := roottest.NewLayout(t)
			img := roottest.Image{Packed: "gzip"}
			for _, entries := range c.layers {
				img.Layers = append(img.Layers, roottest.Tar(t, entries...))
			}
			from := l.Tag(l.Image(img), "x")
			to := "oci:" + l.Dir + ":ca"
			run(t, 0, "patch", from, corp, "--tag", to)
			if got := strings.Join(trusted(t, to), " "); got != c.want {
				t.Errorf("trusts %q, want %q", got, c.want)
			}
			before := read(t, filepath.Join(l.Dir, "index.json"))
			for range 2 {
				if _, errs := run(t, 0, "patch", to, corp, "--in-place"); !strings.Contains(errs, "nothing to do") {
					t.Errorf("again: %s", errs)
				}
			}
			if after := read(t, filepath.Join(l.Dir, "index.json")); after != before {
				t.Error("a second run changed the image")
			}
			checkBundles(t, rootOf(t, to))
		})
	}
}

// checkBundles reads every bundle as a strict reader does: all of it or nothing.
func checkBundles(t *testing.T, root fs.ReadLinkFS) {
	t.Helper()
	data, err := fs.ReadFile(root, "etc/ssl/certs/ca-certificates.crt")
	if err != nil {
		if data, err = fs.ReadFile(root, "etc/ssl/cert.pem"); err != nil {
			data, err = fs.ReadFile(root, "etc/pki/tls/cert.pem")
		}
	}
	if err != nil {
		t.Fatal(err)
	}
	if _, findings, err := certs.ParseAll(data); err != nil || len(findings) > 0 || strings.Contains(string(data), "----------") {
		t.Errorf("%v %v", findings, err)
	}
}

func read(t *testing.T, name string) string {
	t.Helper()
	data, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

// patch publishes only certificates, and never a private key.
func TestPatchPublishesCertificatesOnly(t *testing.T) {
	ca := roottest.NewCA(t, "Corp")
	l := roottest.NewLayout(t)
	from := l.Tag(l.Image(roottest.Image{}), "x")
	for what, source := range map[string]string{"key": ca.PEM() + ca.KeyPEM(t), "page": "<html>"} {
		file := filepath.Join(t.TempDir(), what)
		if err := os.WriteFile(file, []byte(source), 0o600); err != nil {
			t.Fatal(err)
		}
		before := read(t, filepath.Join(l.Dir, "index.json"))
		run(t, 3, "patch", from, file, "--in-place")
		if read(t, filepath.Join(l.Dir, "index.json")) != before {
			t.Errorf("%s: the image changed", what)
		}
	}
}
