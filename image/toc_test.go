package image

import (
	"encoding/binary"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"strings"
	"testing"

	"github.com/certgraft/certgraft/image/internal/layer"
	"github.com/certgraft/certgraft/image/internal/oci"
	"github.com/certgraft/certgraft/internal/roottest"
	"github.com/certgraft/certgraft/rootfs"
)

// The layers in internal/layer/testdata were made by estargz 0.19 and skopeo
// 1.9.3 from one archive: two files that do not compress, a bundle of several
// pieces, small files, links of both kinds, a whiteout, an attribute.
func lazyLayers(t testing.TB) map[string]Descriptor {
	t.Helper()
	return map[string]Descriptor{
		"estargz.tgz": {MediaType: oci.LayerType + "+gzip", Annotations: map[string]string{"containerd.io/snapshot/stargz/toc.digest": "sha256:7fae572a085498d3a0584aeaedc44107323ccc0a2620c4014e1e4ed93a6992fa"}},
		"zstdchunked.zst": {MediaType: oci.LayerType + "+zstd", Annotations: map[string]string{
			"io.containers.zstd-chunked.manifest-checksum": "sha256:36a149f159573da12f646caa90d5610584d6ea5aeca7b98d82ae26cc0f22e379",
			"io.containers.zstd-chunked.manifest-position": "51229:950:3951:1",
		}},
	}
}

// lazyImage puts an image with such a layer into a registry.
func lazyImage(t testing.TB, name string, change func(*Descriptor)) (*roottest.Registry, *Image, []byte) {
	t.Helper()
	data, err := os.ReadFile("internal/layer/testdata/" + name)
	must(t, err)
	d := lazyLayers(t)[name]
	if change != nil {
		change(&d)
	}
	l := roottest.NewLayout(t)
	layer := l.Blob(d.MediaType, data)
	layer["annotations"] = d.Annotations
	config := l.JSON(oci.ConfigType, map[string]any{"os": "linux", "architecture": "amd64", "rootfs": map[string]any{"diff_ids": []string{"sha256:" + strings.Repeat("1", 64)}}})
	img, err := getFrom(t, &Locations{}, l.Tag(l.JSON(oci.ManifestType, map[string]any{"schemaVersion": 2, "mediaType": oci.ManifestType, "config": config, "layers": []any{layer}}), "x"))
	must(t, err)
	r := roottest.NewRegistry(t)
	must(t, putTo(t, &Locations{}, r.Host+"/lazy:1", img))
	locations, _ := patient()
	img, err = getFrom(t, locations, r.Host+"/lazy:1")
	must(t, err)
	r.Moved()
	r.Requests()
	return r, img, data
}

// lazyUpdate returns the root, read with or without ranges, and the bytes
// moved.
func lazyUpdate(t testing.TB, r *roottest.Registry, img *Image, opt Options, look func(*rootfs.Overlay)) (root map[string]string, down int) {
	t.Helper()
	opt.Reads = func(name string) bool { return strings.HasPrefix(name, "etc/ssl/certs/") }
	u := newUpdater(img, func(o *rootfs.Overlay, _ *Config) error {
		if look != nil {
			look(o)
		}
		return nil
	}, opt)
	u.reader.Least = 0
	r.Moved()
	top, err := u.open(t.Context(), img)
	must(t, err)
	must(t, u.readLayers(t.Context(), top))
	_, down = r.Moved()
	must(t, u.update(t.Context(), top))
	for it := range top.images() {
		base, err := u.tree(t.Context(), it, 1)
		must(t, err)
		root = roottest.Dump(t, rootfs.NewOverlay(base))
	}
	return root, down
}

// Reading a layer by its table of contents gives the same root as reading it
// whole, for a part of the bytes. Unforeseen files are read in parts too.
func TestLazyLayers(t *testing.T) {
	for name := range lazyLayers(t) {
		t.Run(name, func(t *testing.T) {
			r, img, data := lazyImage(t, name, nil)
			want, down := lazyUpdate(t, r, img, Options{Layer: LayerRewrite}, nil)
			if down < len(data) {
				t.Errorf("whole: %d bytes", down)
			}
			got, down := lazyUpdate(t, r, img, Options{}, nil) // mostly the bundle
			if down > len(data)/2 {
				t.Errorf("in parts: %d of %d bytes", down, len(data))
			}
			delete(want, layer.TOCName)
			for path, line := range want {
				if got[path] != line {
					t.Errorf("%s\n is  %.200q\n not %.200q", path, got[path], line)
				}
			}
			if len(got) != len(want) || !strings.Contains(got["etc/ssl/certs/ca-certificates.crt"], "line 11999 of a bundle") {
				t.Errorf("%d names, want %d", len(got), len(want))
			}
		})
	}
}

