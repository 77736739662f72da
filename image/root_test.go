package image_test

import (
	"archive/tar"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"math/rand/v2"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/certgraft/certgraft/image"
	"github.com/certgraft/certgraft/internal/roottest"
	"github.com/certgraft/certgraft/rootfs"
)

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// get returns the image at a location.
func get(t testing.TB, l *image.Locations, text string) *image.Image {
	t.Helper()
	at, err := l.Parse(text)
	must(t, err)
	img, err := at.Get(t.Context())
	must(t, err)
	return img
}

func put(t testing.TB, l *image.Locations, text string, img *image.Image) {
	t.Helper()
	at, err := l.Parse(text)
	must(t, err)
	must(t, at.Put(t.Context(), img))
}

// root returns the root of layers.
func root(t testing.TB, packed string, layers ...[]byte) (fs.ReadLinkFS, error) {
	t.Helper()
	img := image.InMemory(t, layers...)
	if packed != "" {
		l := roottest.NewLayout(t)
		img = get(t, &image.Locations{}, l.Tag(l.Image(roottest.Image{Packed: packed, Layers: layers}), "x"))
	}
	r, _, err := image.Root(t.Context(), img, image.Options{Reads: func(name string) bool { return strings.HasPrefix(name, "etc/") }})
	return r, err
}

func TestRoot(t *testing.T) {
	long := strings.Repeat("long/", 60) + "name"
	gnu := roottest.File(long+"-gnu", "gnu")
	gnu.Format = tar.FormatGNU
	pax := roottest.File(long+"-ü", "pax")
	pax.Format = tar.FormatPAX
	odd := roottest.Dir("var/odd")
	odd.Mode, odd.Uid, odd.Gid = 0o2775, 7, 8
	layers := [][]byte{
		roottest.Tar(t,
			roottest.Dir("./"), roottest.Dir("./etc/"), roottest.File("./etc/kept", "kept"), roottest.File("/etc/absolute", "absolute"),
			roottest.File("etc/gone", "gone"), roottest.Dir("etc/opaque"), roottest.File("etc/opaque/old", "old"), roottest.Dir("etc/dir"), roottest.File("etc/dir/x", "x"),
			roottest.File("etc/becomes-dir", "file"), roottest.Dir("etc/becomes-file"), roottest.File("etc/becomes-file/x", "x"), roottest.Dir("usr/bin"), roottest.File("usr/bin/sh", "sh"),
			roottest.Link("bin", "usr/bin"), roottest.Link("etc/abs-link", "/etc/kept"), roottest.Hard("etc/hard", "./etc/kept"), roottest.Hard("etc/hard2", "/etc/hard"),
			roottest.File("implied/parent/file", "implied"), gnu, pax, odd, roottest.File("../../escaped", "escaped"), roottest.Link("etc/link-over", "dir"),
			roottest.Dir("etc/whiteout-dir"), roottest.File("etc/whiteout-dir/x", "x"), roottest.File("etc/second-pass", "1")),
		roottest.Tar(t,
			roottest.File("etc/.wh.gone", ""), roottest.File("etc/opaque/new", "new"), roottest.File("etc/opaque/.wh..wh..opq", ""), roottest.File(".wh..wh.plnk", ""),
			roottest.Dir("etc/becomes-dir"), roottest.File("etc/becomes-dir/x", "x"), roottest.File("etc/becomes-file", "file"), roottest.Hard("etc/hard-below", "etc/gone"),
			roottest.File("etc/.wh.whiteout-dir", ""), roottest.Dir("etc/whiteout-dir"), roottest.File("etc/whiteout-dir/y", "y"), roottest.File("etc/same", "same"), roottest.File("etc/.wh.same", ""),
			roottest.Dir("etc/link-over"), roottest.File("etc/link-over/z", "z"), roottest.Link("alias", "target"), roottest.Dir("target"), roottest.File("alias/through", "through")),
	}
	want := fstest.MapFS{}
	for name, data := range map[string]string{
		"etc/kept": "kept", "etc/absolute": "absolute", "etc/opaque/new": "new", "etc/dir/x": "x", "etc/becomes-dir/x": "x", "etc/becomes-file": "file", "usr/bin/sh": "sh",
		"etc/hard": "kept", "etc/hard2": "kept", "implied/parent/file": "implied", long + "-gnu": "gnu", long + "-ü": "pax", "escaped": "escaped", "etc/hard-below": "gone",
		"etc/whiteout-dir/y": "y", "etc/same": "same", "etc/link-over/z": "z", "target/through": "through", "etc/second-pass": "1",
	} {
		want[name] = &fstest.MapFile{Mode: 0o644, Data: []byte(data)}
		for dir := path.Dir(name); dir != "."; dir = path.Dir(dir) {
			want[dir] = &fstest.MapFile{Mode: fs.ModeDir | 0o755}
		}
	}
	want["var"] = &fstest.MapFile{Mode: fs.ModeDir | 0o755}
	want["."] = &fstest.MapFile{Mode: fs.ModeDir | 0o755}
	want["var/odd"] = &fstest.MapFile{Mode: fs.ModeDir | fs.ModeSetgid | 0o775}
	for name, target := range map[string]string{"bin": "usr/bin", "etc/abs-link": "/etc/kept", "alias": "target"} {
		want[name] = &fstest.MapFile{Mode: fs.ModeSymlink | 0o777, Data: []byte(target)}
	}
	for _, packed := range []string{"", "gzip", "zstd"} {
		t.Run("packed="+packed, func(t *testing.T) {
			got, err := root(t, packed, layers...)
			must(t, err)
			roottest.Same(t, "root", roottest.Dump(t, want), roottest.Dump(t, got))
			if h, ok := stat(t, got, "var/odd").Sys().(*tar.Header); !ok || h.Uid != 7 || h.Gid != 8 {
				t.Errorf("owner of var/odd: %+v", h)
			}
			if data, err := fs.ReadFile(got, "bin/sh"); err != nil || string(data) != "sh" {
				t.Errorf("through a link: %q %v", data, err)
			}
		})
	}
}

