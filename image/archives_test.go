package image_test

import (
	"archive/tar"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"

	"github.com/certgraft/certgraft/image"
	"github.com/certgraft/certgraft/internal/hint"
	"github.com/certgraft/certgraft/internal/roottest"
)

// tarFiles returns the files of an archive by name, and its compression.
func tarFiles(t *testing.T, file string) (files map[string]string, packed string) {
	t.Helper()
	data, err := os.ReadFile(file)
	must(t, err)
	var r io.Reader = bytes.NewReader(data)
	switch {
	case bytes.HasPrefix(data, []byte{0x1f, 0x8b}):
		packed = "gzip"
		r, err = gzip.NewReader(r)
	case bytes.HasPrefix(data, []byte{0x28, 0xb5, 0x2f, 0xfd}):
		packed = "zstd"
		r, err = zstd.NewReader(r)
	}
	must(t, err)
	files = map[string]string{}
	for in := tar.NewReader(r); ; {
		h, err := in.Next()
		if errors.Is(err, io.EOF) {
			return files, packed
		}
		must(t, err)
		body, err := io.ReadAll(in)
		must(t, err)
		files[h.Name] = string(body)
	}
}

// entriesOf returns the entries of an index.json: full name, tag and digest.
func entriesOf(t *testing.T, files map[string]string) [][3]string {
	t.Helper()
	var index struct {
		Manifests []struct {
			Digest      string
			Annotations map[string]string
		}
	}
	must(t, json.Unmarshal([]byte(files["index.json"]), &index))
	var all [][3]string
	for _, d := range index.Manifests {
		all = append(all, [3]string{d.Annotations["io.containerd.image.name"], d.Annotations["org.opencontainers.image.ref.name"], d.Digest})
	}
	return all
}

// tagsOf returns the names in a manifest.json, joined for each image.
func tagsOf(t *testing.T, files map[string]string) []string {
	t.Helper()
	var list []struct{ RepoTags []string }
	must(t, json.Unmarshal([]byte(files["manifest.json"]), &list))
	var all []string
	for _, s := range list {
		all = append(all, strings.Join(s.RepoTags, " "))
	}
	return all
}

// patchInPlace patches the image at a location, and returns the new image
// there.
func patchInPlace(t *testing.T, text string) *image.Image {
	t.Helper()
	at, err := (&image.Locations{}).Parse(text)
	must(t, err)
	img, err := at.Get(t.Context())
	must(t, err)
	result := update(t, img, appendBundle("new"), image.Options{})
	must(t, at.Put(t.Context(), result.Image))
	again := get(t, &image.Locations{}, text)
	if again.Descriptor.Digest != result.Image.Descriptor.Digest || !result.Changed {
		t.Errorf("%s: %s, want %s", text, again.Descriptor.Digest, result.Image.Descriptor.Digest)
	}
	return again
}

func differentImage(t *testing.T, l *image.Locations, text string) *image.Image {
	t.Helper()
	layout := roottest.NewLayout(t)
	return get(t, l, layout.Tag(layout.Image(roottest.Image{Packed: "gzip", Layers: append(base(t), roottest.Tar(t, roottest.File("etc/x", text)))}), "x"))
}

