package image_test

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"encoding/json"
	"errors"
	"io"
	"log"
	"net/http/httptest"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/registry"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/validate"

	"github.com/certgraft/certgraft/image"
	"github.com/certgraft/certgraft/internal/roottest"
	"github.com/certgraft/certgraft/rootfs"
)

func reads(name string) bool { return strings.HasPrefix(name, "etc/ssl/") }

func update(t testing.TB, img *image.Image, edit image.Edit, opt image.Options) *image.Result {
	t.Helper()
	opt.Reads = reads
	result, err := image.Update(t.Context(), img, edit, opt)
	must(t, err)
	return result
}

// base returns the entries of a small root with a bundle.
func base(t testing.TB) [][]byte {
	ssl := roottest.Dir("etc/ssl/")
	ssl.Mode, ssl.Uid, ssl.Gid, ssl.ModTime = 0o2755, 5, 6, time.Unix(1_600_000_000, 5)
	ssl.PAXRecords = map[string]string{"SCHILY.xattr.user.note": "kept"}
	ssl.Format = tar.FormatPAX
	bundle := roottest.File("etc/ssl/certs/ca-certificates.crt", "old\n")
	bundle.Mode, bundle.Uid, bundle.Gid = 0o440, 42, 43
	bundle.PAXRecords = map[string]string{"SCHILY.xattr.user.tag": "x", "SCHILY.xattr.security.ima": "old"}
	return [][]byte{roottest.Tar(t, roottest.Dir("etc/"), ssl, roottest.Dir("etc/ssl/certs/"), bundle), roottest.Tar(t, roottest.File("app/main", "main"))}
}

// object decodes JSON.
func object(t testing.TB, raw []byte) map[string]any {
	t.Helper()
	var v map[string]any
	must(t, json.Unmarshal(raw, &v))
	return v
}

func digests(manifest map[string]any, key string) []string {
	var all []string
	for _, l := range manifest[key].([]any) {
		all = append(all, l.(map[string]any)["digest"].(string))
	}
	return all
}

// pushed puts an image into a registry and validates it with another reader. It
// returns the manifest, the config and the entries of the topmost layer.
func pushed(t testing.TB, img *image.Image) (manifest, config map[string]any, top map[string]*tar.Header) {
	t.Helper()
	server := httptest.NewServer(registry.New(registry.Logger(log.New(io.Discard, "", 0))))
	t.Cleanup(server.Close)
	ref := strings.TrimPrefix(server.URL, "http://") + "/patched:1"
	put(t, &image.Locations{}, ref, img)
	parsed, err := name.ParseReference(ref)
	must(t, err)
	desc, err := remote.Get(parsed)
	must(t, err)
	if desc.MediaType.IsIndex() {
		index, err := desc.ImageIndex()
		must(t, err)
		must(t, validate.Index(index))
		return object(t, desc.Manifest), nil, nil
	}
	pulled, err := desc.Image()
	must(t, err)
	var how []validate.Option
	if !strings.Contains(string(desc.Manifest), "gzip") {
		how = append(how, validate.Fast) // the other reader knows no other compression
	}
	must(t, validate.Image(pulled, how...))
	raw, err := pulled.RawConfigFile()
	must(t, err)
	layers, err := pulled.Layers()
	must(t, err)
	return object(t, desc.Manifest), object(t, raw), entries(t, layers[len(layers)-1])
}

func entries(t testing.TB, layer v1.Layer) map[string]*tar.Header {
	t.Helper()
	r, err := layer.Uncompressed()
	must(t, err)
	defer r.Close()
	all := map[string]*tar.Header{}
	for archive := tar.NewReader(r); ; {
		h, err := archive.Next()
		if errors.Is(err, io.EOF) {
			return all
		}
		must(t, err)
		all[h.Name] = h
	}
}

