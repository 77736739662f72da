package image_test

import (
	"archive/tar"
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/certgraft/certgraft/image"
	"github.com/certgraft/certgraft/internal/roottest"
)

func TestParse(t *testing.T) {
	l := &image.Locations{}
	for _, text := range []string{"debian", "registry.example.com:5000/a/b:1", "docker://a/b@sha256:" + strings.Repeat("a", 64), "oci:dir", "oci:dir:tag", "oci-archive:f.tar", "docker-archive:-", "docker-archive:f.tar:a/b:1", "docker-daemon:a:1"} {
		at, err := l.Parse(text)
		if err != nil || at.String() != text {
			t.Errorf("%s: %v %v", text, at, err)
		}
	}
	for _, text := range []string{"", "UPPER/case", "oci:", "docker-daemon:", "a b", "x://y"} {
		if at, err := l.Parse(text); !errors.Is(err, image.ErrUsage) {
			t.Errorf("%q: %v %v", text, at, err)
		}
	}
}

// An image is the same in each location, as far as the format allows.
func TestRoundTrips(t *testing.T) {
	source := roottest.NewLayout(t)
	text, _ := multi(t, source)
	registry := roottest.NewRegistry(t)
	dir := t.TempDir()
	locations := &image.Locations{}
	img := get(t, locations, text)
	want := img.Descriptor.Digest
	for _, at := range []string{registry.Host + "/a:1", "oci:" + dir + "/layout:2", "oci-archive:" + dir + "/x.tar:3", "oci:" + dir + "/layout:4", registry.Host + "/b/c:5", "docker://" + registry.Host + "/b/c:6"} {
		put(t, locations, at, img)
		put(t, locations, at, img) // a second time
		if img = get(t, locations, at); img.Descriptor.Digest != want {
			t.Errorf("%s: %s", at, img.Descriptor.Digest)
		}
		if got := digests(object(t, update(t, img, appendBundle("new"), image.Options{}).Image.Raw()), "manifests"); len(got) != 5 {
			t.Errorf("%s: %q", at, got)
		}
	}
	if at, err := locations.Parse("oci:" + dir + "/layout"); err != nil {
		t.Error(err)
	} else if _, err := at.Get(t.Context()); !errors.Is(err, image.ErrUsage) {
		t.Errorf("two images and no tag: %v", err)
	}
}

// docker makes an archive in the format of old docker save.
func docker(t *testing.T, tags []string, layers ...[]byte) string {
	t.Helper()
	return dockerPacked(t, "", tags, layers...)
}

func dockerPacked(t *testing.T, packed string, tags []string, layers ...[]byte) string {
	t.Helper()
	l := roottest.NewLayout(t)
	d := l.Image(roottest.Image{Docker: true, Layers: layers, Config: map[string]any{"config": map[string]any{"Cmd": []string{"x"}}}})
	raw, err := os.ReadFile(blob(l, d.Digest()))
	must(t, err)
	config := object(t, raw)["config"].(map[string]any)["digest"].(string)
	data, err := os.ReadFile(blob(l, config))
	must(t, err)
	entries := []roottest.Entry{roottest.File("c.json", string(data))}
	names := []string{}
	for i, layer := range layers {
		name := string(rune('a'+i)) + "/layer.tar"
		entries = append(entries, roottest.File("store"+name, string(roottest.Pack(t, packed, layer))), roottest.Link(name, "../store"+name))
		names = append(names, name)
	}
	manifest, err := json.Marshal([]map[string]any{{"Config": "c.json", "RepoTags": tags, "Layers": names}})
	must(t, err)
	entries = append(entries, roottest.File("manifest.json", string(manifest)))
	file := filepath.Join(t.TempDir(), "saved.tar")
	must(t, os.WriteFile(file, roottest.Tar(t, entries...), 0o644))
	return file
}

