//go:build e2e

package walk

import (
	"archive/tar"
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/klauspost/compress/gzip"

	"github.com/certgraft/certgraft/e2e/rig"
	"github.com/certgraft/certgraft/internal/roottest"
)

var (
	// imageTrixie is an image of Debian whose configuration names an anchor of its
	// own for Node, as many do.
	imageTrixie = imageKind("image-trixie", trixie, func(t *testing.T, root string) {
		trixie.lay(t, root)
		rig.Write(t, filepath.Join(root, localDir, "company.crt"), poolOf()["e"].pem)
		must(debianTool(&world{kind: trixie}, root, true))
	}, "NODE_EXTRA_CA_CERTS=/"+localDir+"/company.crt")
	// imageBundle is an image without a shell.
	imageBundle = imageKind("image-bundle", bundleOnly, layBundleOnly)
)

// imageKind is an image of a root: each step of others is a layer on top.
func imageKind(name string, of *kind, lay func(t *testing.T, root string), environ ...string) *kind {
	k := &kind{
		name: name, suite: of.suite, lay: lay, view: of.view, bundle: of.bundle, tool: of.tool, generated: of.generated,
		brings: of.brings, refuses: of.refuses, image: true, environ: environ,
	}
	k.verbs = of.verbs
	return k
}

// layered is a root that is an image in a layout.
type layered struct {
	t      *testing.T
	layout *roottest.Layout
	at     string // oci:DIR:TAG
	tags   int
	dir    string // its root, unpacked
	w      *world
}

func newImage(t *testing.T, w *world) target {
	must(os.MkdirAll(filepath.Join(w.dir, "layout"), 0o755))
	i := &layered{t: t, w: w, layout: roottest.OpenLayout(t, filepath.Join(w.dir, "layout")), dir: filepath.Join(w.dir, "image")}
	layer := difference(t, "", w.base)
	i.at = i.layout.Tag(i.layout.Image(roottest.Image{Packed: "gzip", Layers: [][]byte{layer}, Config: map[string]any{
		"config": map[string]any{"Env": append([]string{"PATH=/usr/bin"}, w.kind.environ...)}, "history": []any{map[string]any{"created_by": "base"}},
	}}), i.tag())
	i.unpack()
	return i
}

func (i *layered) tag() string {
	i.tags++
	return fmt.Sprint("step", i.tags)
}

func (i *layered) tree() string { return i.dir }

func (i *layered) edit(do func(root string) error) error {
	before := filepath.Join(i.w.dir, "before")
	must(os.RemoveAll(before))
	must(copyTree(i.dir, before))
	if err := do(i.dir); err != nil {
		return err
	}
	if layer := difference(i.t, before, i.dir); len(layer) > 1024 {
		i.at = i.layout.OnTop(i.at, i.tag(), layer)
		i.unpack()
	}
	return nil
}

// certgraft patches the image in place of install.
func (i *layered) certgraft(args ...string) (stdout, stderr string, status int) {
	next := "oci:" + i.layout.Dir + ":" + i.tag()
	if args[0] == "install" {
		args = append([]string{"patch", i.at}, args[1:]...)
	} else {
		args = append(args, "--image", i.at)
	}
	stdout, stderr, status = execute(append(args, "--tag", next)...)
	if status == 0 {
		i.at = next
		i.unpack()
	}
	return stdout, stderr, status
}

// unpack reads the image from its layers, by no code of certgraft's.
func (i *layered) unpack() {
	must(os.RemoveAll(i.dir))
	must(os.MkdirAll(i.dir, 0o755))
	for _, digest := range i.layers() {
		must(apply(filepath.Join(i.layout.Dir, "blobs/sha256", strings.TrimPrefix(digest, "sha256:")), i.dir))
	}
}

type descriptor struct {
	Digest      string
	Annotations map[string]string
}

