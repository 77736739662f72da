package roottest

import (
	"bytes"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"golang.org/x/tools/txtar"
)

// Tree reads a tree of files from a txtar archive. A name that ends in "/" is a
// directory; "NAME -> TARGET" is a link; " 0444" behind a name is its mode. A
// file whose name ends in "\" has no final line feed.
func Tree(t testing.TB, archive []byte) fstest.MapFS {
	t.Helper()
	tree := fstest.MapFS{}
	for _, f := range txtar.Parse(archive).Files {
		name, target, isLink := strings.Cut(f.Name, " -> ")
		mode := fs.FileMode(0o644)
		if head, digits, ok := strings.Cut(name, " 0"); ok {
			name = head
			if _, err := fmt.Sscanf(digits, "%o", &mode); err != nil {
				t.Fatalf("%s: mode %q: %v", name, digits, err)
			}
		}
		switch {
		case isLink:
			tree[name] = &fstest.MapFile{Mode: fs.ModeSymlink | 0o777, Data: []byte(target)}
		case strings.HasSuffix(name, "/"):
			tree[strings.TrimSuffix(name, "/")] = &fstest.MapFile{Mode: fs.ModeDir | 0o755}
		case strings.HasSuffix(name, `\`):
			tree[strings.TrimSuffix(name, `\`)] = &fstest.MapFile{Mode: mode, Data: bytes.TrimSuffix(f.Data, []byte("\n"))}
		default:
			tree[name] = &fstest.MapFile{Mode: mode, Data: f.Data}
		}
	}
	return tree
}

// TreeFile reads the archive in a file.
func TreeFile(t testing.TB, name string) fstest.MapFS {
	t.Helper()
	data, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return Tree(t, data)
}

// Dump describes every name of a tree on a line: mode, target or content.
func Dump(t testing.TB, fsys fs.ReadLinkFS) map[string]string {
	t.Helper()
	lines := map[string]string{}
	err := fs.WalkDir(fsys, ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := fsys.Lstat(name)
		if err != nil {
			return err
		}
		line := info.Mode().String()
		switch {
		case info.Mode()&fs.ModeSymlink != 0:
			target, err := fsys.ReadLink(name)
			if err != nil {
				return err
			}
			line = "-> " + target
		case info.Mode().IsRegular():
			data, err := fs.ReadFile(fsys, name)
			if err != nil {
				return err
			}
			line += " " + string(data)
		}
		lines[name] = line
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return lines
}

// Same fails if two dumps differ, and names what does.
func Same(t testing.TB, what string, want, got map[string]string) {
	t.Helper()
	names := slices.Sorted(maps.Keys(want))
	for name := range got {
		if _, ok := want[name]; !ok {
			names = append(names, name)
		}
	}
	for _, name := range names {
		if want[name] != got[name] {
			t.Errorf("%s: %s\n want %q\n  got %q", what, name, short(want[name]), short(got[name]))
		}
	}
}

func short(s string) string {
	if len(s) > 300 {
		return s[:300] + "…"
	}
	return s
}

// WriteTo writes a tree into a directory of the disk.
func WriteTo(t testing.TB, tree fstest.MapFS, dir string) {
	t.Helper()
	for _, name := range slices.Sorted(maps.Keys(tree)) {
		f, at := tree[name], path.Join(dir, name)
		must(t, os.MkdirAll(path.Dir(at), 0o755))
		switch {
		case f.Mode.IsDir():
			must(t, os.MkdirAll(at, 0o755))
		case f.Mode&fs.ModeSymlink != 0:
			must(t, os.Symlink(string(f.Data), at))
		default:
			must(t, os.WriteFile(at, f.Data, f.Mode.Perm()))
			must(t, os.Chmod(at, f.Mode.Perm()))
		}
	}
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// Archive writes the names of dir that keep chooses as a txtar archive that
// [Tree] reads.
func Archive(t testing.TB, dir string, keep func(name string) bool) []byte {
	t.Helper()
	archive := &txtar.Archive{}
	fsys := os.DirFS(dir).(fs.ReadLinkFS)
	err := fs.WalkDir(fsys, ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil || name == "." || !keep(name) {
			return err
		}
		f, err := archived(fsys, name, d)
		archive.Files = append(archive.Files, f)
		return err
	})
	must(t, err)
	return txtar.Format(archive)
}

func archived(fsys fs.ReadLinkFS, name string, d fs.DirEntry) (txtar.File, error) {
	switch {
	case d.IsDir():
		return txtar.File{Name: name + "/"}, nil
	case d.Type()&fs.ModeSymlink != 0:
		target, err := fsys.ReadLink(name)
		return txtar.File{Name: name + " -> " + target}, err
	}
	data, err := fs.ReadFile(fsys, name)
	if len(data) > 0 && !bytes.HasSuffix(data, []byte("\n")) {
		name += `\`
	}
	return txtar.File{Name: name, Data: data}, err
}