func stat(t *testing.T, fsys fs.ReadLinkFS, name string) fs.FileInfo {
	t.Helper()
	info, err := fsys.Lstat(name)
	must(t, err)
	return info
}

func TestRootIsAFileSystem(t *testing.T) {
	got, err := root(t, "gzip", roottest.Tar(t, roottest.Dir("etc"), roottest.File("etc/a", "a"), roottest.File("usr/b", "b"), roottest.Link("etc/l", "../usr/b")))
	must(t, err)
	must(t, fstest.TestFS(got, "etc/a", "usr/b", "etc/l"))
}

// Random stacks of layers give the same root as unpacking them in order by the
// rules of overlay file systems. The model has no links.
func TestRootOfRandomLayers(t *testing.T) {
	seeds := uint64(200)
	if testing.Short() {
		seeds = 50
	}
	for seed := range seeds {
		random := rand.New(rand.NewPCG(seed, 1))
		model := map[string]string{}
		var layers [][]byte
		for range 1 + random.IntN(4) {
			layers = append(layers, randomLayer(t, random, model))
		}
		got, err := root(t, "", layers...)
		must(t, err)
		seen := map[string]string{}
		must(t, fs.WalkDir(got, ".", func(name string, d fs.DirEntry, err error) error {
			if err != nil || name == "." {
				return err
			}
			if d.IsDir() {
				seen[name] = "dir"
				return nil
			}
			data, err := fs.ReadFile(got, name)
			seen[name] = string(data)
			return err
		}))
		if !maps.Equal(seen, model) {
			t.Fatalf("seed %d:\n got %v\nwant %v", seed, seen, model)
		}
	}
}

