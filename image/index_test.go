package image_test

import (
	"fmt"
	"maps"
	"os"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/certgraft/certgraft/image"
	"github.com/certgraft/certgraft/internal/hint"
	"github.com/certgraft/certgraft/internal/roottest"
)

// multi makes an index with two platforms, a Windows image, attestations and a
// chart, and returns its location.
func multi(t *testing.T, l *roottest.Layout) (string, map[string]roottest.Descriptor) {
	t.Helper()
	amd := l.Image(roottest.Image{Packed: "gzip", Layers: base(t)})
	amd["annotations"], amd["vendor"], amd["data"] = map[string]string{"k": "v"}, 1, "e30="
	arm := l.Image(roottest.Image{Packed: "gzip", Platform: "linux/arm64/v8", Layers: base(t)})
	windows := l.Image(roottest.Image{Packed: "gzip", Platform: "windows/amd64", Layers: base(t)})
	statement := func(of roottest.Descriptor) roottest.Descriptor {
		d := l.Image(roottest.Image{Platform: "unknown/unknown", Layers: [][]byte{[]byte("{}")}})
		d["annotations"] = map[string]string{"vnd.docker.reference.type": "attestation-manifest", "vnd.docker.reference.digest": of.Digest()}
		return d
	}
	amdSays, windowsSays := statement(amd), statement(windows)
	chart := l.Image(roottest.Image{Manifest: map[string]any{"artifactType": "application/x-chart"}})
	delete(chart, "platform")
	index := l.Index(roottest.OCIIndex, map[string]any{"annotations": map[string]any{"i": "j"}, "vendor": "x"}, amd, arm, windows, amdSays, windowsSays, chart)
	return l.Tag(index, "multi"), map[string]roottest.Descriptor{"amd": amd, "arm": arm, "windows": windows, "amdSays": amdSays, "windowsSays": windowsSays, "chart": chart}
}

func TestUpdateIndex(t *testing.T) {
	l := roottest.NewLayout(t)
	text, parts := multi(t, l)
	img := get(t, &image.Locations{}, text)
	result := update(t, img, appendBundle("new"), image.Options{})
	index := object(t, result.Image.Raw())
	got := digests(index, "manifests")
	if len(got) != 5 || got[0] == parts["amd"].Digest() || got[1] == parts["arm"].Digest() || !slices.Equal(got[2:], []string{parts["windows"].Digest(), parts["windowsSays"].Digest(), parts["chart"].Digest()}) {
		t.Errorf("manifests %q", got)
	}
	first := index["manifests"].([]any)[0].(map[string]any)
	if first["data"] != nil || first["vendor"] != 1.0 || !reflect.DeepEqual(first["annotations"], map[string]any{"k": "v"}) || first["platform"] == nil || index["vendor"] != "x" || !reflect.DeepEqual(index["annotations"], map[string]any{"i": "j"}) {
		t.Errorf("index %v", index)
	}
	if len(result.Dropped) != 1 || string(result.Dropped[0].Digest) != parts["amdSays"].Digest() || !strings.Contains(result.Dropped[0].What, "attestation") {
		t.Errorf("dropped %+v", result.Dropped)
	}
	var left []string
	for _, p := range result.Parts {
		if p.Left != "" {
			left = append(left, p.Left)
		}
	}
	if len(result.Parts) != 4 || len(left) != 2 || !strings.Contains(left[0], "Windows") || !strings.Contains(left[1], "x-chart") {
		t.Errorf("parts %+v", result.Parts)
	}
	if result.Parts[0].Layer.Digest != result.Parts[1].Layer.Digest {
		t.Error("the same changes of two platforms are two layers")
	}
	kept := update(t, img, appendBundle("new"), image.Options{KeepAttestations: true})
	if got := digests(object(t, kept.Image.Raw()), "manifests"); len(got) != 6 {
		t.Errorf("with attestations %q", got)
	}
	if same := update(t, img, appendBundle("old"), image.Options{}); same.Changed || len(same.Dropped) > 0 {
		t.Errorf("nothing to add: %+v", same)
	}
}