// Patching an archive in place keeps the other images, their names and the
// compression. It removes the files that only the old image needed.
func TestI3ArchiveKeepsTheOthers(t *testing.T) {
	l := &image.Locations{}
	for suffix, packed := range map[string]string{".tar": "", ".tar.gz": "gzip", ".tar.zst": "zstd"} {
		for _, kind := range []string{"oci-archive:", "docker-archive:"} {
			file := filepath.Join(t.TempDir(), "all"+suffix)
			one, two := differentImage(t, l, "one"), differentImage(t, l, "two")
			put(t, l, kind+file+":one:1", one)
			put(t, l, kind+file+":two:2", two)
			was, _ := tarFiles(t, file)
			now := patchInPlace(t, kind+file+":two:2")
			files, how := tarFiles(t, file)
			if how != packed {
				t.Errorf("%s is compressed with %q", file, how)
			}
			if got := get(t, l, kind+file+":one:1"); got.Descriptor.Digest != one.Descriptor.Digest || bundleOf(t, got) != "old\n" || bundleOf(t, now) != "old\nnew\n" {
				t.Errorf("%s: the other is %s", file, got.Descriptor.Digest)
			}
			entries := entriesOf(t, files)
			if len(entries) != 2 || entries[0][0] != "docker.io/library/one:1" || entries[1][2] != string(now.Descriptor.Digest) {
				t.Errorf("%s: %q", file, entries)
			}
			if kind == "docker-archive:" && !slices.Equal(tagsOf(t, files), []string{"one:1", "two:2"}) {
				t.Errorf("%s: %q", file, tagsOf(t, files))
			}
			if _, stays := files["blobs/sha256/"+strings.TrimPrefix(string(two.Descriptor.Digest), "sha256:")]; stays || len(files) != len(was)+1 {
				t.Errorf("%s has %d files, and had %d", file, len(files), len(was))
			}
			// Content that the archive has is not written again.
			before, err := os.Stat(file)
			must(t, err)
			put(t, l, kind+file+":two:2", now)
			if after, err := os.Stat(file); err != nil || !os.SameFile(before, after) {
				t.Errorf("%s was written again: %v", file, err)
			}
		}
	}
}

// An archive from docker save before Docker 25 has no index. It gets none:
// engines would read only the index.
func TestI3ClassicArchiveKeepsTheOthers(t *testing.T) {
	file := docker(t, []string{"app:1", "app:2"}, base(t)...)
	var entries []roottest.Entry
	files, _ := tarFiles(t, file)
	files["other.json"] = strings.Replace(files["c.json"], `"os"`, `"author":"x","os"`, 1)
	files["manifest.json"] = strings.Replace(files["manifest.json"], "[{", `[{"Config":"other.json", "RepoTags": ["other:1", "app:3"],"Layers":["a/layer.tar","b/layer.tar"]},{`, 1)
	for name, body := range files {
		if strings.HasSuffix(name, "/layer.tar") && !strings.HasPrefix(name, "store") {
			entries = append(entries, roottest.Link(name, "../store"+name))
			continue
		}
		entries = append(entries, roottest.File(name, body))
	}
	must(t, os.WriteFile(file, roottest.Tar(t, entries...), 0o600))
	patchInPlace(t, "docker-archive:"+file+":app:1")
	patchInPlace(t, "docker-archive:"+file+":app:3")
	now, _ := tarFiles(t, file)
	if got := tagsOf(t, now); !slices.Equal(got, []string{"other:1", "app:2", "app:1", "app:3"}) {
		t.Errorf("%q", got)
	}
	if _, is := now["index.json"]; is || now["other.json"] != files["other.json"] || now["storea/layer.tar"] == "" {
		t.Errorf("%q", now["manifest.json"])
	}
	blobs := 0 // added blobs: two equal layers and two configs
	for name := range now {
		if strings.HasPrefix(name, "blobs/") {
			blobs++
		}
	}
	if blobs != 3 {
		t.Errorf("%d blobs in %d files: the layers that are there are not written again: %s", blobs, len(now), now["manifest.json"])
	}
	for name, want := range map[string]string{"other:1": "old\n", "app:2": "old\n", "app:1": "old\nnew\n", "app:3": "old\nnew\n"} {
		if got := bundleOf(t, get(t, &image.Locations{}, "docker-archive:"+file+":"+name)); got != want {
			t.Errorf("%s: %q", name, got)
		}
	}
}

// The target of a kept link is kept too: otherwise the archive could not be
// unpacked.
func TestI3LinksThatStayLeadSomewhere(t *testing.T) {
	file := docker(t, []string{"app:1"}, base(t)...)
	var entries []roottest.Entry
	files, _ := tarFiles(t, file)
	entries = append(entries, roottest.File("c.json", files["c.json"]), roottest.File("kept.json", files["c.json"]))
	entries = append(entries, roottest.Hard("also.json", "c.json"))
	for name, body := range files {
		if name, ok := strings.CutPrefix(name, "store"); ok {
			entries = append(entries, roottest.File(name, body))
		}
	}
	entries = append(entries, roottest.File("manifest.json", files["manifest.json"]))
	must(t, os.WriteFile(file, roottest.Tar(t, entries...), 0o600))
	patchInPlace(t, "docker-archive:"+file)
	if now, _ := tarFiles(t, file); now["c.json"] == "" || now["kept.json"] == "" {
		t.Errorf("%d files: a link leads nowhere", len(now))
	}
}

