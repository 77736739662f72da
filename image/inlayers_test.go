package image_test

import (
	"errors"
	"math/rand/v2"
	"path"
	"slices"
	"strings"
	"testing"

	"github.com/certgraft/certgraft/image"
	"github.com/certgraft/certgraft/internal/roottest"
	"github.com/certgraft/certgraft/rootfs"
)

var inPlace = image.Options{Layer: image.LayerRewrite}

// Rewriting layers adds no layer and leaves the other layers unchanged. A
// second run changes nothing.
func TestRewriteLayers(t *testing.T) {
	for _, packed := range []string{"gzip", "zstd", ""} {
		l := roottest.NewLayout(t)
		locations := &image.Locations{}
		config := map[string]any{"history": []any{map[string]any{"created_by": "a"}, map[string]any{"created_by": "b"}}}
		img := get(t, locations, l.Tag(l.Image(roottest.Image{Packed: packed, Layers: base(t), Config: config}), "x"))
		opt := inPlace
		opt.Sources = []string{"one"}
		first := update(t, img, appendBundle("one"), opt)
		if again := update(t, img, appendBundle("one"), opt); again.Image.Descriptor.Digest != first.Image.Descriptor.Digest {
			t.Errorf("%s: %s and %s", packed, first.Image.Descriptor.Digest, again.Image.Descriptor.Digest)
		}
		manifest, cfg, _ := pushed(t, first.Image)
		was, is := digests(object(t, img.Raw()), "layers"), digests(manifest, "layers")
		if len(is) != 2 || is[0] == was[0] || is[1] != was[1] || len(first.Parts[0].Rewritten) != 1 || string(first.Parts[0].Rewritten[0].Layer.Digest) != is[0] {
			t.Errorf("%s: layers %q, were %q", packed, is, was)
		}
		for _, layer := range manifest["layers"].([]any) {
			if got := strings.TrimPrefix(layer.(map[string]any)["mediaType"].(string), roottest.OCILayer); strings.TrimPrefix(got, "+") != packed {
				t.Errorf("%s became %s", packed, got)
			}
		}
		steps := cfg["history"].([]any)
		if step := steps[len(steps)-1].(map[string]any); len(steps) != 3 || step["empty_layer"] != true || step["created_by"] != "certgraft patch one" {
			t.Errorf("history %v", steps)
		}
		out := "oci:" + t.TempDir()
		put(t, locations, out, first.Image)
		once := get(t, locations, out)
		if again := update(t, once, appendBundle("one"), opt); again.Changed {
			t.Errorf("%s: the same again is a change", packed)
		}
		opt.Sources = []string{"two"}
		twice := update(t, once, appendBundle("two"), opt)
		manifest, cfg, _ = pushed(t, twice.Image)
		if got := manifest["annotations"].(map[string]any)["org.opencontainers.image.base.digest"]; got != string(img.Descriptor.Digest) {
			t.Errorf("base is %v, not the image before the first patch", got)
		}
		if steps := cfg["history"].([]any); len(steps) != 3 || steps[2].(map[string]any)["created_by"] != "certgraft patch one two" {
			t.Errorf("history %v", steps)
		}
		if got := bundleOf(t, twice.Image); got != "old\none\ntwo\n" {
			t.Errorf("bundle %q", got)
		}
	}
}

// An image with the maximum of layers still takes certificates.
func TestRewriteFullImage(t *testing.T) {
	l := roottest.NewLayout(t)
	layers := base(t)
	for len(layers) < 127 {
		layers = append(layers, roottest.Tar(t))
	}
	full := get(t, &image.Locations{}, l.Tag(l.Image(roottest.Image{Layers: layers}), "full"))
	result := update(t, full, appendBundle("new"), inPlace)
	if n := len(digests(object(t, result.Image.Raw()), "layers")); n != 127 || bundleOf(t, result.Image) != "old\nnew\n" {
		t.Errorf("%d layers", n)
	}
}

func dump(t *testing.T, img *image.Image) map[string]string {
	t.Helper()
	r, _, err := image.Root(t.Context(), img, image.Options{Reads: func(string) bool { return true }})
	must(t, err)
	return roottest.Dump(t, r)
}

