package command_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/certgraft/certgraft/internal/roottest"
)

const (
	baseDigest = "org.opencontainers.image.base.digest"
	baseName   = "org.opencontainers.image.base.name"
)

// documents are the parts of an image's manifest and config that these tests
// compare.
type documents struct {
	Annotations map[string]string `json:"annotations"`
	Config      struct {
		Digest string `json:"digest"`
	} `json:"config"`
	History []struct {
		By      string `json:"created_by"`
		Comment string `json:"comment"`
		Empty   bool   `json:"empty_layer"`
	} `json:"history"`
}

// documentsOf reads the documents of an image in a layout.
func documentsOf(t *testing.T, l *roottest.Layout, text string) documents {
	t.Helper()
	var d documents
	if err := json.Unmarshal(got(t, text).Raw(), &d); err != nil {
		t.Fatal(err)
	}
	raw, err := os.ReadFile(filepath.Join(l.Dir, "blobs", strings.Replace(d.Config.Digest, ":", "/", 1)))
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(raw, &d); err != nil {
		t.Fatal(err)
	}
	return d
}

func (d documents) steps() []string {
	var all []string
	for _, step := range d.History {
		all = append(all, step.By)
	}
	return all
}

// withBundle makes an image that has a bundle.
func withBundle(t *testing.T, l *roottest.Layout, annotations map[string]string) string {
	t.Helper()
	img := roottest.Image{Packed: "gzip", Layers: [][]byte{roottest.Tar(t, roottest.Dir("etc/"), roottest.Dir("etc/ssl/"), roottest.Dir("etc/ssl/certs/"),
		roottest.File("etc/ssl/certs/ca-certificates.crt", roottest.NewCA(t, "Base").PEM()))}, Config: map[string]any{"history": []any{map[string]any{"created_by": "x"}}}}
	if annotations != nil {
		img.Manifest = map[string]any{"annotations": annotations}
	}
	return l.Tag(l.Image(img), "base")
}

