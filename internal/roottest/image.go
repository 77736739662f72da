package roottest

import (
	"archive/tar"
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
)

// Entry is one entry of a layer.
type Entry struct {
	tar.Header
	Body string
}

// File is a regular file.
func File(name, body string) Entry {
	return Entry{tar.Header{Name: name, Typeflag: tar.TypeReg, Mode: 0o644}, body}
}

// Dir is a directory.
func Dir(name string) Entry {
	return Entry{tar.Header{Name: name, Typeflag: tar.TypeDir, Mode: 0o755}, ""}
}

// Link is a symbolic link.
func Link(name, target string) Entry {
	return Entry{tar.Header{Name: name, Typeflag: tar.TypeSymlink, Linkname: target, Mode: 0o777}, ""}
}

// Hard is a hard link.
func Hard(name, target string) Entry {
	return Entry{tar.Header{Name: name, Typeflag: tar.TypeLink, Linkname: target, Mode: 0o644}, ""}
}

// Tar writes entries as the archive of a layer.
func Tar(t testing.TB, entries ...Entry) []byte {
	t.Helper()
	var buf bytes.Buffer
	w := tar.NewWriter(&buf)
	for _, e := range entries {
		e.Size = int64(len(e.Body))
		must(t, w.WriteHeader(&e.Header))
		_, err := w.Write([]byte(e.Body))
		must(t, err)
	}
	must(t, w.Close())
	return buf.Bytes()
}

// TarTree writes a tree as the archive of a layer.
func TarTree(t testing.TB, tree fstest.MapFS) []byte {
	t.Helper()
	var entries []Entry
	for _, name := range slices.Sorted(maps.Keys(tree)) {
		f := tree[name]
		e := File(name, string(f.Data))
		switch {
		case f.Mode.IsDir():
			e = Dir(name + "/")
		case f.Mode&fs.ModeSymlink != 0:
			e = Link(name, string(f.Data))
		}
		if f.Mode.Perm() != 0 && e.Typeflag != tar.TypeSymlink {
			e.Mode = int64(f.Mode.Perm())
		}
		entries = append(entries, e)
	}
	return Tar(t, entries...)
}

// Media types of the images that are made.
const (
	OCIManifest    = "application/vnd.oci.image.manifest.v1+json"
	OCIIndex       = "application/vnd.oci.image.index.v1+json"
	OCILayer       = "application/vnd.oci.image.layer.v1.tar"
	DockerManifest = "application/vnd.docker.distribution.manifest.v2+json"
	DockerList     = "application/vnd.docker.distribution.manifest.list.v2+json"
	DockerLayer    = "application/vnd.docker.image.rootfs.diff.tar"
)

// Descriptor is a descriptor as tests write it.
type Descriptor map[string]any

// Digest returns the digest that it names.
func (d Descriptor) Digest() string { return d["digest"].(string) }

// Image is an image to be made. Fields of Config and Manifest are added to what
// it needs, or replace it.
type Image struct {
	Docker   bool   // media types of Docker
	Packed   string // gzip, zstd or "" for layers that are not compressed
	Platform string // linux/amd64 if it is empty
	Layers   [][]byte
	Config   map[string]any
	Manifest map[string]any
}

// Layout is an OCI layout in a directory that images are made in.
type Layout struct {
	t     testing.TB
	Dir   string
	Level int // of gzip

	Compact bool // documents are without white space, as most tools write them
}

// NewLayout makes a layout in a new directory.
func NewLayout(t testing.TB) *Layout {
	t.Helper()
	return OpenLayout(t, t.TempDir())
}

// OpenLayout makes a layout in a directory, or goes on with the one in it.
func OpenLayout(t testing.TB, dir string) *Layout {
	t.Helper()
	l := &Layout{t: t, Dir: dir, Level: gzip.DefaultCompression}
	must(t, os.MkdirAll(filepath.Join(l.Dir, "blobs/sha256"), 0o755))
	must(t, os.WriteFile(filepath.Join(l.Dir, "oci-layout"), []byte(`{"imageLayoutVersion":"1.0.0"}`), 0o644))
	return l
}

// Blob puts data into the layout.
func (l *Layout) Blob(mediaType string, data []byte) Descriptor {
	l.t.Helper()
	sum := fmt.Sprintf("%x", sha256.Sum256(data))
	must(l.t, os.WriteFile(filepath.Join(l.Dir, "blobs/sha256", sum), data, 0o644))
	return Descriptor{"mediaType": mediaType, "digest": "sha256:" + sum, "size": len(data)}
}

// JSON puts a value into the layout.
func (l *Layout) JSON(mediaType string, v any) Descriptor {
	l.t.Helper()
	data, err := json.MarshalIndent(v, "", "   ")
	if l.Compact {
		data, err = json.Marshal(v)
	}
	must(l.t, err)
	return l.Blob(mediaType, data)
}