// layers returns the digests of the layers of the image, lowest first.
func (i *layered) layers() []string {
	load := func(name string, v any) {
		data, err := os.ReadFile(filepath.Join(i.layout.Dir, name))
		must(err)
		must(json.Unmarshal(data, v))
	}
	var index struct{ Manifests []descriptor }
	load("index.json", &index)
	tag := i.at[strings.LastIndex(i.at, ":")+1:]
	n := slices.IndexFunc(index.Manifests, func(d descriptor) bool { return d.Annotations["org.opencontainers.image.ref.name"] == tag })
	var manifest struct{ Manifests, Layers []descriptor }
	load("blobs/sha256/"+strings.TrimPrefix(index.Manifests[n].Digest, "sha256:"), &manifest)
	if len(manifest.Manifests) > 0 {
		load("blobs/sha256/"+strings.TrimPrefix(manifest.Manifests[0].Digest, "sha256:"), &manifest)
	}
	var digests []string
	for _, l := range manifest.Layers {
		digests = append(digests, l.Digest)
	}
	return digests
}

// apply unpacks a layer over a root.
func apply(blob, root string) error {
	f, err := os.Open(blob)
	if err != nil {
		return err
	}
	defer f.Close()
	var r io.Reader = bufio.NewReader(f)
	if magic, _ := r.(*bufio.Reader).Peek(2); bytes.Equal(magic, []byte{0x1f, 0x8b}) {
		if r, err = gzip.NewReader(r); err != nil {
			return err
		}
	}
	for tr := tar.NewReader(r); ; {
		h, err := tr.Next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		if err := applyEntry(tr, h, root); err != nil {
			return fmt.Errorf("%s: %w", h.Name, err)
		}
	}
}

func applyEntry(r io.Reader, h *tar.Header, root string) error {
	name := filepath.Join(root, filepath.Clean("/"+h.Name))
	base := filepath.Base(name)
	if base == ".wh..wh..opq" {
		return errors.New("an opaque directory")
	}
	if gone, ok := strings.CutPrefix(base, ".wh."); ok {
		return os.RemoveAll(filepath.Join(filepath.Dir(name), gone))
	}
	if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		return err
	}
	switch h.Typeflag {
	case tar.TypeDir:
		if info, err := os.Lstat(name); err == nil && info.IsDir() {
			return os.Chmod(name, fs.FileMode(h.Mode).Perm())
		}
		must(os.RemoveAll(name))
		return os.Mkdir(name, fs.FileMode(h.Mode).Perm())
	case tar.TypeSymlink:
		must(os.RemoveAll(name))
		return os.Symlink(h.Linkname, name)
	case tar.TypeLink:
		must(os.RemoveAll(name))
		return os.Link(filepath.Join(root, h.Linkname), name)
	case tar.TypeReg:
		must(os.RemoveAll(name))
		data, err := io.ReadAll(r)
		must(err)
		return errors.Join(os.WriteFile(name, data, 0o644), os.Chmod(name, fs.FileMode(h.Mode).Perm()))
	}
	return fmt.Errorf("an entry of type %c", h.Typeflag)
}

// difference returns the layer that makes after of before.
func difference(t *testing.T, before, after string) []byte {
	t.Helper()
	was := map[string]string{}
	if before != "" {
		was = survey(before)
	}
	is := survey(after)
	var entries []roottest.Entry
	for _, name := range union(was, is) {
		if was[name] == is[name] {
			continue
		}
		full := filepath.Join(after, name)
		info, err := os.Lstat(full)
		switch {
		case errors.Is(err, fs.ErrNotExist):
			if _, err := os.Lstat(filepath.Dir(full)); err == nil { // else the directory goes
				entries = append(entries, roottest.File(filepath.Join(filepath.Dir(name), ".wh."+filepath.Base(name)), ""))
			}
		case err != nil:
			t.Fatal(err)
		case info.IsDir():
			entries = append(entries, roottest.Dir(name+"/"))
		case info.Mode()&fs.ModeSymlink != 0:
			target, err := os.Readlink(full)
			must(err)
			entries = append(entries, roottest.Link(name, target))
		default:
			e := roottest.File(name, rig.Read(t, full))
			e.Mode = int64(info.Mode().Perm())
			entries = append(entries, e)
		}
	}
	return roottest.Tar(t, entries...)
}

// survey is files, with directories.
func survey(dir string) map[string]string {
	all, err := files(dir)
	must(err)
	must(filepath.WalkDir(dir, func(name string, d fs.DirEntry, err error) error {
		if err == nil && d.IsDir() && name != dir {
			all[strings.TrimPrefix(name, dir+"/")] = "directory"
		}
		return err
	}))
	return all
}