// Names from other tools are found: only the annotation of the specification,
// with a reference in it. An image without a name replaces the image without a
// name, which keeps its names for engines.
func TestI3NamesOfOtherTools(t *testing.T) {
	l := &image.Locations{}
	file := filepath.Join(t.TempDir(), "a.tar")
	put(t, l, "docker-archive:"+file+":example.com/app:1", differentImage(t, l, "one"))
	files, _ := tarFiles(t, file)
	var entries []roottest.Entry
	files["index.json"] = strings.Replace(strings.Replace(files["index.json"], `"io.containerd.image.name":"example.com/app:1",`, "", 1), `ref.name":"1"`, `ref.name":"example.com/app:1"`, 1)
	for name, body := range files {
		entries = append(entries, roottest.File(name, body))
	}
	must(t, os.WriteFile(file, roottest.Tar(t, entries...), 0o600))
	now := patchInPlace(t, "docker-archive:"+file+":example.com/app:1")
	files, _ = tarFiles(t, file)
	if got := entriesOf(t, files); len(got) != 1 || got[0] != [3]string{"example.com/app:1", "example.com/app:1", string(now.Descriptor.Digest)} {
		t.Errorf("%q", got)
	}
	put(t, l, "docker-archive:"+file, differentImage(t, l, "two"))
	files, _ = tarFiles(t, file)
	if got := entriesOf(t, files); len(got) != 1 || got[0][0] != "example.com/app:1" || got[0][2] == string(now.Descriptor.Digest) || !slices.Equal(tagsOf(t, files), []string{"example.com/app:1"}) {
		t.Errorf("%q %q", got, tagsOf(t, files))
	}
}

// An archive that names an image but lacks a part of it gets the part.
func TestI3MissingPartsAreWritten(t *testing.T) {
	l := &image.Locations{}
	file := filepath.Join(t.TempDir(), "a.tar")
	img := differentImage(t, l, "one")
	put(t, l, "oci-archive:"+file+":a", img)
	files, _ := tarFiles(t, file)
	var entries []roottest.Entry
	for name, body := range files {
		if !strings.HasPrefix(body, "\x1f\x8b") {
			entries = append(entries, roottest.File(name, body))
		}
	}
	must(t, os.WriteFile(file, roottest.Tar(t, entries...), 0o600))
	put(t, l, "oci-archive:"+file+":a", img)
	if got := bundleOf(t, get(t, l, "oci-archive:"+file+":a")); got != "old\n" {
		t.Errorf("%q", got)
	}
}

// If another process replaced the image in an archive meanwhile, the image is
// not overwritten. Changes of other images do not matter.
func TestI3ArchiveThatMoved(t *testing.T) {
	l := &image.Locations{}
	file := filepath.Join(t.TempDir(), "a.tar")
	put(t, l, "oci-archive:"+file+":a", differentImage(t, l, "one"))
	at, err := l.Parse("oci-archive:" + file + ":a")
	must(t, err)
	img, err := at.Get(t.Context())
	must(t, err)
	must(t, at.Unmoved(t.Context(), img))
	put(t, l, "oci-archive:"+file+":b", differentImage(t, l, "two"))
	must(t, at.Unmoved(t.Context(), img))
	put(t, l, "oci-archive:"+file+":a", differentImage(t, l, "three"))
	if err := at.Unmoved(t.Context(), img); err == nil || !strings.Contains(err.Error(), "meanwhile") {
		t.Errorf("%v", err)
	}
}