// For any layers, rewriting gives the same root as a layer on top, or an error
// with a hint.
func TestRewriteIsWhatAppendIs(t *testing.T) {
	const bundle = "etc/ssl/certs/ca-certificates.crt"
	lower := []roottest.Entry{roottest.Dir("etc/"), roottest.Dir("etc/ssl/"), roottest.Dir("etc/ssl/certs/"), roottest.File(bundle, "old\n"), roottest.File("etc/other", "x")}
	write := func(name string) image.Edit {
		return func(r *rootfs.Overlay, _ *image.Config) error { return r.WriteFile(name, []byte("new\n"), 0o644) }
	}
	remove := func(name string) image.Edit {
		return func(r *rootfs.Overlay, _ *image.Config) error { return r.Remove(name) }
	}
	for what, c := range map[string]struct {
		layers [][]roottest.Entry
		edit   image.Edit
		want   string // in the error
	}{
		"in the lowest":              {[][]roottest.Entry{lower, {roottest.File("srv/x", "")}}, write(bundle), ""},
		"in the upper of two":        {[][]roottest.Entry{lower, {roottest.File(bundle, "upper\n")}}, write(bundle), ""},
		"new":                        {[][]roottest.Entry{lower, {roottest.File("srv/x", "")}}, write("etc/ssl/certs/new.pem"), ""},
		"new, with directories":      {[][]roottest.Entry{lower, {roottest.File("srv/x", "")}}, write("etc/new/a/b.pem"), ""},
		"new at the root":            {[][]roottest.Entry{lower, {roottest.File("srv/x", "")}}, write("new.pem"), ""},
		"new where a whiteout is":    {[][]roottest.Entry{lower, {roottest.File("etc/ssl/certs/.wh.ca-certificates.crt", "")}}, write(bundle), ""},
		"new in an opaque directory": {[][]roottest.Entry{lower, {roottest.Dir("etc/ssl/certs/"), roottest.File("etc/ssl/certs/.wh..wh..opq", "")}}, write(bundle), ""},
		"removed":                    {[][]roottest.Entry{lower}, remove(bundle), ""},
		"removed, with one below":    {[][]roottest.Entry{lower, {roottest.File(bundle, "upper\n")}}, remove(bundle), ""},
		"by a link in the root":      {[][]roottest.Entry{lower, {roottest.Link("etc/cert.pem", "ssl/certs/ca-certificates.crt")}}, write("etc/cert.pem"), ""},
		"a hard link":                {[][]roottest.Entry{append(slices.Clone(lower), roottest.Hard("etc/hard.pem", bundle))}, write("etc/hard.pem"), ""},
		"what a hard link is to":     {[][]roottest.Entry{append(slices.Clone(lower), roottest.Hard("etc/hard.pem", bundle))}, write(bundle), "another name"},
		"one from a layer above":     {[][]roottest.Entry{lower, {roottest.Hard("etc/hard.pem", bundle)}}, write(bundle), "another name"},
		"by way of a layer's link":   {[][]roottest.Entry{{roottest.Dir("usr/"), roottest.Dir("usr/etc/"), roottest.Link("etc", "usr/etc"), roottest.File("etc/b", "old")}}, write("etc/b"), "only through a link"},
		"what would come into sight": {[][]roottest.Entry{{roottest.File("etc/x/y", "")}, {roottest.File("etc/x", "")}}, remove("etc/x"), "another hides it"},
		"no layer":                   {nil, write(bundle), "no layer"},
		"a directory becomes a file": {[][]roottest.Entry{lower, {roottest.File("etc/ssl/certs/upper", "")}}, func(r *rootfs.Overlay, _ *image.Config) error {
			return errors.Join(r.Remove(bundle), r.Remove("etc/ssl/certs/upper"), r.Remove("etc/ssl/certs"), r.Symlink("/etc/other", "etc/ssl/certs"))
		}, ""},
	} {
		t.Run(what, func(t *testing.T) {
			l := roottest.NewLayout(t)
			img := roottest.Image{Packed: "gzip"}
			for _, entries := range c.layers {
				img.Layers = append(img.Layers, roottest.Tar(t, entries...))
			}
			from := get(t, &image.Locations{}, l.Tag(l.Image(img), "x"))
			opt := inPlace
			opt.Reads = reads
			result, err := image.Update(t.Context(), from, c.edit, opt)
			if c.want != "" {
				h, ok := errors.AsType[interface {
					error
					Hint() string
				}](err)
				if !ok || !strings.Contains(err.Error(), c.want) || !strings.Contains(h.Hint(), "--layer append") {
					t.Errorf("%v", err)
				}
				return
			}
			must(t, err)
			want := dump(t, update(t, from, c.edit, image.Options{}).Image)
			if got := dump(t, result.Image); !mapsEqual(got, want) {
				t.Errorf("got  %v\nwant %v", got, want)
			}
			if n := len(digests(object(t, result.Image.Raw()), "layers")); n != len(c.layers) {
				t.Errorf("%d layers", n)
			}
		})
	}
}