// A layer with any oddity in its table of contents is read whole.
func TestLazyLayersThatLie(t *testing.T) {
	for name := range lazyLayers(t) {
		for what, odd := range map[string]struct {
			annotations func(map[string]string)
			spoil       func(data []byte, at int) []byte // at is the place of the table
			noRanges    bool
		}{
			"no parts": {noRanges: true},
			"another digest": {annotations: func(all map[string]string) {
				for key, value := range all {
					if strings.HasPrefix(value, "sha256:") {
						all[key] = "sha256:" + strings.Repeat("0", 64)
					}
				}
			}},
			"no digest": {annotations: func(all map[string]string) {
				for key, value := range all {
					if strings.HasPrefix(value, "sha256:") {
						all[key] = "sha256:0"
					}
				}
			}},
			"another table": {spoil: func(data []byte, at int) []byte { data[at+100] ^= 1; return data }},
			"no footer":     {spoil: func(data []byte, at int) []byte { return append(data[:at], make([]byte, len(data)-at)...) }},
		} {
			t.Run(name+" "+what, func(t *testing.T) {
				r, img, data := lazyImage(t, name, func(d *Descriptor) {
					if odd.annotations != nil {
						odd.annotations(d.Annotations)
					}
				})
				r.NoRanges = odd.noRanges
				m, err := oci.ParseManifest(img.Descriptor.MediaType, img.Raw())
				must(t, err)
				c := layer.TOC{From: oci.Below(img.Blobs()).(oci.Ranger), Layer: m.Layers[0], Keep: func(string) bool { return true }}
				if odd.spoil != nil {
					r.Spoil(string(m.Layers[0].Digest), func(b []byte) []byte { return odd.spoil(b, tableAt(t, name, data)) })
				}
				if _, err := c.Read(t.Context()); err == nil {
					t.Error("it is taken")
				}
				if odd.spoil != nil {
					return // the layer does not match its digest either
				}
				if _, down := lazyUpdate(t, r, img, Options{}, nil); down < len(data) {
					t.Errorf("%d of %d bytes", down, len(data))
				}
			})
		}
	}
}

func tableAt(t *testing.T, name string, data []byte) int {
	t.Helper()
	if strings.HasPrefix(name, "zstd") {
		return int(binary.LittleEndian.Uint64(data[len(data)-40:])) // in the footer
	}
	var at int
	if _, err := fmt.Sscanf(string(data[len(data)-51+16:][:16]), "%x", &at); err != nil {
		t.Fatal(err)
	}
	return at
}

// Unforeseen files are read in parts, and kept.
func TestLazyRefetch(t *testing.T) {
	for name := range lazyLayers(t) {
		r, img, data := lazyImage(t, name, nil)
		memory := &Memory{}
		look := func(o *rootfs.Overlay) {
			r.Moved()
			got, err := fs.ReadFile(o, "etc/ssl/x.pem")
			must(t, err)
			if string(got) != "with attributes" {
				t.Errorf("%q", got)
			}
			if _, down := r.Moved(); down > len(data)/3 {
				t.Errorf("%s: %d of %d bytes", name, down, len(data))
			}
		}
		lazyUpdate(t, r, img, Options{Memory: memory}, look)
		lazyUpdate(t, r, img, Options{Memory: memory}, func(o *rootfs.Overlay) {
			got, err := fs.ReadFile(o, "etc/ssl/x.pem")
			must(t, err)
			if _, down := r.Moved(); down > 1000 || string(got) != "with attributes" {
				t.Errorf("%s: again %d bytes, %q", name, down, got)
			}
		})
	}
}

// If a layer must be read whole for an unforeseen file, the listing from its
// table of contents still serves: in a registry that sends no parts, and in a
// layout.
func TestLazyRefetchWithoutParts(t *testing.T) {
	for name := range lazyLayers(t) {
		t.Run(name, func(t *testing.T) {
			r, img, _ := lazyImage(t, name, nil)
			copied := "oci:" + t.TempDir() + ":1"
			must(t, putTo(t, &Locations{}, copied, img))
			local, err := getFrom(t, &Locations{}, copied)
			must(t, err)
			for what, from := range map[string]*Image{"registry": img, "layout": local} {
				memory, looked := &Memory{}, 0
				r.NoRanges = false
				want, _ := lazyUpdate(t, r, img, Options{}, nil)
				learnLazily(t, img, memory)
				r.NoRanges = true
				got, _ := lazyUpdate(t, r, from, Options{Memory: memory}, func(o *rootfs.Overlay) {
					looked++
					data, err := fs.ReadFile(o, "etc/ssl/x.pem")
					if err != nil || string(data) != "with attributes" {
						t.Errorf("%s: %q %v", what, data, err)
					}
				})
				if looked != 1 || !maps.Equal(got, want) {
					t.Errorf("%s: %d names, want %d", what, len(got), len(want))
				}
			}
		})
	}
}

// learnLazily notes the listing from the table of contents of an image's layer,
// and the foreseen files.
func learnLazily(t testing.TB, img *Image, memory *Memory) {
	t.Helper()
	u := newUpdater(img, nil, Options{Memory: memory, Reads: func(name string) bool { return strings.HasPrefix(name, "etc/ssl/certs/") }})
	u.reader.Least = 0
	top, err := u.open(t.Context(), img)
	must(t, err)
	must(t, u.readLayers(t.Context(), top))
}
