package layer

import (
	"archive/tar"
	"bytes"
	"fmt"
	"runtime"
	"testing"

	"github.com/certgraft/certgraft/image/internal/oci"
)

// modules writes a layer of n files in the layout of a package manager.
func modules(t testing.TB, n int) []byte {
	t.Helper()
	var buf bytes.Buffer
	w := tar.NewWriter(&buf)
	for i := range n {
		if i%10 == 0 {
			must(t, w.WriteHeader(&tar.Header{Name: fmt.Sprintf("app/node_modules/@scope-%d/package-%d/lib/", i%50, i/10), Typeflag: tar.TypeDir, Mode: 0o755}))
		}
		must(t, w.WriteHeader(&tar.Header{Name: fmt.Sprintf("app/node_modules/@scope-%d/package-%d/lib/implementation-%d.js", i/10*10%50, i/10, i), Typeflag: tar.TypeReg, Mode: 0o644}))
	}
	must(t, w.Close())
	return buf.Bytes()
}

func heap() uint64 {
	runtime.GC()
	runtime.GC() // frees memory that the first run finalized
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

// An image of hundreds of thousands of files fits in memory: each file takes
// little, in the tree and in the listing.
func TestFilesTakeLittle(t *testing.T) {
	const files = 50_000
	data := modules(t, files)
	d := oci.Descriptor{MediaType: oci.LayerType, Digest: oci.DigestOf(data), Size: int64(len(data))}
	before := heap()
	l, err := (Reader{}).Read(t.Context(), bytes.NewReader(data), d)
	must(t, err)
	facts := heap() - before
	root, err := Stack([]*Listing{l})
	must(t, err)
	all := heap() - before
	t.Logf("%d bytes for each file, %d of them packed", all/files, facts/files)
	if all/files > 160 || facts/files > 25 {
		t.Errorf("%d bytes for each file, %d of them packed", all/files, facts/files)
	}
	if Lookup(root, "app/node_modules/@scope-0/package-0/lib/implementation-1.js") == nil {
		t.Error("a file is missing")
	}
	runtime.KeepAlive(data)
}

func BenchmarkStackLayers(b *testing.B) {
	data := modules(b, 50_000)
	l, err := (Reader{}).Read(b.Context(), bytes.NewReader(data), oci.Descriptor{MediaType: oci.LayerType, Digest: oci.DigestOf(data), Size: int64(len(data))})
	must(b, err)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := Stack([]*Listing{l}); err != nil {
			b.Fatal(err)
		}
	}
}