// For random layers and edits, rewriting gives the same root as a layer on top,
// or is refused.
func TestRewriteRandomLayers(t *testing.T) {
	names := []string{"a", "b", "a/a", "a/b", "b/a", "b/c", "a/a/a", "a/a/b", "b/a/c"}
	done, seeds := 0, uint64(200)
	if testing.Short() {
		seeds = 50
	}
	for seed := range seeds {
		random := rand.New(rand.NewPCG(seed, 3))
		pick := func() string { return names[random.IntN(len(names))] }
		var layers [][]byte
		for range 1 + random.IntN(3) {
			var entries []roottest.Entry
			for range random.IntN(8) {
				name := pick()
				entries = append(entries, []roottest.Entry{
					roottest.File(name, name), roottest.File(name, "x"), roottest.Dir(name + "/"), roottest.Link(name, "/"+pick()), roottest.Hard(name, pick()),
					roottest.File(path.Join(path.Dir(name), ".wh."+path.Base(name)), ""), roottest.File(name+"/.wh..wh..opq", ""),
				}[random.IntN(7)])
			}
			layers = append(layers, roottest.Tar(t, entries...))
		}
		from := image.InMemory(t, layers...)
		targets := []string{pick(), pick(), pick()}
		edit := func(r *rootfs.Overlay, _ *image.Config) error {
			_ = r.WriteFile(targets[0], []byte("new"), 0o600) // impossible edits are skipped
			_ = r.Remove(targets[1])
			_ = r.Symlink("/new", targets[2])
			return nil
		}
		opt := image.Options{Reads: func(string) bool { return true }}
		want, err := image.Update(t.Context(), from, edit, opt)
		if err != nil {
			continue // an engine refuses it too
		}
		opt.Layer = image.LayerRewrite
		got, err := image.Update(t.Context(), from, edit, opt)
		if err != nil {
			continue
		}
		done++
		if a, b := dump(t, want.Image), dump(t, got.Image); !mapsEqual(a, b) {
			t.Errorf("seed %d, %q: in the layers\n%v\non top\n%v", seed, targets, b, a)
		}
	}
	if done < int(seeds)/5 {
		t.Errorf("only %d could be done", done)
	}
	t.Logf("%d of %d", done, seeds)
}

func mapsEqual(a, b map[string]string) bool {
	for name, v := range a {
		if b[name] != v {
			return false
		}
	}
	return len(a) == len(b)
}

// A layer that must not be distributed is not rewritten.
func TestRewriteForeignLayer(t *testing.T) {
	l := roottest.NewLayout(t)
	d := l.Image(roottest.Image{Packed: "gzip", Layers: base(t)})
	manifest := object(t, get(t, &image.Locations{}, l.Tag(d, "x")).Raw())
	manifest["layers"].([]any)[0].(map[string]any)["mediaType"] = "application/vnd.oci.image.layer.nondistributable.v1.tar+gzip"
	foreign := get(t, &image.Locations{}, l.Tag(l.JSON(roottest.OCIManifest, manifest), "foreign"))
	opt := inPlace
	opt.Reads = reads
	if _, err := image.Update(t.Context(), foreign, appendBundle("new"), opt); err == nil || !strings.Contains(err.Error(), "may not be distributed") {
		t.Errorf("%v", err)
	}
}

// A rewritten layer loses its table of contents, and so does its descriptor.
func TestRewriteLayerWithContents(t *testing.T) {
	l := roottest.NewLayout(t)
	layers := base(t)
	toc := roottest.File("stargz.index.json", "{}")
	layers[0] = append(layers[0][:len(layers[0])-1024], roottest.Tar(t, toc)...)
	d := l.Image(roottest.Image{Packed: "gzip", Layers: layers})
	manifest := object(t, get(t, &image.Locations{}, l.Tag(d, "x")).Raw())
	manifest["layers"].([]any)[0].(map[string]any)["annotations"] = map[string]string{"containerd.io/snapshot/stargz/toc.digest": "sha256:" + strings.Repeat("0", 64), "k": "v"}
	img := get(t, &image.Locations{}, l.Tag(l.JSON(roottest.OCIManifest, manifest), "lazy"))
	result := update(t, img, appendBundle("new"), inPlace)
	after := object(t, result.Image.Raw())["layers"].([]any)[0].(map[string]any)["annotations"].(map[string]any)
	if len(after) != 1 || after["k"] != "v" {
		t.Errorf("%v", after)
	}
	if root := dump(t, result.Image); root["stargz.index.json"] != "" || root["etc/ssl/certs/ca-certificates.crt"] == "" {
		t.Errorf("%v", root)
	}
}