func TestDockerArchive(t *testing.T) {
	file := docker(t, []string{"app:1", "app:2"}, base(t)...)
	locations := &image.Locations{}
	img := get(t, locations, "docker-archive:"+file)
	if bundleOf(t, img) != "old\n" || !slices.Equal(img.Tags, []string{"app:1", "app:2"}) {
		t.Errorf("%q", img.Tags)
	}
	result := update(t, img, appendBundle("new"), image.Options{})
	out := "docker-archive:" + t.TempDir() + "/out.tar"
	put(t, locations, out, result.Image)
	again := get(t, locations, out)
	if again.Descriptor.Digest != result.Image.Descriptor.Digest || bundleOf(t, again) != "old\nnew\n" || !slices.Equal(again.Tags, img.Tags) {
		t.Errorf("%+v", again)
	}
	checkSaved(t, strings.TrimPrefix(out, "docker-archive:"), []string{"app:1", "app:2"}, 3)
	put(t, locations, out+":other/name", result.Image)
	checkSaved(t, strings.TrimPrefix(out, "docker-archive:"), []string{"app:1", "app:2", "other/name:latest"}, 3)
	for _, at := range []string{"docker-archive:" + file + ":app:3", "docker-archive:" + file + "x"} {
		if l, err := locations.Parse(at); err != nil {
			t.Error(err)
		} else if _, err := l.Get(t.Context()); err == nil {
			t.Errorf("%s is there", at)
		}
	}
}

// A plain image from an archive is compressed before a push, always to the same
// bytes. Compressed layers stay unchanged.
func TestPacked(t *testing.T) {
	locations := &image.Locations{}
	img := get(t, locations, "docker-archive:"+docker(t, nil, base(t)...))
	var seen []string
	for range 2 {
		one, _, err := image.Compress(t.Context(), img, 2)
		must(t, err)
		manifest, config, _ := pushed(t, one)
		for _, l := range manifest["layers"].([]any) {
			if mediaType := l.(map[string]any)["mediaType"]; mediaType != "application/vnd.docker.image.rootfs.diff.tar.gzip" {
				t.Errorf("media type %v", mediaType)
			}
		}
		if len(config["rootfs"].(map[string]any)["diff_ids"].([]any)) != 2 || bundleOf(t, one) != "old\n" {
			t.Errorf("%v", config)
		}
		again, _, err := image.Compress(t.Context(), one, 2)
		must(t, err)
		seen = append(seen, string(one.Descriptor.Digest), string(again.Descriptor.Digest))
	}
	if len(slices.Compact(seen)) != 1 {
		t.Errorf("%q", seen)
	}
}

// Some tools write archives with compressed layers.
func TestDockerArchiveWithPackedLayers(t *testing.T) {
	for _, packed := range []string{"gzip", "zstd"} {
		img := get(t, &image.Locations{}, "docker-archive:"+dockerPacked(t, packed, nil, base(t)...))
		result := update(t, img, appendBundle("new"), image.Options{})
		if got := bundleOf(t, result.Image); got != "old\nnew\n" || !strings.HasSuffix(result.Parts[0].Layer.MediaType, "."+packed) {
			t.Errorf("%s: %q %s", packed, got, result.Parts[0].Layer.MediaType)
		}
	}
}

// checkSaved reads an archive as an engine before Docker 25 does.
func checkSaved(t *testing.T, file string, tags []string, layers int) {
	t.Helper()
	data, err := os.ReadFile(file)
	must(t, err)
	files := map[string][]byte{}
	for r := tar.NewReader(bytes.NewReader(data)); ; {
		h, err := r.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		must(t, err)
		files[h.Name], err = io.ReadAll(r)
		must(t, err)
	}
	var all []struct {
		Config           string
		RepoTags, Layers []string
	}
	must(t, json.Unmarshal(files["manifest.json"], &all))
	if len(all) != 1 || !slices.Equal(all[0].RepoTags, tags) || len(all[0].Layers) != layers {
		t.Fatalf("%+v", all)
	}
	ids := object(t, files[all[0].Config])["rootfs"].(map[string]any)["diff_ids"].([]any)
	if len(ids) != layers {
		t.Errorf("%d layers in the config", len(ids))
	}
	for _, name := range all[0].Layers {
		if files[name] == nil {
			t.Errorf("%s is not in the archive", name)
		}
	}
}

