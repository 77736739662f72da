//go:build e2e

package image

import (
	"archive/tar"
	"bytes"
	"fmt"
	"path/filepath"
	"testing"

	"github.com/certgraft/certgraft/e2e/rig"
	"github.com/certgraft/certgraft/internal/roottest"
)

// An image of 300,000 names, 250,000 files in 50,000 directories, is patched in less
// than 64 MiB, read for the first time and known.
func TestPatchMemory(t *testing.T) {
	const most = 64 << 20
	var buf bytes.Buffer
	w := tar.NewWriter(&buf)
	for i := range 250_000 {
		h := &tar.Header{Name: fmt.Sprintf("app/node_modules/@scope-%d/package-%d/lib/implementation-%d.js", i/100%50, i/10, i), Typeflag: tar.TypeReg, Mode: 0o644}
		if err := w.WriteHeader(h); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	l := roottest.NewLayout(t)
	base := roottest.Tar(t, roottest.Dir("etc/"), roottest.Dir("etc/ssl/"), roottest.Dir("etc/ssl/certs/"), roottest.File("etc/ssl/certs/ca-certificates.crt", ""))
	from := l.Tag(l.Image(roottest.Image{Packed: "gzip", Layers: [][]byte{base, buf.Bytes()}}), "x")
	buf.Reset()
	corp := rig.NewAuthority(t, "Corp Root")
	cache := t.TempDir()
	for _, what := range []string{"cold", "warm"} {
		peak := filepath.Join(t.TempDir(), "peak") // by time(1): what a process takes counts for what it turns into
		rig.Run(t, "time", "-f", "%M", "-o", peak, rig.Certgraft, "patch", "--quiet", "--cache", cache, from, corp.CAFile, "--tag", "oci:"+t.TempDir())
		var taken int64
		if _, err := fmt.Sscan(rig.Read(t, peak), &taken); err != nil {
			t.Fatal(err)
		}
		taken <<= 10 // from KiB
		t.Logf("%s: %d MiB", what, taken>>20)
		if taken > most {
			t.Errorf("%s: %d MiB, more than %d", what, taken>>20, int64(most)>>20)
		}
	}
}