// A tag of two different images is an error, not a guess.
func TestI3TagOfTwoImages(t *testing.T) {
	l := &image.Locations{}
	dir := filepath.Join(t.TempDir(), "layout")
	put(t, l, "oci:"+dir+":a", differentImage(t, l, "one"))
	put(t, l, "oci:"+dir+":b", differentImage(t, l, "two"))
	index := filepath.Join(dir, "index.json")
	raw, err := os.ReadFile(index)
	must(t, err)
	raw = bytes.ReplaceAll(raw, []byte(`ref.name":"b"`), []byte(`ref.name":"a"`))
	must(t, os.WriteFile(index, raw, 0o600))
	at, err := l.Parse("oci:" + dir + ":a")
	must(t, err)
	if err := at.Put(t.Context(), smallImage(t, l)); !errors.Is(err, image.ErrUsage) || len(hint.Of(err)) == 0 {
		t.Errorf("%v", err)
	}
	if now, err := os.ReadFile(index); err != nil || !bytes.Equal(now, raw) {
		t.Errorf("%s %v", now, err)
	}
}

// An image is not added to an archive of other content. A damaged archive stays
// unchanged.
func TestI3OtherFilesStay(t *testing.T) {
	l := &image.Locations{}
	img := smallImage(t, l)
	whole := filepath.Join(t.TempDir(), "whole.tar")
	put(t, l, "oci-archive:"+whole, img)
	data, err := os.ReadFile(whole)
	must(t, err)
	for want, content := range map[string][]byte{
		"archive of something else": roottest.Tar(t, roottest.File("etc/passwd", "x")),
		"cut off":                   data[:len(data)-1500],
		"compressed with xz":        append([]byte("\xfd7zXZ\x00"), data...),
		"no OCI layout":             roottest.Tar(t, roottest.File("manifest.json", "[]")),
		"index.json: ":              roottest.Tar(t, roottest.File("index.json", "{")),
	} {
		file := filepath.Join(t.TempDir(), "there.tar")
		must(t, os.WriteFile(file, content, 0o600))
		at, err := l.Parse("oci-archive:" + file)
		must(t, err)
		if err := at.Put(t.Context(), img); err == nil || !strings.Contains(err.Error(), want) || len(hint.Of(err)) == 0 && want != "index.json: " {
			t.Errorf("%v %v, want %q", err, hint.Of(err), want)
		}
		if now, err := os.ReadFile(file); err != nil || !bytes.Equal(now, content) {
			t.Errorf("%s: the file changed: %v", want, err)
		}
	}
	must(t, os.WriteFile(whole, nil, 0o600)) // as mktemp makes it
	put(t, l, "oci-archive:"+whole, img)
}

// Content that an archive already has is verified if the image needs it. The
// same image gives the same archive.
func TestI3ArchiveIsVerified(t *testing.T) {
	l := &image.Locations{}
	for _, end := range []string{".tar", ".tar.gz", ".tar.zst"} {
		var made [2][]byte
		for i := range made {
			file := filepath.Join(t.TempDir(), "a"+end)
			put(t, l, "docker-archive:"+file+":a:1", differentImage(t, l, "one"))
			patchInPlace(t, "docker-archive:"+file)
			data, err := os.ReadFile(file)
			must(t, err)
			made[i] = data
		}
		if !bytes.Equal(made[0], made[1]) {
			t.Errorf("two archives differ: %s", end)
		}
	}
	file := filepath.Join(t.TempDir(), "a.tar")
	put(t, l, "docker-archive:"+file+":a:1", differentImage(t, l, "one"))
	data, err := os.ReadFile(file)
	must(t, err)
	at := bytes.Index(data, []byte{0x1f, 0x8b}) // of a layer
	data[at+20] ^= 1
	must(t, os.WriteFile(file, data, 0o600))
	to, err := l.Parse("docker-archive:" + file + ":b:1")
	must(t, err)
	if err := to.Put(t.Context(), get(t, l, "docker-archive:"+file+":a:1")); err == nil || !strings.Contains(err.Error(), "does not match its digest") {
		t.Errorf("%v", err)
	}
	if now, err := os.ReadFile(file); err != nil || !bytes.Equal(now, data) {
		t.Errorf("the archive changed: %v", err)
	}
}

