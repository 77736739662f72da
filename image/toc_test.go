package image

import (
	"bytes"
	"context"
	"io"
	"os"
	"strings"
	"testing"
)

// What is known by a table of contents is not kept as what is known of the layer
// by its digest: another image may name that without the table.
func TestLazyKey(t *testing.T) {
	d := lazyLayers(t)["estargz.tgz"]
	d.Digest = "sha256:" + Digest(strings.Repeat("1", 64))
	one, ok := contentsKey(d)
	d.Annotations[stargzDigest] = "sha256:" + strings.Repeat("2", 64)
	two, _ := contentsKey(d)
	if !ok || one == two || one == d.Digest {
		t.Errorf("%s and %s", one, two)
	}
	delete(d.Annotations, stargzDigest)
	if _, ok := contentsKey(d); ok {
		t.Error("a layer without a table has a key")
	}
}

// parts is a layer whose parts can be read.
type parts []byte

func (p parts) openRange(_ context.Context, _ Descriptor, from, to int64) (io.ReadCloser, error) {
	return io.NopCloser(bytes.NewReader(p[from:to])), nil
}

// A file that is not what the table of contents says is found out.
func TestLazyFilesThatLie(t *testing.T) {
	for name, d := range lazyLayers(t) {
		data, err := os.ReadFile("testdata/" + name)
		must(t, err)
		d.Size = int64(len(data))
		c := contents{from: parts(data), d: d}
		files, err := c.survey(t.Context(), func(_ int32, e *entry) bool { return e.Name == "app/a.bin" })
		must(t, err)
		if _, err := c.fetch(t.Context(), files); err != nil {
			t.Fatal(err)
		}
		data[files[0].chunks[0].at+1000] ^= 1
		if _, err := c.fetch(t.Context(), files); err == nil {
			t.Errorf("%s: it is taken", name)
		}
	}
}