func TestUpdatePlatforms(t *testing.T) {
	l := roottest.NewLayout(t)
	text, parts := multi(t, l)
	img := get(t, &image.Locations{}, text)
	arm := image.Platform{OS: "linux", Architecture: "arm64"}
	narrow := update(t, img, appendBundle("new"), image.Options{Platforms: []image.Platform{arm}})
	if got := digests(object(t, narrow.Image.Raw()), "manifests"); len(got) != 2 || got[1] != parts["chart"].Digest() {
		t.Errorf("narrowed %q", got)
	}
	keep := update(t, img, appendBundle("new"), image.Options{Platforms: []image.Platform{arm}, KeepOtherPlatforms: true})
	if got := digests(object(t, keep.Image.Raw()), "manifests"); len(got) != 6 || got[0] != parts["amd"].Digest() || got[1] == parts["arm"].Digest() {
		t.Errorf("kept %q", got)
	}
	must(t, os.Remove(blob(l, parts["amd"].Digest()))) // a partial copy is an image too
	if again := update(t, img, appendBundle("new"), image.Options{Platforms: []image.Platform{arm}}); again.Image.Descriptor.Digest != narrow.Image.Descriptor.Digest {
		t.Errorf("without the other platform: %s", again.Image.Descriptor.Digest)
	}
	_, err := image.Update(t.Context(), img, appendBundle("new"), image.Options{Platforms: []image.Platform{{OS: "linux", Architecture: "s390x"}}})
	if err == nil || !strings.Contains(err.Error(), "no image for linux/s390x") {
		t.Errorf("%v", err)
	}
	for text, want := range map[string]string{"linux/arm64/v8": "", "linux": "it is OS/", "/amd64": "it is OS/", "a/b/c/d": "it is OS/"} {
		if _, err := image.ParsePlatform(text); (err == nil) != (want == "") {
			t.Errorf("%s: %v", text, err)
		}
	}
}

func TestUpdateNestedIndex(t *testing.T) {
	l := roottest.NewLayout(t)
	amd := l.Image(roottest.Image{Docker: true, Packed: "gzip", Layers: base(t)})
	arm := l.Image(roottest.Image{Docker: true, Packed: "gzip", Platform: "linux/arm64", Layers: base(t)})
	inner := l.Index(roottest.DockerList, nil, amd)
	text := l.Tag(l.Index(roottest.OCIIndex, nil, inner, arm), "nested")
	img := get(t, &image.Locations{}, text)
	result := update(t, img, appendBundle("new"), image.Options{})
	index, _, _ := pushed(t, result.Image)
	if got := digests(index, "manifests"); got[0] == inner.Digest() || got[1] == arm.Digest() || len(result.Parts) != 2 {
		t.Errorf("%q", got)
	}
	narrow := update(t, img, appendBundle("new"), image.Options{Platforms: []image.Platform{{OS: "linux", Architecture: "arm64"}}})
	if got := digests(object(t, narrow.Image.Raw()), "manifests"); len(got) != 1 {
		t.Errorf("narrowed %q", got)
	}
}

func TestBadIndexes(t *testing.T) {
	l := roottest.NewLayout(t)
	chart := l.Image(roottest.Image{Manifest: map[string]any{"artifactType": "application/x-chart"}})
	child := l.Image(roottest.Image{Layers: base(t)})
	both := l.Image(roottest.Image{Manifest: map[string]any{"manifests": []any{child}}})
	deep := child
	for range 12 {
		deep = l.Index(roottest.OCIIndex, nil, deep)
	}
	for want, d := range map[string]roottest.Descriptor{
		"it holds no image": chart, "could be an image or an index": both, "nested too deeply": deep,
	} {
		img := get(t, &image.Locations{}, l.Tag(d, strings.ReplaceAll(want, " ", "-")))
		if _, err := image.Update(t.Context(), img, appendBundle("new"), image.Options{}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %q", err, want)
		}
	}
}

// lose removes the blobs of an image from a layout: its layers, config and
// manifest, or only its first layer.
func lose(t *testing.T, l *roottest.Layout, d roottest.Descriptor, all bool) {
	t.Helper()
	raw, err := os.ReadFile(blob(l, d.Digest()))
	must(t, err)
	m := object(t, raw)
	gone := digests(m, "layers")[:1]
	if all {
		gone = append(digests(m, "layers"), m["config"].(map[string]any)["digest"].(string), d.Digest())
	}
	for _, digest := range gone {
		must(t, os.Remove(blob(l, digest)))
	}
}

