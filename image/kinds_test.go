package image_test

import (
	"encoding/base64"
	"fmt"
	"maps"
	"os"
	"reflect"
	"strings"
	"testing"

	"github.com/certgraft/certgraft/image"
	"github.com/certgraft/certgraft/image/internal/oci"
	"github.com/certgraft/certgraft/internal/roottest"
	"github.com/certgraft/certgraft/rootfs"
)

// wasm makes both common forms of WebAssembly: an image whose layer has the
// module as a file, and an artifact that is the module.
func wasm(t *testing.T, l *roottest.Layout) (packed, bare roottest.Descriptor) {
	t.Helper()
	packed = l.Image(roottest.Image{Packed: "gzip", Platform: "wasip1/wasm", Layers: [][]byte{roottest.Tar(t, roottest.File("app.wasm", "\x00asm"))}})
	config := l.JSON("application/vnd.wasm.config.v0+json", map[string]any{"architecture": "wasm", "os": "wasip1", "layerDigests": []string{}})
	bare = l.JSON(roottest.OCIManifest, map[string]any{"schemaVersion": 2, "mediaType": roottest.OCIManifest, "config": config, "layers": []any{l.Blob("application/wasm", []byte("\x00asm"))}})
	bare["platform"] = map[string]any{"os": "wasip1", "architecture": "wasm"}
	return packed, bare
}

// An artifact with a WebAssembly module stays unchanged and is named. A module
// in a root is an ordinary file.
func TestHeldWebAssembly(t *testing.T) {
	l := roottest.NewLayout(t)
	packed, bare := wasm(t, l)
	linux := l.Image(roottest.Image{Packed: "gzip", Layers: base(t)})
	img := get(t, &image.Locations{}, l.Tag(l.Index(roottest.OCIIndex, nil, linux, bare, packed), "x"))
	result := update(t, img, appendBundle("new"), image.Options{Platforms: []image.Platform{{OS: "linux", Architecture: "amd64"}}, KeepOtherPlatforms: true})
	if got := digests(object(t, result.Image.Raw()), "manifests"); got[0] == linux.Digest() || got[1] != bare.Digest() || got[2] != packed.Digest() {
		t.Errorf("manifests %q", got)
	}
	pushed(t, result.Image)
	every := update(t, img, func(root *rootfs.Overlay, _ *image.Config) error {
		return root.WriteFile("etc/ssl/a", []byte("a"), 0o644)
	}, image.Options{})
	for i, want := range []string{"linux/amd64 ", "wasip1/wasm it is no image but application/vnd.wasm.config.v0+json", "wasip1/wasm "} {
		if p := every.Parts[i]; p.Platform.String()+" "+p.Left != want {
			t.Errorf("%s %s, want %s", p.Platform, p.Left, want)
		}
	}
	pushed(t, every.Image)
	if result := update(t, get(t, &image.Locations{}, l.Tag(packed, "packed")), appendBundle("new"), image.Options{}); !result.Changed || len(result.Parts) != 1 {
		t.Errorf("%+v", result)
	}
	alone := get(t, &image.Locations{}, l.Tag(bare, "alone"))
	if _, err := image.Update(t.Context(), alone, appendBundle("new"), image.Options{Reads: reads}); err == nil || !strings.Contains(err.Error(), "it holds no image, but application/vnd.wasm.config.v0+json") {
		t.Errorf("%v", err)
	}
}

// A Windows image stays unchanged, with layers that have only a URL, and the
// rest of its index is patched. With a Windows image alone, nothing changes.
func TestHeldWindows(t *testing.T) {
	l := roottest.NewLayout(t)
	linux := l.Image(roottest.Image{Packed: "gzip", Docker: true, Layers: base(t)})
	foreign := roottest.Descriptor{"mediaType": "application/vnd.docker.image.rootfs.foreign.diff.tar.gzip", "digest": "sha256:" + strings.Repeat("a", 64), "size": 1 << 30, "urls": []string{"https://mcr.microsoft.com/v2/windows/nanoserver/blobs/sha256:a"}}
	own := l.Blob("application/vnd.docker.image.rootfs.diff.tar.gzip", roottest.Pack(t, "gzip", roottest.Tar(t, roottest.File("Files/app.exe", "MZ"))))
	windows := l.Image(roottest.Image{Docker: true, Platform: "windows/amd64", Config: map[string]any{"os.version": "10.0.20348.1", "rootfs": map[string]any{"type": "layers", "diff_ids": []string{"sha256:" + strings.Repeat("b", 64), "sha256:" + strings.Repeat("c", 64)}}}, Manifest: map[string]any{"layers": []roottest.Descriptor{foreign, own}}})
	img := get(t, &image.Locations{}, l.Tag(l.Index(roottest.DockerList, nil, windows, linux), "x"))
	result := update(t, img, appendBundle("new"), image.Options{})
	if got := digests(object(t, result.Image.Raw()), "manifests"); got[0] != windows.Digest() || got[1] == linux.Digest() || !strings.Contains(result.Parts[0].Left, "Windows") {
		t.Errorf("%q %+v", got, result.Parts[0])
	}
	r := roottest.NewRegistry(t)
	put(t, &image.Locations{}, r.Host+"/app:1", result.Image)
	if again := get(t, &image.Locations{}, r.Host+"/app:1"); again.Descriptor.Digest != result.Image.Descriptor.Digest {
		t.Errorf("%s", again.Descriptor.Digest)
	}
	alone := get(t, &image.Locations{}, l.Tag(windows, "alone"))
	if result := update(t, alone, appendBundle("new"), image.Options{}); result.Changed || len(result.Parts) != 1 || !strings.Contains(result.Parts[0].Left, "Windows") {
		t.Errorf("%+v", result)
	}
}

