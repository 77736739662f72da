package installer

import (
	"bytes"
	"errors"
	"io/fs"
	"maps"
	"os"
	"path"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/certgraft/certgraft/certs"
	"github.com/certgraft/certgraft/internal/pemfile"
	"github.com/certgraft/certgraft/internal/roottest"
	"github.com/certgraft/certgraft/rootfs"
)

// FuzzRelease reads os-release.
func FuzzRelease(f *testing.F) {
	f.Add([]byte("NAME=\"Debian GNU/Linux\"\nID=debian\nID_LIKE='a b'\n# c=d\n\x00=\xff"))
	f.Add([]byte(strings.Repeat("x", 70_000) + "\nID=nixos\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		for key := range parseRelease(data) {
			if strings.Contains(key, "=") || strings.Contains(key, "\n") {
				t.Errorf("key %q", key)
			}
		}
		d, err := Detect(fstest.MapFS{"etc/os-release": {Data: data}})
		if err == nil && (d.Family == "" || d.Rule == "" || refusedRoots[d.ID] != "") {
			t.Errorf("%+v", d)
		}
	})
}

// FuzzRecord reads a record from an earlier run, or from anyone else.
func FuzzRecord(f *testing.F) {
	f.Add([]byte(`{"version":1,"certificates":[{"fingerprint":"00","subject":"CN=x","sources":["a"],"stores":["bundle:/etc/ssl/cert.pem"]}],"sources":[{"name":"a","set":""}],"stores":[{"name":"bundle","created":["../../x","etc/ssl/cert.pem"],"repairs":[{"path":"etc/ssl/cert.pem","sha256":"","cuts":[{"offset":99,"was":"","now":"x"}]}],"replaced":[{"path":"/x","target":"y"}]}],"directories":["..","etc"]}`))
	corp, err := os.ReadFile("../testdata/bundles/corp.pem")
	if err != nil {
		f.Fatal(err)
	}
	f.Add(installedRecord(f, corp))
	f.Fuzz(func(t *testing.T, data []byte) {
		tree := fstest.MapFS{RecordPath: {Data: data, Mode: 0o644}, "etc/ssl/certs/ca-certificates.crt": {Data: corp, Mode: 0o644}, "etc/ssl/cert.pem": {Data: []byte("certs/ca-certificates.crt"), Mode: fs.ModeSymlink | 0o777}}
		o := rootfs.NewOverlay(tree)
		if _, err := Remove(o, Selection{All: true}, Options{}); err != nil {
			return
		}
		for c := range o.Changes() {
			if !fs.ValidPath(c.Name) {
				t.Errorf("%q is changed", c.Name)
			}
		}
	})
}

func installedRecord(t testing.TB, pem []byte) []byte {
	t.Helper()
	o := rootfs.NewOverlay(fstest.MapFS{})
	if _, err := Install(o, []Source{fuzzSource(t, pem)}, Options{}); err != nil {
		t.Fatal(err)
	}
	data, err := o.ReadFile(RecordPath)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func fuzzSource(t testing.TB, pem []byte) Source {
	t.Helper()
	taken, _, err := certs.ParseAll(pem)
	if err != nil {
		t.Fatal(err)
	}
	set := &certs.Set{}
	for _, c := range taken {
		set.Add(c, "corp")
	}
	return Source{Name: "corp", Anchor: "corp", SetDigest: set.Digest(), Certs: set}
}

// FuzzBundle installs into a root with an arbitrary bundle. Strict readers then pass
// the bundle, and it holds the installed CAs. A second install changes nothing, and
// remove restores every byte.
func FuzzBundle(f *testing.F) {
	a, b := roottest.NewCA(f, "A").PEM(), roottest.NewCA(f, "B").PEM()
	corp := fuzzSource(f, []byte(roottest.NewCA(f, "Corp").PEM()))
	for _, seed := range []string{
		"", a, a + b, strings.TrimSuffix(a, "\n") + b, "# text\n" + a, a[:200] + "\n" + b, strings.ReplaceAll(a, "\n", "\r\n"), "\ufeff" + a,
		"-----BEGIN CERTIFICATE-----\n-----END CERTIFICATE-----\n" + a, a + "-----BEGIN X509 CRL-----\nAA==\n-----END X509 CRL-----\n", " " + a,
	} {
		f.Add([]byte(seed))
	}
	const name = "etc/ssl/certs/ca-certificates.crt"
	f.Fuzz(func(t *testing.T, data []byte) {
		tree := fstest.MapFS{name: {Data: data, Mode: 0o644}}
		o := rootfs.NewOverlay(tree)
		if _, err := Install(o, []Source{corp}, Options{}); err != nil {
			return
		}
		installed := changed(tree, o)
		in, err := pemfile.NewReader().Open(installed[name].Data)
		if err != nil || len(in.Steps) > 0 {
			t.Fatalf("it cannot be read: %v %v", err, in.Faults)
		}
		for c := range corp.Certs.All() {
			if !in.Held.Has(c.Fingerprint()) {
				t.Errorf("%s is not in it", c.Subject())
			}
		}
		o = rootfs.NewOverlay(installed)
		if _, err := Install(o, []Source{corp}, Options{}); err != nil {
			t.Fatal(err)
		}
		for c := range o.Changes() {
			t.Errorf("the second install changes %s", c.Name)
		}
		o = rootfs.NewOverlay(installed)
		if _, err := Remove(o, Selection{All: true}, Options{}); err != nil {
			t.Fatal(err)
		}
		if now := changed(installed, o); !bytes.Equal(now[name].Data, data) {
			t.Errorf("%q became %q", data, now[name].Data)
		}
	})
}

// changed returns tree with the changes of o.
func changed(tree fstest.MapFS, o *rootfs.Overlay) fstest.MapFS {
	out := maps.Clone(tree)
	for c := range o.Changes() {
		switch {
		case c.Removed:
			delete(out, c.Name)
		case c.Mode&fs.ModeSymlink != 0:
			out[c.Name] = &fstest.MapFile{Mode: c.Mode, Data: []byte(c.Target)}
		default:
			out[c.Name] = &fstest.MapFile{Mode: c.Mode, Data: c.Data}
		}
	}
	return out
}

// FuzzConf reads the configuration of update-ca-certificates and php.ini. Their lines
// name files, and must never lead outside the root.
func FuzzConf(f *testing.F) {
	f.Add([]byte("# comment\n!mozilla/a.crt\nmozilla/b.crt\n../../../etc/passwd\n/abs\n\x00\n"))
	corp := fuzzSource(f, []byte(roottest.NewCA(f, "Corp").PEM()))
	shared := []byte(roottest.NewCA(f, "A").PEM())
	f.Fuzz(func(t *testing.T, conf []byte) {
		tree := fstest.MapFS{
			"etc/os-release": {Data: []byte("ID=debian\n")}, "usr/sbin/update-ca-certificates": {Mode: 0o755}, "etc/ca-certificates.conf": {Data: conf},
			"usr/share/ca-certificates/mozilla/a.crt": {Data: shared},
		}
		o := rootfs.NewOverlay(tree)
		if _, err := Install(o, []Source{corp}, Options{}); err != nil {
			if errors.Is(err, fs.ErrInvalid) {
				t.Errorf("a line is taken for a path that is none: %v", err)
			}
			return
		}
		for c := range o.Changes() {
			if !fs.ValidPath(c.Name) || path.Clean(c.Name) != c.Name {
				t.Errorf("%q is changed", c.Name)
			}
		}
	})
}