// randomLayer makes a layer, and changes the model accordingly.
func randomLayer(t *testing.T, random *rand.Rand, model map[string]string) []byte {
	names := []string{"a", "b", "a/a", "a/b", "b/a", "a/a/a", "a/a/b"}
	upper := map[string]string{} // content of the layer
	hidden := map[string]bool{}  // names whose lower content is hidden
	var entries []roottest.Entry
	for range random.IntN(6) {
		name := names[random.IntN(len(names))]
		blocked := false
		for dir := path.Dir(name); dir != "."; dir = path.Dir(dir) {
			blocked = blocked || upper[dir] != "" && upper[dir] != "dir"
		}
		if blocked {
			continue // a file of the same layer is in the way
		}
		switch random.IntN(4) {
		case 0:
			body := fmt.Sprint(random.Uint32())
			entries = append(entries, roottest.File(name, body))
			maps.DeleteFunc(upper, func(n, _ string) bool { return strings.HasPrefix(n, name+"/") })
			upper[name] = body
		case 1:
			if upper[name] != "" && upper[name] != "dir" {
				continue
			}
			entries = append(entries, roottest.Dir(name+"/"))
			upper[name] = "dir"
		case 2:
			entries = append(entries, roottest.File(path.Join(path.Dir(name), ".wh."+path.Base(name)), ""))
			hidden[name] = true
		default:
			dir := path.Dir(name)
			entries = append(entries, roottest.File(dir+"/.wh..wh..opq", ""))
			hidden[dir] = true
			upper[dir] = "dir"
		}
		for dir := path.Dir(name); dir != "."; dir = path.Dir(dir) {
			upper[dir] = "dir"
		}
	}
	delete(upper, ".")
	overlay(model, upper, hidden)
	return roottest.Tar(t, entries...)
}

// overlay puts upper over model.
func overlay(model, upper map[string]string, hidden map[string]bool) {
	maps.DeleteFunc(model, func(name, _ string) bool {
		for at := name; ; at = path.Dir(at) {
			if hidden[at] && (at != name || upper[at] != "dir") || upper[at] != "" && upper[at] != "dir" {
				return true
			}
			if at != name && hidden[at] {
				return true
			}
			if at == "." {
				return false
			}
		}
	})
	for _, name := range slices.Sorted(maps.Keys(upper)) {
		what := upper[name]
		if what == "dir" && model[name] != "dir" {
			maps.DeleteFunc(model, func(n, _ string) bool { return strings.HasPrefix(n, name+"/") })
		}
		model[name] = what
	}
}

// A failure to read a layer never passes for a missing file.
func TestFailClosed(t *testing.T) {
	good := roottest.Tar(t, roottest.Dir("etc"), roottest.File("etc/x", strings.Repeat("x", 100_000)))
	packed := roottest.Pack(t, "gzip", good)
	for what, c := range map[string]struct {
		change func(l *roottest.Layout, digest string, manifest map[string]any)
		want   string
	}{
		"missing layer": {func(l *roottest.Layout, digest string, _ map[string]any) {
			must(t, os.Remove(blob(l, digest)))
		}, "no such file"},
		"truncated": {func(l *roottest.Layout, digest string, _ map[string]any) {
			must(t, os.WriteFile(blob(l, digest), packed[:len(packed)/2], 0o644))
		}, "ends before the size"},
		"longer": {func(l *roottest.Layout, digest string, _ map[string]any) {
			must(t, os.WriteFile(blob(l, digest), append(slices.Clone(packed), 0, 0, 0), 0o644))
		}, "longer than its descriptor"},
		"other content": {func(l *roottest.Layout, digest string, _ map[string]any) {
			other := slices.Clone(packed)
			other[9] ^= 1 // the header's byte for the operating system
			must(t, os.WriteFile(blob(l, digest), other, 0o644))
		}, "does not match its digest"},
		"a digest that leads elsewhere": {func(_ *roottest.Layout, _ string, m map[string]any) {
			m["layers"] = []map[string]any{{"mediaType": roottest.OCILayer, "digest": "sha256:../../index.json", "size": 1}}
		}, "not well formed"},
		"encrypted": {func(_ *roottest.Layout, digest string, m map[string]any) {
			m["layers"] = []map[string]any{{"mediaType": roottest.OCILayer + "+gzip+encrypted", "digest": digest, "size": len(packed)}}
		}, "encrypted"},
	} {
		t.Run(what, func(t *testing.T) {
			l := roottest.NewLayout(t)
			layer := l.Blob(roottest.OCILayer+"+gzip", packed)
			manifest := map[string]any{"layers": []roottest.Descriptor{layer}}
			c.change(l, layer.Digest(), manifest)
			text := l.Tag(l.Image(roottest.Image{Layers: [][]byte{good}, Manifest: manifest}), "x")
			at, err := (&image.Locations{}).Parse(text)
			must(t, err)
			img, err := at.Get(t.Context())
			if err == nil {
				_, _, err = image.Root(t.Context(), img, image.Options{})
			}
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("%v, want %q", err, c.want)
			}
		})
	}
}

