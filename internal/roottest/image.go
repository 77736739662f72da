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

	"github.com/certgraft/certgraft/internal/ocilayout"
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

// Media types of the images.
const (
	OCIManifest    = ocilayout.OCIManifest
	OCIIndex       = ocilayout.OCIIndex
	OCILayer       = ocilayout.OCILayer
	DockerManifest = ocilayout.DockerManifest
	DockerList     = ocilayout.DockerList
	DockerLayer    = ocilayout.DockerLayer
)

// Descriptor is a descriptor of package ocilayout.
type Descriptor = ocilayout.Descriptor

// Image is an image to make.
type Image = ocilayout.Image

// Layout is an OCI layout in a directory.
type Layout struct {
	*ocilayout.Layout
	t testing.TB
}

// NewLayout makes a layout in a new directory.
func NewLayout(t testing.TB) *Layout {
	t.Helper()
	return OpenLayout(t, t.TempDir())
}

// OpenLayout creates a layout in a directory, or opens the existing one.
func OpenLayout(t testing.TB, dir string) *Layout {
	t.Helper()
	l, err := ocilayout.Open(dir)
	must(t, err)
	return &Layout{l, t}
}

// made returns a descriptor, and fails the test after an error.
func (l *Layout) made(d Descriptor, err error) Descriptor {
	l.t.Helper()
	must(l.t, err)
	return d
}

// Blob writes data.
func (l *Layout) Blob(mediaType string, data []byte) Descriptor {
	l.t.Helper()
	return l.made(l.Layout.Blob(mediaType, data))
}

// JSON writes a value.
func (l *Layout) JSON(mediaType string, v any) Descriptor {
	l.t.Helper()
	return l.made(l.Layout.JSON(mediaType, v))
}

// Image writes an image with a fixed creation time.
func (l *Layout) Image(img Image) Descriptor {
	l.t.Helper()
	config := map[string]any{"created": "2024-05-06T07:08:09Z"}
	maps.Copy(config, img.Config)
	img.Config = config
	return l.made(l.Layout.Image(img))
}

// Index writes an index, with the further fields.
func (l *Layout) Index(mediaType string, fields map[string]any, children ...Descriptor) Descriptor {
	l.t.Helper()
	return l.made(l.Layout.Index(mediaType, fields, children...))
}

// Tag gives the document of d a tag in the layout, and returns its location.
func (l *Layout) Tag(d Descriptor, tag string) string {
	l.t.Helper()
	must(l.t, l.Layout.Tag(d, tag))
	return "oci:" + l.Dir + ":" + tag
}

// Pack compresses data.
func Pack(t testing.TB, how string, data []byte) []byte {
	t.Helper()
	return pack(t, how, gzip.DefaultCompression, data)
}

func pack(t testing.TB, how string, level int, data []byte) []byte {
	t.Helper()
	packed, err := ocilayout.Pack(how, level, data)
	must(t, err)
	return packed
}

// OnTop adds one layer to an image of the layout, "oci:DIR:TAG". It gives the new
// image another tag and returns its location. The image may be alone or in an
// index of one.
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

// document returns the document that a descriptor names.
func (l *Layout) document(d map[string]any) map[string]any {
	l.t.Helper()
	var v map[string]any
	l.load("blobs/"+strings.Replace(d["digest"].(string), ":", "/", 1), &v)
	return v
}