// newCA writes a CA certificate to a file of that name.
func newCA(t *testing.T, name string) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(file, []byte(roottest.NewCA(t, name).PEM()), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

// The base that an image names is either another image or ours, with both digest
// and name. The image gets its own base back when nothing of ours is left.
func TestPatchKeepsTheBaseOfTheImage(t *testing.T) {
	first, second := newCA(t, "first.pem"), newCA(t, "second.pem")
	digest, name := "sha256:"+strings.Repeat("1", 64), "docker.io/library/debian:12"
	for what, annotations := range map[string]map[string]string{
		"both":     {"a": "1", baseDigest: digest, baseName: name, "z": "2"},
		"a digest": {baseDigest: digest},
		"a name":   {baseName: name},
		"none":     nil,
		"others":   {"a": "1"},
	} {
		t.Run(what, func(t *testing.T) {
			l := roottest.NewLayout(t)
			l.Compact = true
			r := roottest.NewRegistry(t)
			base, out := withBundle(t, l, annotations), "oci:"+l.Dir
			was := got(t, base)
			for i, from := range []string{base, r.Host + "/base:1"} {
				if i > 0 {
					run(t, 0, "patch", base, first, "--tag", r.Host+"/x:1")
					run(t, 0, "remove", "--image", r.Host+"/x:1", "--all", "--tag", from)
				}
				run(t, 0, "patch", from, first, "--tag", out+":one")
				run(t, 0, "patch", out+":one", second, "--tag", out+":two", "--annotation", "c=3")
				for _, tag := range []string{":one", ":two"} {
					all := documentsOf(t, l, out+tag).Annotations
					if named, ok := all[baseName]; all[baseDigest] != string(was.Descriptor.Digest) || ok != (i > 0) || ok && named != from {
						t.Errorf("%s of %s: %q", tag, from, all)
					}
				}
				run(t, 0, "remove", "--image", out+":one", "--all", "--tag", out+":back")
				if back := got(t, out+":back"); back.Descriptor.Digest != was.Descriptor.Digest {
					t.Errorf("%s came back as\n%s\nwas\n%s", from, back.Raw(), was.Raw())
				}
			}
		})
	}
}

// The base stays the image before the first patch, even if somebody has since
// built on the result.
func TestPatchKeepsTheFirstBase(t *testing.T) {
	first, second := newCA(t, "first.pem"), newCA(t, "second.pem")
	for _, layer := range []string{"append", "rewrite"} {
		l := roottest.NewLayout(t)
		base, out := withBundle(t, l, nil), "oci:"+l.Dir
		run(t, 0, "patch", base, first, "--tag", out+":one", "--layer", layer)
		built := l.OnTop(out+":one", "built", roottest.Tar(t, roottest.File("srv/x", "x")))
		run(t, 0, "patch", built, second, "--tag", out+":two", "--layer", layer)
		run(t, 0, "remove", "--image", out+":two", second, "--tag", out+":less", "--layer", layer)
		for _, tag := range []string{":two", ":less"} {
			if all := documentsOf(t, l, out+tag).Annotations; all[baseDigest] != string(got(t, base).Descriptor.Digest) {
				t.Errorf("--layer %s, %s: %q", layer, tag, all)
			}
		}
	}
}

// When all CAs are taken out of rewritten layers, neither history nor annotations
// mention them.
func TestRemoveFromRewrittenLayers(t *testing.T) {
	l := roottest.NewLayout(t)
	base, out, corp := withBundle(t, l, map[string]string{baseDigest: "sha256:" + strings.Repeat("1", 64), baseName: "theirs"}), "oci:"+l.Dir, newCA(t, "corp.pem")
	run(t, 0, "patch", base, corp, "--tag", out+":one", "--layer", "rewrite")
	run(t, 0, "remove", "--image", out+":one", "--all", "--tag", out+":back", "--layer", "rewrite")
	is := documentsOf(t, l, out+":back")
	if len(is.Annotations) != 2 || is.Annotations[baseName] != "theirs" || !slices.Equal(is.steps(), []string{"x"}) {
		t.Errorf("%q %q", is.Annotations, is.steps())
	}
}

// The history says what a layer does: it names the sources that it has, or that it
// takes out.
func TestHistoryOfARemoval(t *testing.T) {
	first, second := newCA(t, "first.pem"), newCA(t, "second.pem")
	l := roottest.NewLayout(t)
	base, out := withBundle(t, l, nil), "oci:"+l.Dir
	run(t, 0, "patch", base, first, second, "--tag", out+":one")
	built := l.OnTop(out+":one", "built", roottest.Tar(t, roottest.File("srv/x", "x")))
	remove := func(from, to string, args ...string) {
		run(t, 0, append([]string{"remove", "--image", from, "--tag", out + to}, args...)...)
	}
	remove(out+":one", ":less", second)
	remove(built, ":out", second)
	remove(built, ":all", "--all")
	remove(built, ":in-place", second, "--layer", "rewrite")
	run(t, 0, "patch", out+":out", second, newCA(t, "third.pem"), "--tag", out+":more")
	both := []string{"x", "certgraft patch first.pem second.pem", "more"}
	for tag, want := range map[string][]string{
		":less": {"x", "certgraft patch first.pem"}, ":out": append(both, "certgraft remove second.pem"), ":all": append(both, "certgraft remove --all"),
		":in-place": append(both, "certgraft remove second.pem"), ":more": append(both, "certgraft patch second.pem third.pem"),
	} {
		is := documentsOf(t, l, out+tag)
		if !slices.Equal(is.steps(), want) {
			t.Errorf("%s: %q, want %q", tag, is.steps(), want)
		}
		if last := is.History[len(is.History)-1]; strings.Contains(last.By, "remove") != strings.Contains(last.Comment, "taken out") || last.Empty != (tag == ":in-place") {
			t.Errorf("%s: %+v", tag, last)
		}
	}
}