// The subject of an image stays, at any place in the manifest, and is reported.
func TestHeldSubject(t *testing.T) {
	l := roottest.NewLayout(t)
	of := l.Image(roottest.Image{Packed: "gzip", Layers: base(t)})
	delete(of, "platform")
	about := l.Image(roottest.Image{Packed: "gzip", Layers: base(t), Manifest: map[string]any{"subject": of, "annotations": map[string]any{"a": "b"}}})
	index := l.Index(roottest.OCIIndex, map[string]any{"subject": of, "artifactType": "application/x-set"}, about)
	for what, d := range map[string]roottest.Descriptor{"manifest": about, "index": index} {
		img := get(t, &image.Locations{}, l.Tag(d, what))
		result := update(t, img, appendBundle("new"), image.Options{})
		was, now := object(t, img.Raw()), object(t, result.Image.Raw())
		for _, key := range []string{"subject", "artifactType"} {
			if !result.Changed || !reflect.DeepEqual(was[key], now[key]) {
				t.Errorf("%s: %s: %v became %v", what, key, was[key], now[key])
			}
		}
		if string(result.Parts[0].Subject) != of.Digest() {
			t.Errorf("%s: %+v", what, result.Parts[0])
		}
		pushed(t, result.Image)
	}
}

// Content embedded in a descriptor always matches the descriptor: for the
// config, an image in an index and a layer.
func TestHeldEmbeddedData(t *testing.T) {
	l := roottest.NewLayout(t)
	l.Compact = true
	embedded := func(d roottest.Descriptor) roottest.Descriptor {
		d = maps.Clone(d)
		d["data"] = base64.StdEncoding.EncodeToString(content(t, l, d.Digest()))
		return d
	}
	plain := l.Image(roottest.Image{Packed: "gzip", Layers: base(t)})
	manifest := object(t, content(t, l, plain.Digest()))
	manifest["config"] = embedded(manifest["config"].(map[string]any))
	layers := manifest["layers"].([]any)
	layers[1] = embedded(layers[1].(map[string]any))
	one := embedded(l.JSON(roottest.OCIManifest, manifest))
	img := get(t, &image.Locations{}, l.Tag(l.Index(roottest.OCIIndex, nil, one), "x"))
	result := update(t, img, appendBundle("new"), image.Options{})
	pushed(t, result.Image)
	child := object(t, result.Image.Raw())["manifests"].([]any)[0].(map[string]any)
	raw := isEmbedded(t, child)
	if child["digest"] == one.Digest() {
		t.Error("nothing was changed")
	}
	now := object(t, raw)
	isEmbedded(t, now["config"].(map[string]any))
	if got := now["layers"].([]any); len(got) != 3 || fmt.Sprint(got[1]) != fmt.Sprint(layers[1]) {
		t.Errorf("layers %v", got)
	}
	isEmbedded(t, now["layers"].([]any)[1].(map[string]any))
}

// isEmbedded returns the embedded content of a descriptor, which must match it.
func isEmbedded(t *testing.T, d map[string]any) []byte {
	t.Helper()
	text, _ := d["data"].(string)
	data, err := base64.StdEncoding.DecodeString(text)
	if err != nil || string(oci.DigestOf(data)) != d["digest"] || float64(len(data)) != d["size"] {
		t.Errorf("%v embeds %q, %v", d["digest"], data, err)
	}
	return data
}

// content returns the content with a digest in a layout.
func content(t *testing.T, l *roottest.Layout, digest string) []byte {
	t.Helper()
	data, err := os.ReadFile(blob(l, digest))
	must(t, err)
	return data
}
