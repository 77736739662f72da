package layer

import (
	"bytes"
	"context"
	"io"
	"os"
	"strings"
	"testing"

	"github.com/certgraft/certgraft/image/internal/oci"
)

// The layers in testdata were made by estargz 0.19 and skopeo 1.9.3 from one
// archive: two files that do not compress, a bundle of several pieces, small
// files, links of both kinds, a whiteout, an attribute.
func lazyLayers(t testing.TB) map[string]oci.Descriptor {
	t.Helper()
	return map[string]oci.Descriptor{
		"estargz.tgz": {MediaType: oci.LayerType + "+gzip", Annotations: map[string]string{stargzDigest: "sha256:7fae572a085498d3a0584aeaedc44107323ccc0a2620c4014e1e4ed93a6992fa"}},
		"zstdchunked.zst": {MediaType: oci.LayerType + "+zstd", Annotations: map[string]string{
			"io.containers.zstd-chunked.manifest-checksum": "sha256:36a149f159573da12f646caa90d5610584d6ea5aeca7b98d82ae26cc0f22e379",
			"io.containers.zstd-chunked.manifest-position": "51229:950:3951:1",
		}},
	}
}

// A listing from a table of contents is not kept under the layer's digest:
// another image may name the layer without the table.
func TestLazyKey(t *testing.T) {
	d := lazyLayers(t)["estargz.tgz"]
	d.Digest = "sha256:" + oci.Digest(strings.Repeat("1", 64))
	one, ok := TOCKey(d)
	d.Annotations[stargzDigest] = "sha256:" + strings.Repeat("2", 64)
	two, _ := TOCKey(d)
	if !ok || one == two || one == d.Digest {
		t.Errorf("%s and %s", one, two)
	}
	delete(d.Annotations, stargzDigest)
	if _, ok := TOCKey(d); ok {
		t.Error("a layer without a table has a key")
	}
}

// parts is a layer that can be read in parts.
type parts []byte

func (p parts) OpenRange(_ context.Context, _ oci.Descriptor, from, to int64) (io.ReadCloser, error) {
	return io.NopCloser(bytes.NewReader(p[from:to])), nil
}

// A file that does not match its table of contents is detected.
func TestLazyFilesThatLie(t *testing.T) {
	for name, d := range lazyLayers(t) {
		data, err := os.ReadFile("testdata/" + name)
		must(t, err)
		d.Size = int64(len(data))
		c := TOC{From: parts(data), Layer: d}
		files, err := c.Survey(t.Context(), func(_ int32, e *Entry) bool { return e.Name == "app/a.bin" })
		must(t, err)
		if _, err := c.Fetch(t.Context(), files); err != nil {
			t.Fatal(err)
		}
		data[files[0].chunks[0].at+1000] ^= 1
		if _, err := c.Fetch(t.Context(), files); err == nil {
			t.Errorf("%s: it is taken", name)
		}
	}
}