// An archive from standard input goes to standard output with all its content
// and its compression.
func TestI3StreamKeepsTheOthers(t *testing.T) {
	l := &image.Locations{}
	file := filepath.Join(t.TempDir(), "all.tar.gz")
	put(t, l, "docker-archive:"+file+":one:1", differentImage(t, l, "one"))
	put(t, l, "docker-archive:"+file+":two:2", differentImage(t, l, "two"))
	in, err := os.Open(file)
	must(t, err)
	defer in.Close()
	var out bytes.Buffer
	at, err := (&image.Locations{Stdin: in, Stdout: &out}).Parse("docker-archive:-:two:2")
	must(t, err)
	img, err := at.Get(t.Context())
	must(t, err)
	must(t, at.Put(t.Context(), update(t, img, appendBundle("new"), image.Options{}).Image))
	must(t, os.WriteFile(file, out.Bytes(), 0o600))
	if files, packed := tarFiles(t, file); packed != "gzip" || !slices.Equal(tagsOf(t, files), []string{"one:1", "two:2"}) {
		t.Errorf("%q %q", packed, tagsOf(t, files))
	}
	if got := bundleOf(t, get(t, l, "docker-archive:"+file+":two:2")); got != "old\nnew\n" {
		t.Errorf("%q", got)
	}
}

// Images have the names that docker save writes: engines with containerd's
// store look for the full name, others for the user's name.
func TestI1NamesAsEnginesLookForThem(t *testing.T) {
	l := &image.Locations{}
	img := smallImage(t, l)
	for text, want := range map[string][3]string{
		"docker-archive:FILE:myapp":               {"docker.io/library/myapp:latest", "latest", "myapp:latest"},
		"docker-archive:FILE:myapp:ca":            {"docker.io/library/myapp:ca", "ca", "myapp:ca"},
		"docker-archive:FILE:team/app:1":          {"docker.io/team/app:1", "1", "team/app:1"},
		"docker-archive:FILE:localhost/app:1":     {"localhost/app:1", "1", "localhost/app:1"},
		"docker-archive:FILE:reg:5000/app":        {"reg:5000/app:latest", "latest", "reg:5000/app:latest"},
		"docker-archive:FILE:index.docker.io/a:1": {"docker.io/library/a:1", "1", "index.docker.io/a:1"},
		"oci-archive:FILE:myapp:ca":               {"docker.io/library/myapp:ca", "myapp:ca"},
		"oci-archive:FILE:ca":                     {"", "ca"},
		"oci-archive:FILE":                        {},
	} {
		file := filepath.Join(t.TempDir(), "a.tar")
		at := strings.Replace(text, "FILE", file, 1)
		put(t, l, at, img)
		files, _ := tarFiles(t, file)
		if got := entriesOf(t, files); len(got) != 1 || got[0][0] != want[0] || got[0][1] != want[1] {
			t.Errorf("%s: %q", text, got)
		}
		if want[2] != "" && !slices.Equal(tagsOf(t, files), want[2:]) {
			t.Errorf("%s: %q", text, tagsOf(t, files))
		}
		get(t, l, at)
	}
}