// Image makes an image.
func (l *Layout) Image(img Image) Descriptor {
	l.t.Helper()
	manifestType, configType, layerType := OCIManifest, "application/vnd.oci.image.config.v1+json", OCILayer
	if img.Docker {
		manifestType, configType, layerType = DockerManifest, "application/vnd.docker.container.image.v1+json", DockerLayer
	}
	suffix := map[string]string{"gzip": "+gzip", "zstd": "+zstd"}[img.Packed]
	if img.Docker && suffix != "" {
		suffix = "." + suffix[1:]
	}
	layers, diffIDs := []Descriptor{}, []string{}
	for _, data := range img.Layers {
		diffIDs = append(diffIDs, fmt.Sprintf("sha256:%x", sha256.Sum256(data)))
		layers = append(layers, l.Blob(layerType+suffix, pack(l.t, img.Packed, l.Level, data)))
	}
	platform := platformOf(img.Platform)
	config := map[string]any{"os": platform["os"], "architecture": platform["architecture"], "created": "2024-05-06T07:08:09Z", "rootfs": map[string]any{"type": "layers", "diff_ids": diffIDs}}
	maps.Copy(config, img.Config)
	manifest := map[string]any{"schemaVersion": 2, "mediaType": manifestType, "config": l.JSON(configType, config), "layers": layers}
	maps.Copy(manifest, img.Manifest)
	d := l.JSON(manifestType, manifest)
	d["platform"] = platform
	return d
}

func platformOf(text string) map[string]string {
	if text == "" {
		text = "linux/amd64"
	}
	p := map[string]string{}
	keys := []string{"os", "architecture", "variant"}
	for i, part := range splitSlash(text) {
		p[keys[i]] = part
	}
	return p
}

func splitSlash(text string) []string {
	return slices.Collect(func(yield func(string) bool) {
		for part := range bytes.SplitSeq([]byte(text), []byte("/")) {
			if !yield(string(part)) {
				return
			}
		}
	})
}

// Index makes an index. Further fields are added to it.
func (l *Layout) Index(mediaType string, fields map[string]any, children ...Descriptor) Descriptor {
	l.t.Helper()
	index := map[string]any{"schemaVersion": 2, "mediaType": mediaType, "manifests": children}
	maps.Copy(index, fields)
	return l.JSON(mediaType, index)
}

// Tag has the layout name what d names, and returns its location.
func (l *Layout) Tag(d Descriptor, tag string) string {
	l.t.Helper()
	d = maps.Clone(d)
	d["annotations"] = map[string]string{"org.opencontainers.image.ref.name": tag}
	name := filepath.Join(l.Dir, "index.json")
	index := map[string]any{"schemaVersion": 2, "manifests": []any{}}
	if data, err := os.ReadFile(name); err == nil {
		must(l.t, json.Unmarshal(data, &index))
	}
	index["manifests"] = append(index["manifests"].([]any), d)
	data, err := json.Marshal(index)
	must(l.t, err)
	must(l.t, os.WriteFile(name, data, 0o644))
	return "oci:" + l.Dir + ":" + tag
}

// Pack compresses data.
func Pack(t testing.TB, how string, data []byte) []byte {
	t.Helper()
	return pack(t, how, gzip.DefaultCompression, data)
}

func pack(t testing.TB, how string, level int, data []byte) []byte {
	t.Helper()
	var buf bytes.Buffer
	switch how {
	case "gzip":
		w, err := gzip.NewWriterLevel(&buf, level)
		must(t, err)
		_, err = w.Write(data)
		must(t, err)
		must(t, w.Close())
	case "zstd":
		w, err := zstd.NewWriter(&buf)
		must(t, err)
		_, err = w.Write(data)
		must(t, err)
		must(t, w.Close())
	default:
		return data
	}
	return buf.Bytes()
}

// OnTop makes an image of one in the layout, "oci:DIR:TAG", with one more layer,
// names it by another tag and returns its location. The image is in an index of
// one, or by itself.
func (l *Layout) OnTop(from, tag string, layer []byte) string {
	l.t.Helper()
	var index map[string]any
	l.load("index.json", &index)
	for _, d := range index["manifests"].([]any) {
		d := d.(map[string]any)
		if names, _ := d["annotations"].(map[string]any); from != "oci:"+l.Dir+":"+fmt.Sprint(names["org.opencontainers.image.ref.name"]) {
			continue
		}
		manifest := l.document(d)
		if all, ok := manifest["manifests"].([]any); ok {
			manifest = l.document(all[0].(map[string]any))
		}
		config := l.document(manifest["config"].(map[string]any))
		rootfs := config["rootfs"].(map[string]any)
		rootfs["diff_ids"] = append(rootfs["diff_ids"].([]any), fmt.Sprintf("sha256:%x", sha256.Sum256(layer)))
		if history, ok := config["history"].([]any); ok {
			config["history"] = append(history, map[string]any{"created_by": "more"})
		}
		manifest["config"] = l.JSON(manifest["config"].(map[string]any)["mediaType"].(string), config)
		manifest["layers"] = append(manifest["layers"].([]any), l.Blob(OCILayer+"+gzip", pack(l.t, "gzip", l.Level, layer)))
		return l.Tag(l.JSON(OCIManifest, manifest), tag)
	}
	l.t.Fatalf("no image %s", from)
	return ""
}

func (l *Layout) load(name string, v any) {
	l.t.Helper()
	data, err := os.ReadFile(filepath.Join(l.Dir, name))
	must(l.t, err)
	must(l.t, json.Unmarshal(data, v))
}

// document returns what a descriptor names.
func (l *Layout) document(d map[string]any) map[string]any {
	l.t.Helper()
	var v map[string]any
	l.load("blobs/"+strings.Replace(d["digest"].(string), ":", "/", 1), &v)
	return v
}