// A place with a part of an index, as containerd's store saves it, is patched
// as far as possible. The missing images leave the index and are named.
func TestI2PartOfAnIndex(t *testing.T) {
	for _, all := range []bool{true, false} {
		l := roottest.NewLayout(t)
		_, parts := multi(t, l)
		lost := l.Image(roottest.Image{Platform: "linux/s390x", Packed: "gzip", Layers: [][]byte{roottest.Tar(t, roottest.File("only", "here"))}})
		says := l.Image(roottest.Image{Platform: "unknown/unknown", Layers: [][]byte{[]byte("lost")}})
		says["annotations"] = map[string]string{"vnd.docker.reference.type": "attestation-manifest", "vnd.docker.reference.digest": parts["windows"].Digest()}
		img := get(t, &image.Locations{}, l.Tag(l.Index(roottest.OCIIndex, nil, parts["amd"], lost, parts["windows"], says), "part"))
		lose(t, l, lost, all)
		must(t, os.Remove(blob(l, says.Digest())))
		for _, opt := range []image.Options{{}, {KeepOtherPlatforms: true, KeepAttestations: true, Platforms: []image.Platform{{OS: "linux", Architecture: "amd64"}}}} {
			result := update(t, img, appendBundle("new"), opt)
			if got := digests(object(t, result.Image.Raw()), "manifests"); len(got) != 2 || got[1] != parts["windows"].Digest() {
				t.Errorf("%q", got)
			}
			if d := result.Dropped; len(d) != 2 || string(d[0].Digest) != lost.Digest() || d[0].What != "image for linux/s390x" || !strings.Contains(d[0].Why, "content is missing") || !strings.HasPrefix(d[1].What, "attestation") {
				t.Errorf("%+v", d)
			}
			put(t, &image.Locations{}, "oci-archive:"+t.TempDir()+"/out.tar", result.Image)
			if _, err := image.Update(t.Context(), img, appendBundle("new"), image.Options{Platforms: []image.Platform{{OS: "linux", Architecture: "s390x"}}}); err == nil || !strings.Contains(fmt.Sprint(hint.Of(err)), "linux/amd64") || !strings.Contains(fmt.Sprint(hint.Of(err)), "linux/s390x") {
				t.Errorf("%v (%s)", err, hint.Of(err))
			}
		}
	}
}

// A manifest with the config of an image, but with layers that are not tar
// archives, stays unchanged.
func TestI9NoFileSystemStays(t *testing.T) {
	l := roottest.NewLayout(t)
	amd := l.Image(roottest.Image{Packed: "gzip", Layers: base(t)})
	var others []roottest.Descriptor
	for _, d := range []roottest.Descriptor{
		l.Blob("application/vnd.oci.image.layer.nydus.blob.v1", []byte("nydus")), l.Blob("application/vnd.dev.cosign.simplesigning.v1+json", []byte("{}")),
		l.Blob("application/vnd.example.unknown", []byte("?")),
		{"mediaType": "application/vnd.oci.image.layer.v1.tar+gzip", "annotations": map[string]string{"containerd.io/snapshot/overlaybd/blob-digest": "x"}},
	} {
		if d["digest"] == nil {
			maps.Copy(d, l.Blob("", []byte("overlaybd")))
			d["mediaType"] = "application/vnd.oci.image.layer.v1.tar+gzip"
		}
		config := l.JSON("application/vnd.oci.image.config.v1+json", map[string]any{"os": "linux", "architecture": "arm64", "rootfs": map[string]any{"diff_ids": []any{d["digest"]}}})
		others = append(others, l.JSON(roottest.OCIManifest, map[string]any{"schemaVersion": 2, "mediaType": roottest.OCIManifest, "config": config, "layers": []any{d}}))
	}
	img := get(t, &image.Locations{}, l.Tag(l.Index(roottest.OCIIndex, nil, append([]roottest.Descriptor{amd}, others...)...), "mixed"))
	result := update(t, img, appendBundle("new"), image.Options{})
	got := digests(object(t, result.Image.Raw()), "manifests")
	for i, d := range others {
		if got[i+1] != d.Digest() || !strings.Contains(result.Parts[i+1].Left, "no image but layers of") {
			t.Errorf("%s %+v", got[i+1], result.Parts[i+1])
		}
	}
	alone := get(t, &image.Locations{}, l.Tag(others[0], "alone"))
	if _, err := image.Update(t.Context(), alone, appendBundle("new"), image.Options{}); err == nil || !strings.Contains(err.Error(), "nydus") {
		t.Errorf("%v", err)
	}
}