// An update changes nothing but its additions: the manifest and the config are
// compared field by field.
func TestUpdateKeepsTheRest(t *testing.T) {
	for what, img := range map[string]roottest.Image{
		"OCI":       {Packed: "gzip"},
		"OCI zstd":  {Packed: "zstd"},
		"OCI plain": {},
		"Docker":    {Packed: "gzip", Docker: true},
	} {
		t.Run(what, func(t *testing.T) {
			l := roottest.NewLayout(t)
			img.Layers = base(t)
			history := []any{map[string]any{"created_by": "one"}, map[string]any{"created_by": "env", "empty_layer": true}, map[string]any{"created_by": "two", "x": 1.0}}
			img.Config = map[string]any{
				"history": history, "moby.buildkit.buildinfo.v1": "<kept & not escaped>", "vendor": map[string]any{"a": int64(12345678901234567)},
				"config": map[string]any{"Env": []any{"PATH=/bin"}, "Labels": map[string]any{"a": "b"}, "StopTimeout": 7, "Healthcheck": map[string]any{"StartInterval": 5}},
			}
			img.Manifest = map[string]any{
				"annotations": map[string]any{"x": "y"}, "unknown": []any{1.5},
				"subject": map[string]any{"mediaType": roottest.OCIManifest, "digest": "sha256:" + strings.Repeat("1", 64), "size": 3},
			}
			before := get(t, &image.Locations{}, l.Tag(l.Image(img), "x"))
			result := update(t, before, appendBundle("new"), image.Options{Sources: []string{"corp.pem"}, Program: "certgraft"})
			manifest, config, top := pushed(t, result.Image)

			was := object(t, before.Raw())
			if got := digests(manifest, "layers"); len(got) != 3 || !slices.Equal(got[:2], digests(was, "layers")) {
				t.Errorf("layers %q", got)
			}
			added := manifest["layers"].([]any)[2].(map[string]any)
			if got, want := added["mediaType"], was["layers"].([]any)[1].(map[string]any)["mediaType"]; got != want {
				t.Errorf("media type %v, want %v", got, want)
			}
			if !img.Docker {
				want := map[string]any{"x": "y", "org.opencontainers.image.base.digest": string(before.Descriptor.Digest)}
				if !reflect.DeepEqual(manifest["annotations"], want) {
					t.Errorf("annotations %v", manifest["annotations"])
				}
			}
			for _, key := range []string{"layers", "config", "annotations"} {
				delete(manifest, key)
				delete(was, key)
			}
			if !reflect.DeepEqual(was, manifest) {
				t.Errorf("manifest\n was %v\n is  %v", was, manifest)
			}
			ids := config["rootfs"].(map[string]any)["diff_ids"].([]any)
			steps := config["history"].([]any)
			if len(ids) != 3 || len(steps) != 4 || !reflect.DeepEqual(steps[:3], history) {
				t.Errorf("diff_ids %v, history %v", ids, steps)
			}
			if want := map[string]any{"created": "2024-05-06T07:08:09Z", "created_by": "certgraft patch corp.pem", "comment": "CA certificates"}; !reflect.DeepEqual(steps[3], want) {
				t.Errorf("history %v", steps[3])
			}
			raw, _ := json.Marshal(img.Config["config"])
			if !reflect.DeepEqual(object(t, raw), config["config"]) || config["moby.buildkit.buildinfo.v1"] != "<kept & not escaped>" {
				t.Errorf("config %v", config)
			}
			checkTop(t, top)
		})
	}
}

// checkTop checks the new layer: only content and time of the file differ, and
// the directories above are unchanged.
func checkTop(t *testing.T, top map[string]*tar.Header) {
	t.Helper()
	var names []string
	for name := range top {
		names = append(names, name)
	}
	slices.Sort(names)
	if want := []string{"etc/", "etc/ssl/", "etc/ssl/certs/", "etc/ssl/certs/ca-certificates.crt"}; !slices.Equal(names, want) {
		t.Fatalf("names %q", names)
	}
	bundle := top["etc/ssl/certs/ca-certificates.crt"]
	if bundle.Mode != 0o440 || bundle.Uid != 42 || bundle.Gid != 43 || bundle.PAXRecords["SCHILY.xattr.user.tag"] != "x" || bundle.PAXRecords["SCHILY.xattr.security.ima"] != "" {
		t.Errorf("bundle %+v", bundle)
	}
	if want := time.Date(2024, 5, 6, 7, 8, 9, 0, time.UTC); !bundle.ModTime.Equal(want) || bundle.Uname != "" {
		t.Errorf("bundle %+v", bundle)
	}
	ssl := top["etc/ssl/"]
	if ssl.Mode != 0o2755 || ssl.Uid != 5 || ssl.Gid != 6 || !ssl.ModTime.Equal(time.Unix(1_600_000_000, 5)) || ssl.PAXRecords["SCHILY.xattr.user.note"] != "kept" {
		t.Errorf("etc/ssl %+v", ssl)
	}
}