// docker save | certgraft | docker load, compressed or plain.
func TestStreams(t *testing.T) {
	data, err := os.ReadFile(docker(t, []string{"app:1"}, base(t)...))
	must(t, err)
	for _, packed := range []string{"", "gzip", "zstd"} {
		var out bytes.Buffer
		locations := &image.Locations{Stdin: bytes.NewReader(roottest.Pack(t, packed, data)), Stdout: &out}
		img := get(t, locations, "docker-archive:-")
		put(t, locations, "docker-archive:-", update(t, img, appendBundle("new"), image.Options{}).Image)
		file := filepath.Join(t.TempDir(), "x.tar")
		must(t, os.WriteFile(file, out.Bytes(), 0o644))
		checkSaved(t, file, []string{"app:1"}, 3)
	}
}

// An archive from Docker 25 is read by its OCI layout.
func TestDockerArchiveWithLayout(t *testing.T) {
	l := roottest.NewLayout(t)
	text, _ := multi(t, l)
	locations := &image.Locations{}
	img := get(t, locations, text)
	dir := t.TempDir()
	arm := update(t, img, appendBundle("new"), image.Options{Platforms: []image.Platform{{OS: "linux", Architecture: "arm64"}}})
	at, err := locations.Parse("docker-archive:" + dir + "/x.tar:app:1")
	must(t, err)
	if err := at.Put(t.Context(), img); !errors.Is(err, image.ErrUsage) {
		t.Errorf("an index in an archive for docker load: %v", err)
	}
	if _, err := os.Stat(dir + "/x.tar"); err == nil {
		t.Error("half an archive was left")
	}
	only := roottest.NewLayout(t)
	one := get(t, locations, only.Tag(only.Image(roottest.Image{Packed: "zstd", Layers: base(t), Manifest: map[string]any{"annotations": map[string]string{"a": "b"}}}), "x"))
	must(t, at.Put(t.Context(), one))
	back := get(t, locations, "docker-archive:"+dir+"/x.tar")
	if back.Descriptor.Digest != one.Descriptor.Digest {
		t.Errorf("the manifest changed on the way: %s", back.Raw())
	}
	if arm.Image.Descriptor.Digest == img.Descriptor.Digest {
		t.Error("nothing was narrowed")
	}
}

// Locations of one image in one place are recognised in any spelling.
func TestPlace(t *testing.T) {
	dir := t.TempDir()
	if err := os.Symlink(dir, filepath.Join(dir, "link")); err != nil {
		t.Fatal(err)
	}
	t.Chdir(dir)
	place := func(text string) string {
		at, err := (&image.Locations{}).Parse(text)
		if err != nil {
			t.Fatal(err)
		}
		where, name := at.Place()
		return where + " " + name
	}
	for _, same := range [][]string{
		{"registry.example.com/app", "docker://registry.example.com/app:latest"},
		{"app:1", "docker.io/library/app:1", "docker://app:1"},
		{"oci:new:1", "oci:./new:1", "oci:" + dir + "/link/new:1", "oci:link/link/new:1"},
		{"oci:new"},
		{"docker-archive:a.tar", "oci-archive:link/a.tar"},
		{"docker-archive:a.tar:app", "docker-archive:" + dir + "/a.tar:docker.io/library/app:latest"},
		{"docker-daemon:app", "docker-daemon:library/app:latest"},
	} {
		for _, text := range same {
			if place(text) != place(same[0]) {
				t.Errorf("%s is %s, and %s is %s", text, place(text), same[0], place(same[0]))
			}
		}
	}
	for _, others := range [][2]string{
		{"a/b:1", "a/b:2"}, {"oci:new:1", "oci:new:2"}, {"oci:new", "oci:new:1"}, {"oci:a:1", "oci:b:1"},
		{"docker-archive:a.tar:x", "docker-archive:a.tar:y"}, {"docker-archive:a.tar", "docker-archive:b.tar"}, {"docker-daemon:app", "app"},
	} {
		if place(others[0]) == place(others[1]) {
			t.Errorf("%s and %s are both %s", others[0], others[1], place(others[0]))
		}
	}
}