// An image with two names keeps both, and has one entry in manifest.json.
func TestI1EveryName(t *testing.T) {
	l := &image.Locations{}
	file := docker(t, []string{"a:1", "reg.example.com/b:2"}, base(t)...)
	out := filepath.Join(t.TempDir(), "out.tar")
	put(t, l, "docker-archive:"+out, update(t, get(t, l, "docker-archive:"+file), appendBundle("new"), image.Options{}).Image)
	files, _ := tarFiles(t, out)
	entries := entriesOf(t, files)
	if len(entries) != 2 || entries[0][0] != "docker.io/library/a:1" || entries[1][0] != "reg.example.com/b:2" || entries[0][2] != entries[1][2] || !slices.Equal(tagsOf(t, files), []string{"a:1 reg.example.com/b:2"}) {
		t.Errorf("%q %q", entries, tagsOf(t, files))
	}
	for _, name := range []string{"a:1", "docker.io/library/a:1", "reg.example.com/b:2"} {
		get(t, l, "docker-archive:"+out+":"+name)
		get(t, l, "oci-archive:"+out+":"+name)
	}
	// Patching the image by one name leaves the other name with the old image.
	now := patchInPlaceWith(t, "docker-archive:"+out+":a:1", "newer")
	files, _ = tarFiles(t, out)
	if again := entriesOf(t, files); again[0][2] != string(now.Descriptor.Digest) || !reflect.DeepEqual(again[1], entries[1]) || !slices.Equal(tagsOf(t, files), []string{"reg.example.com/b:2", "a:1"}) {
		t.Errorf("%q %q", again, tagsOf(t, files))
	}
	// Patching by the OCI layout updates manifest.json too, for engines that
	// read it.
	now = patchInPlaceWith(t, "oci-archive:"+out+":reg.example.com/b:2", "newest")
	files, _ = tarFiles(t, out)
	if again := entriesOf(t, files); again[1][2] != string(now.Descriptor.Digest) {
		t.Errorf("%q", again)
	}
	if got := bundleOf(t, get(t, l, "docker-archive:"+out+":reg.example.com/b:2")); got != "old\nnewest\n" && got != "old\nnew\nnewest\n" {
		t.Errorf("%q", got)
	}
	if list := tagsOf(t, files); !slices.Equal(list, []string{"reg.example.com/b:2", "a:1"}) || strings.Count(fmt.Sprint(files["manifest.json"]), "Config") != 2 {
		t.Errorf("%q", files["manifest.json"])
	}
}

func patchInPlaceWith(t *testing.T, text, line string) *image.Image {
	t.Helper()
	at, err := (&image.Locations{}).Parse(text)
	must(t, err)
	img, err := at.Get(t.Context())
	must(t, err)
	result := update(t, img, appendBundle(line), image.Options{})
	must(t, at.Put(t.Context(), result.Image))
	return result.Image
}

// An archive that cannot be read has a hint.
func TestI12Archives(t *testing.T) {
	l := &image.Locations{}
	whole := filepath.Join(t.TempDir(), "a.tar")
	put(t, l, "docker-archive:"+whole+":a", smallImage(t, l))
	data, err := os.ReadFile(whole)
	must(t, err)
	for _, test := range []struct {
		content       []byte
		want, hint    string
		streamed, oci bool
	}{
		{content: append([]byte("\xfd7zXZ\x00"), data...), want: "compressed with xz", hint: "xz -dk "},
		{content: append([]byte("BZh9"), data...), want: "compressed with bzip2", hint: "bzip2 -dk "},
		{content: append([]byte("BZh9"), data...), want: "compressed with bzip2", hint: "bzip2 -dc FILE | certgraft", streamed: true},
		{content: roottest.Tar(t, roottest.File("manifest.json", "[]")), want: "manifest.json is empty", hint: "docker save NAME"},
		{content: roottest.Tar(t, roottest.File("manifest.json", "null")), want: "manifest.json is empty", hint: "docker save NAME"},
		{content: roottest.Tar(t, roottest.File("manifest.json", "[]")), want: "no index.json", hint: "docker-archive:FILE", oci: true},
		{content: roottest.Tar(t, roottest.File("index.json", "{}")), want: "no manifest.json", hint: "oci-archive:FILE"},
		{content: roottest.Tar(t, roottest.File("x", "")), want: "no manifest.json", hint: "docker save NAME"},
		{content: roottest.Tar(t, roottest.File("x", "")), want: "no index.json", hint: "skopeo copy", oci: true},
		{content: roottest.Tar(t, roottest.File("index.json", `{"schemaVersion":2,"mediaType":"application/vnd.docker.distribution.manifest.v2+json"}`)), want: "says that it is application/vnd.docker", hint: "make the layout anew", oci: true},
		{content: data[:len(data)/2], want: "cut off", hint: "save the archive again"},
		{content: roottest.Pack(t, "gzip", data)[:300], want: "cut off", hint: "save the archive again"},
		{content: []byte("text"), want: "no tar archive", hint: "docker save"},
	} {
		file := filepath.Join(t.TempDir(), "x.tar")
		must(t, os.WriteFile(file, test.content, 0o600))
		kind, name := "docker-archive:", file
		if test.oci {
			kind = "oci-archive:"
		}
		if test.streamed {
			name = "-"
		}
		at, err := (&image.Locations{Stdin: bytes.NewReader(test.content)}).Parse(kind + name)
		must(t, err)
		if _, err = at.Get(t.Context()); err == nil || !strings.HasPrefix(err.Error(), kind+name) || !strings.Contains(err.Error(), test.want) || !strings.Contains(fmt.Sprint(hint.Of(err)), test.hint) {
			t.Errorf("%v %q, want %q and %q", err, hint.Of(err), test.want, test.hint)
		}
	}
}