func blob(l *roottest.Layout, digest string) string {
	return filepath.Join(l.Dir, "blobs", strings.Replace(digest, ":", "/", 1))
}

func TestBadLayers(t *testing.T) {
	for what, c := range map[string]struct {
		layer []byte
		want  string
	}{
		"no archive":            {[]byte(strings.Repeat("<html>", 200)), "invalid tar header"},
		"dangling hard link":    {roottest.Tar(t, roottest.Hard("etc/x", "etc/nowhere")), "which no layer has"},
		"hard link to itself":   {roottest.Tar(t, roottest.Hard("etc/x", "etc/x")), "which no layer has"},
		"links without end":     {roottest.Tar(t, roottest.Link("a", "b"), roottest.Link("b", "a"), roottest.File("a/x", "")), "too many links"},
		"below a file":          {roottest.Tar(t, roottest.File("a", ""), roottest.File("a/x", "")), "below a file"},
		"hard link to a parent": {roottest.Tar(t, roottest.Dir("a"), roottest.Hard("a/x", "a")), "hard link to the directory"},
	} {
		if _, err := root(t, "gzip", c.layer); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %q", what, err, c.want)
		}
	}
	if _, err := root(t, "", nil, roottest.Tar(t), make([]byte, 1024)); err != nil {
		t.Errorf("empty layers: %v", err)
	}
}

func TestLayerBounds(t *testing.T) {
	l := roottest.NewLayout(t)
	bomb := roottest.Tar(t, roottest.File("x", strings.Repeat("\x00", 1<<20)))
	img := get(t, &image.Locations{}, l.Tag(l.Image(roottest.Image{Packed: "gzip", Layers: [][]byte{bomb}}), "x"))
	_, _, err := image.Root(t.Context(), img, image.Options{MaxLayerSize: 1 << 19})
	if err == nil || !strings.Contains(err.Error(), "unpacks to more") {
		t.Errorf("%v", err)
	}
}

func TestConfigMustFitTheLayers(t *testing.T) {
	l := roottest.NewLayout(t)
	layer := roottest.Tar(t, roottest.File("x", ""))
	for what, ids := range map[string][]string{"another number": {}, "another digest": {"sha256:" + strings.Repeat("0", 64)}} {
		img := get(t, &image.Locations{}, l.Tag(l.Image(roottest.Image{Layers: [][]byte{layer}, Config: map[string]any{"rootfs": map[string]any{"diff_ids": ids}}}), what))
		if _, _, err := image.Root(t.Context(), img, image.Options{}); err == nil || !strings.Contains(err.Error(), "the config") {
			t.Errorf("%s: %v", what, err)
		}
	}
}

// A file that was not foreseen is read in a second pass, which is verified too.
func TestSecondPass(t *testing.T) {
	l := roottest.NewLayout(t)
	d := l.Image(roottest.Image{Packed: "gzip", Layers: [][]byte{roottest.Tar(t, roottest.File("opt/a", "a"), roottest.File("opt/b", "b"))}})
	img := get(t, &image.Locations{}, l.Tag(d, "x"))
	r, _, err := image.Root(t.Context(), img, image.Options{})
	must(t, err)
	if data, err := fs.ReadFile(r, "opt/b"); err != nil || string(data) != "b" {
		t.Errorf("%q %v", data, err)
	}
	must(t, os.RemoveAll(filepath.Join(l.Dir, "blobs")))
	if data, err := fs.ReadFile(r, "opt/a"); err != nil || string(data) != "a" {
		t.Errorf("the neighbour was not kept: %q %v", data, err)
	}
	r, _, err = image.Root(t.Context(), img, image.Options{})
	if err == nil {
		_, err = fs.ReadFile(r, "opt/a")
	}
	if !errors.Is(err, fs.ErrNotExist) || !strings.Contains(err.Error(), "sha256:") {
		t.Errorf("without the layer: %v", err)
	}
}

// appendBundle is an edit that adds a line to the bundle.
func appendBundle(line string) image.Edit {
	return func(r *rootfs.Overlay, _ *image.Config) error {
		const name = "etc/ssl/certs/ca-certificates.crt"
		data, err := r.ReadFile(name)
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		if strings.Contains(string(data), line) {
			return nil
		}
		return r.WriteFile(name, append(data, line+"\n"...), 0o644)
	}
}

var epoch = time.Unix(1_700_000_000, 0)
