package image_test

import (
	"archive/tar"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/certgraft/certgraft/image"
	"github.com/certgraft/certgraft/internal/roottest"
	"github.com/certgraft/certgraft/rootfs"
)

// allocated returns the memory that do allocates.
func allocated(t *testing.T, do func()) uint64 {
	t.Helper()
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	do()
	runtime.ReadMemStats(&after)
	return after.TotalAlloc - before.TotalAlloc
}

// A small layer with huge metadata: names that make as many directories as they
// have elements, and names too long for any system.
func TestLayersThatSayTooMuch(t *testing.T) {
	deep := make([]roottest.Entry, 0, 600)
	for i := range 600 {
		deep = append(deep, roottest.File(fmt.Sprintf("%d/%sx", i, strings.Repeat("a/", 2000)), ""))
	}
	for what, c := range map[string]struct {
		entries []roottest.Entry
		want    string
	}{
		"millions of directories": {deep, "more names than any image needs"},
		"a long name":             {[]roottest.Entry{roottest.File("a/"+strings.Repeat("x", 5000), "")}, "systems take up to 4096"},
		"a link to a long name":   {[]roottest.Entry{roottest.Link("a", strings.Repeat("x", 5000))}, "systems take up to 4096"},
	} {
		t.Run(what, func(t *testing.T) {
			layer := roottest.Tar(t, c.entries...)
			packed := roottest.Pack(t, "gzip", layer)
			if len(packed) > 1<<20 {
				t.Fatalf("the layer has %d bytes: that is no bomb", len(packed))
			}
			used := allocated(t, func() {
				if _, err := root(t, "gzip", layer); err == nil || !strings.Contains(err.Error(), c.want) {
					t.Errorf("%v, want %q", err, c.want)
				}
			})
			if used > 1<<30 {
				t.Errorf("%d MiB were allocated for a layer of %d KiB", used>>20, len(packed)>>10)
			}
		})
	}
}

// Names and links of a layer that lead out of the image stay inside, and
// special files are never opened. An edit reads and writes only inside.
func TestHostileNames(t *testing.T) {
	outside := t.TempDir()
	must(t, os.WriteFile(filepath.Join(outside, "secret"), []byte("secret"), 0o600))
	device := func(name string, kind byte) roottest.Entry {
		return roottest.Entry{Header: tar.Header{Name: name, Typeflag: kind, Mode: 0o666, Devmajor: 1, Devminor: 5}}
	}
	l := roottest.NewLayout(t)
	img := get(t, &image.Locations{}, l.Tag(l.Image(roottest.Image{Packed: "gzip", Layers: [][]byte{roottest.Tar(t,
		roottest.File("../../../../etc/passwd", "x"), roottest.File("/etc/absolute", "x"), roottest.File("etc/../../up", "x"),
		roottest.Link("etc/ssl", outside), roottest.Link("etc/up", "../../../../../.."), roottest.Link("etc/loop", "loop"),
		roottest.Hard("etc/hard", "../../../../etc/passwd"),
		device("etc/zero", tar.TypeChar), device("etc/disk", tar.TypeBlock), device("etc/fifo", tar.TypeFifo),
		roottest.File("etc/C:\\CON", "x"), roottest.File("etc/.wh..wh.plnk", "x"), roottest.File("etc/..wh.x", "x"),
	)}}), "x"))
	result := update(t, img, func(r *rootfs.Overlay, _ *image.Config) error {
		names := []string{"etc/zero", "etc/disk", "etc/fifo", "etc/ssl/secret", "etc/loop", "etc/up" + outside + "/secret"}
		for _, name := range names {
			if data, err := r.ReadFile(name); err == nil {
				t.Errorf("%s is read: %q", name, data)
			}
		}
		for _, name := range names {
			_ = r.WriteFile(name, []byte("new"), 0o644)
		}
		if data, err := r.ReadFile("etc/hard"); err != nil || string(data) != "x" {
			t.Errorf("a hard link: %q %v", data, err)
		}
		return r.WriteFile("etc/ssl/certs/x", []byte("new"), 0o644)
	}, image.Options{})
	_, _, top := pushed(t, result.Image)
	if len(top) == 0 {
		t.Error("nothing was added")
	}
	for name, h := range top {
		if !fs.ValidPath(strings.TrimSuffix(name, "/")) || h.Typeflag != tar.TypeReg && h.Typeflag != tar.TypeDir {
			t.Errorf("the new layer has %q of type %c", name, h.Typeflag)
		}
	}
	if data, err := os.ReadFile(filepath.Join(outside, "secret")); err != nil || string(data) != "secret" {
		t.Errorf("%q %v", data, err)
	}
	if entries, err := os.ReadDir(outside); err != nil || len(entries) != 1 {
		t.Errorf("%v %v", entries, err)
	}
}

// Descriptors with false sizes and a manifest with a huge number of layers are
// errors. None allocates memory for missing content.
func TestLyingDescriptors(t *testing.T) {
	layer := roottest.Tar(t, roottest.File("etc/x", "x"))
	for what, size := range map[string]any{"negative": -1, "huge": int64(1) << 62, "zero": 0, "one less": len(layer) - 1} {
		t.Run(what, func(t *testing.T) {
			l := roottest.NewLayout(t)
			d := l.Blob(roottest.OCILayer, layer)
			d["size"] = size
			used := allocated(t, func() {
				img := get(t, &image.Locations{}, l.Tag(l.Image(roottest.Image{Layers: [][]byte{layer}, Manifest: map[string]any{"layers": []roottest.Descriptor{d}}}), "x"))
				if _, _, err := image.Root(t.Context(), img, image.Options{}); err == nil {
					t.Error("it is believed")
				}
			})
			if used > 64<<20 {
				t.Errorf("%d MiB were allocated", used>>20)
			}
		})
	}
	l := roottest.NewLayout(t)
	many := slices.Repeat([]roottest.Descriptor{l.Blob(roottest.OCILayer, layer)}, 20_000)
	text := l.Tag(l.Image(roottest.Image{Layers: [][]byte{layer}, Manifest: map[string]any{"layers": many}}), "x")
	at, err := (&image.Locations{}).Parse(text)
	must(t, err)
	img, err := at.Get(t.Context())
	if err == nil {
		_, _, err = image.Root(t.Context(), img, image.Options{})
	}
	if err == nil {
		t.Error("20,000 layers with one diff id")
	}
}