func TestUpdateIsReproducible(t *testing.T) {
	l := roottest.NewLayout(t)
	for _, packed := range []string{"", "gzip", "zstd"} {
		img := get(t, &image.Locations{}, l.Tag(l.Image(roottest.Image{Packed: packed, Layers: base(t)}), "p"+packed))
		first := update(t, img, appendBundle("new"), image.Options{Jobs: 1})
		second := update(t, img, appendBundle("new"), image.Options{Jobs: 8})
		if first.Image.Descriptor.Digest != second.Image.Descriptor.Digest || !first.Changed {
			t.Errorf("%s: %s and %s", packed, first.Image.Descriptor.Digest, second.Image.Descriptor.Digest)
		}
		if dated := update(t, img, appendBundle("new"), image.Options{ModTime: epoch}); dated.Image.Descriptor.Digest == first.Image.Descriptor.Digest {
			t.Errorf("%s: the time that was given is not used", packed)
		}
	}
}

func TestNothingToAdd(t *testing.T) {
	l := roottest.NewLayout(t)
	img := get(t, &image.Locations{}, l.Tag(l.Image(roottest.Image{Packed: "gzip", Layers: base(t)}), "x"))
	result := update(t, img, appendBundle("old"), image.Options{})
	if result.Changed || result.Image.Descriptor.Digest != img.Descriptor.Digest || result.Parts[0].Layer != nil {
		t.Errorf("%+v", result.Parts[0])
	}
}

// Patching an image again leaves one layer of certgraft's with all changes.
// Without new changes the image stays.
func TestUpdateReplacesItsOwnLayer(t *testing.T) {
	l := roottest.NewLayout(t)
	locations := &image.Locations{}
	config := map[string]any{"history": []any{map[string]any{"created_by": "a"}, map[string]any{"created_by": "b"}}}
	img := get(t, locations, l.Tag(l.Image(roottest.Image{Packed: "gzip", Layers: base(t), Config: config}), "x"))
	out := "oci:" + t.TempDir()
	put(t, locations, out, update(t, img, appendBundle("one"), image.Options{Sources: []string{"one"}}).Image)
	once := get(t, locations, out)

	again := update(t, once, appendBundle("one"), image.Options{Sources: []string{"one"}, ModTime: epoch})
	if again.Changed {
		t.Error("the same again is a change")
	}
	twice := update(t, once, appendBundle("two"), image.Options{Sources: []string{"two"}})
	manifest, cfg, _ := pushed(t, twice.Image)
	if n := len(manifest["layers"].([]any)); n != 3 || !twice.Parts[0].Replaced {
		t.Errorf("%d layers", n)
	}
	if got := manifest["annotations"].(map[string]any)["org.opencontainers.image.base.digest"]; got != string(img.Descriptor.Digest) {
		t.Errorf("base is %v, not the image before the first patch", got)
	}
	steps := cfg["history"].([]any)
	if got := steps[len(steps)-1].(map[string]any)["created_by"]; len(steps) != 3 || got != "certgraft patch one two" {
		t.Errorf("history %v", steps)
	}
	if got := bundleOf(t, twice.Image); got != "old\none\ntwo\n" {
		t.Errorf("bundle %q", got)
	}
	// After everything is taken out, the image has its original layers.
	gone := update(t, once, func(r *rootfs.Overlay, _ *image.Config) error {
		return r.WriteFile("etc/ssl/certs/ca-certificates.crt", []byte("old\n"), 0o644)
	}, image.Options{})
	manifest, _, _ = pushed(t, gone.Image)
	if got, want := digests(manifest, "layers"), digests(object(t, img.Raw()), "layers"); !slices.Equal(got, want) {
		t.Errorf("layers %q, want %q", got, want)
	}
}