// A file name that asks for an unsupported compression is refused.
func TestI12NamesOfNewArchives(t *testing.T) {
	l := &image.Locations{}
	for _, end := range []string{".tar.xz", ".txz", ".tar.bz2", ".tbz2"} {
		file := filepath.Join(t.TempDir(), "new"+end)
		at, err := l.Parse("oci-archive:" + file)
		must(t, err)
		if err := at.Put(t.Context(), smallImage(t, l)); !errors.Is(err, image.ErrUsage) || len(hint.Of(err)) == 0 {
			t.Errorf("%s: %v", end, err)
		}
		if _, err := os.Stat(file); err == nil {
			t.Errorf("%s is written", file)
		}
	}
	for end, want := range map[string]string{".tgz": "gzip", ".tar.gz": "gzip", ".tzst": "zstd", ".tar.zst": "zstd", ".tar": "", ".gz.oci": ""} {
		file := filepath.Join(t.TempDir(), "new"+end)
		put(t, l, "oci-archive:"+file, smallImage(t, l))
		if _, packed := tarFiles(t, file); packed != want {
			t.Errorf("%s: %q", end, packed)
		}
	}
}

// skopeo of Debian 12 finds no image with Docker's media types in a layout.
func TestI12DockerTypesInALayout(t *testing.T) {
	l := &image.Locations{}
	docker := get(t, l, "docker-archive:"+docker(t, nil, base(t)...))
	for text, want := range map[string]bool{"oci:x": true, "oci-archive:x": true, "docker-archive:x": false, "docker-daemon:x": false, "registry.example.com/x": false} {
		at, err := l.Parse(text)
		must(t, err)
		if got := at.Advice(docker); strings.Contains(got, "skopeo") != want || at.Advice(smallImage(t, l)) != "" {
			t.Errorf("%s: %q", text, got)
		}
	}
}

// Images without a tag, and several images of one tag, are found by digest.
func TestI3ImagesAreFoundByDigest(t *testing.T) {
	l := &image.Locations{}
	dir := filepath.Join(t.TempDir(), "layout")
	one, two := differentImage(t, l, "one"), differentImage(t, l, "two")
	put(t, l, "oci:"+dir+":a", one)
	put(t, l, "oci:"+dir+":b", two)
	index := filepath.Join(dir, "index.json")
	raw, err := os.ReadFile(index)
	must(t, err)
	for _, tag := range []string{"a", ""} {
		must(t, os.WriteFile(index, bytes.ReplaceAll(raw, []byte(`ref.name":"b"`), []byte(`ref.name":"`+tag+`"`)), 0o600))
		at, err := l.Parse(strings.TrimSuffix("oci:"+dir+":"+tag, ":"))
		must(t, err)
		if _, err := at.Get(t.Context()); err == nil || !strings.Contains(fmt.Sprint(hint.Of(err)), string(two.Descriptor.Digest)) {
			t.Errorf("%v %q", err, hint.Of(err))
		}
		text := "oci:" + dir + ":" + string(two.Descriptor.Digest)
		result := update(t, get(t, l, text), appendBundle("new"), image.Options{})
		put(t, l, text, result.Image)
		now, err := os.ReadFile(index)
		must(t, err)
		if !strings.Contains(string(now), string(one.Descriptor.Digest)) || strings.Contains(string(now), string(two.Descriptor.Digest)) || strings.Contains(string(now), `name":"sha256`) || strings.Count(string(now), `"digest"`) != 2 {
			t.Errorf("%s", now)
		}
	}
}