func bundleOf(t testing.TB, img *image.Image) string {
	t.Helper()
	r, _, err := image.Root(t.Context(), img, image.Options{Reads: reads})
	must(t, err)
	f, err := r.Open("etc/ssl/certs/ca-certificates.crt")
	must(t, err)
	data, err := io.ReadAll(f)
	must(t, err)
	return string(data)
}

// A layer on top of certgraft's stays, and so does certgraft's.
func TestUpdateBelowAnotherLayer(t *testing.T) {
	l := roottest.NewLayout(t)
	img := get(t, &image.Locations{}, l.Tag(l.Image(roottest.Image{Layers: base(t)}), "x"))
	ours := update(t, img, appendBundle("one"), image.Options{}).Image
	layer := topLayer(t, ours)
	built := get(t, &image.Locations{}, l.Tag(l.Image(roottest.Image{Layers: append(base(t), layer, roottest.Tar(t, roottest.File("srv/x", "x")))}), "y"))
	result := update(t, built, appendBundle("two"), image.Options{})
	if n := len(digests(object(t, result.Image.Raw()), "layers")); n != 5 || result.Parts[0].Replaced {
		t.Errorf("%d layers", n)
	}
	if got := bundleOf(t, result.Image); got != "old\none\ntwo\n" {
		t.Errorf("bundle %q", got)
	}
}

// topLayer returns the unpacked topmost layer.
func topLayer(t testing.TB, img *image.Image) []byte {
	t.Helper()
	server := httptest.NewServer(registry.New(registry.Logger(log.New(io.Discard, "", 0))))
	t.Cleanup(server.Close)
	ref := strings.TrimPrefix(server.URL, "http://") + "/x:1"
	put(t, &image.Locations{}, ref, img)
	parsed, err := name.ParseReference(ref)
	must(t, err)
	pulled, err := remote.Image(parsed)
	must(t, err)
	layers, err := pulled.Layers()
	must(t, err)
	r, err := layers[len(layers)-1].Compressed()
	must(t, err)
	data, err := io.ReadAll(r)
	must(t, err)
	if z, err := gzip.NewReader(bytes.NewReader(data)); err == nil {
		data, err = io.ReadAll(z)
		must(t, err)
	}
	return data
}

// Removed files become whiteouts, which hide them.
func TestUpdateRemoves(t *testing.T) {
	l := roottest.NewLayout(t)
	img := get(t, &image.Locations{}, l.Tag(l.Image(roottest.Image{Packed: "gzip", Layers: base(t)}), "x"))
	result := update(t, img, func(r *rootfs.Overlay, _ *image.Config) error {
		return errors.Join(r.Remove("etc/ssl/certs/ca-certificates.crt"), r.Remove("etc/ssl/certs"), r.Symlink("/new", "etc/ssl/certs"), r.WriteFile("new/x", []byte("x"), 0o600))
	}, image.Options{})
	_, _, top := pushed(t, result.Image)
	if top["etc/ssl/certs"] == nil || top["etc/ssl/certs"].Linkname != "/new" || top["new/"] == nil || top["new/x"].Mode != 0o600 {
		t.Errorf("%v", top)
	}
	r, _, err := image.Root(t.Context(), result.Image, image.Options{})
	must(t, err)
	got := roottest.Dump(t, r)
	if got["etc/ssl/certs"] != "-> /new" || got["etc/ssl/certs/ca-certificates.crt"] != "" || got["new/x"] != "-rw------- x" {
		t.Errorf("%v", got)
	}
}

// The error of a failed edit names the platform. An image without a history
// gets none.
func TestUpdateOddities(t *testing.T) {
	l := roottest.NewLayout(t)
	img := get(t, &image.Locations{}, l.Tag(l.Image(roottest.Image{Platform: "linux/arm64/v8", Layers: base(t)}), "x"))
	_, err := image.Update(t.Context(), img, func(*rootfs.Overlay, *image.Config) error { return errors.New("no") }, image.Options{})
	if err == nil || !strings.Contains(err.Error(), "linux/arm64/v8: no") {
		t.Errorf("%v", err)
	}
	_, config, _ := pushed(t, update(t, img, appendBundle("new"), image.Options{}).Image)
	if _, ok := config["history"]; ok {
		t.Errorf("history %v", config["history"])
	}
	scratch := get(t, &image.Locations{}, l.Tag(l.Image(roottest.Image{}), "scratch"))
	manifest, _, top := pushed(t, update(t, scratch, appendBundle("new"), image.Options{}).Image)
	if len(digests(manifest, "layers")) != 1 || top["etc/"] == nil || top["etc/ssl/certs/ca-certificates.crt"] == nil {
		t.Errorf("%v %v", manifest, top)
	}
	var many [][]byte
	for range 127 {
		many = append(many, roottest.Tar(t))
	}
	full := get(t, &image.Locations{}, l.Tag(l.Image(roottest.Image{Layers: many}), "full"))
	if _, err := image.Update(t.Context(), full, appendBundle("new"), image.Options{}); err == nil || !strings.Contains(err.Error(), "128 layers") {
		t.Errorf("%v", err)
	}
}

func TestUpdateSettings(t *testing.T) {
	l := roottest.NewLayout(t)
	config := map[string]any{"config": map[string]any{"Env": []any{"A=1"}, "Labels": map[string]any{"x": "1", "y": "<"}, "Cmd": []any{"sh"}}}
	img := get(t, &image.Locations{}, l.Tag(l.Image(roottest.Image{Packed: "gzip", Layers: base(t), Config: config}), "x"))
	opt := image.Options{Labels: map[string]string{"x": "2"}, Annotations: map[string]string{"k": "v"}}
	setEnv := func(_ *rootfs.Overlay, c *image.Config) error {
		if !slices.Contains(c.Env, "B=2") {
			c.Env = append(c.Env, "B=2")
		}
		return nil
	}
	result := update(t, img, setEnv, opt)
	if !slices.Equal(result.Parts[0].Env, []string{"B=2"}) || result.Parts[0].Layer != nil {
		t.Errorf("%+v", result.Parts[0])
	}
	manifest, cfg, _ := pushed(t, result.Image)
	want := map[string]any{"Env": []any{"A=1", "B=2"}, "Labels": map[string]any{"x": "2", "y": "<"}, "Cmd": []any{"sh"}}
	if !reflect.DeepEqual(cfg["config"], want) || manifest["annotations"].(map[string]any)["k"] != "v" || len(digests(manifest, "layers")) != 2 {
		t.Errorf("%v %v", cfg["config"], manifest)
	}
	out := "oci:" + t.TempDir()
	put(t, &image.Locations{}, out, result.Image)
	if again := update(t, get(t, &image.Locations{}, out), setEnv, opt); again.Changed {
		t.Error("the same settings again are a change")
	}
}

// Images with one base get one layer, which is packed once. Other content gives
// another layer.
func TestPackedOnce(t *testing.T) {
	memory, packs := &image.Memory{}, 0
	for _, want := range []string{"a", "b", "a", "c", "d", "e", "f", "g", "h", "i", "i"} {
		got, err := memory.Packed(image.Digest(want), "gzip", func() ([]byte, error) { packs++; return []byte(want), nil })
		if err != nil || string(got) != want {
			t.Errorf("%q %v, want %q", got, err, want)
		}
	}
	if packs != 9 {
		t.Errorf("packed %d times", packs)
	}
	if got, err := memory.Packed("a", "gzip", func() ([]byte, error) { return []byte("anew"), nil }); err != nil || string(got) != "anew" {
		t.Errorf("more are kept than the bound: %q", got)
	}
	if got, _ := memory.Packed("i", "zstd", func() ([]byte, error) { return []byte("z"), nil }); string(got) != "z" {
		t.Errorf("%q for another compression", got)
	}
}
