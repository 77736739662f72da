package roottest

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
	"unicode/utf8"

	"golang.org/x/tools/txtar"
)

// Tree reads a tree of files from a txtar archive. A name that ends in "/" is a
// directory. "NAME -> TARGET" is a link. " 0444" after a name is its mode. A file
// whose name ends in "\" has no final line feed. A file whose name ends in "|" is
// in base64.
func Tree(t testing.TB, archive []byte) fstest.MapFS {
	t.Helper()
	tree := fstest.MapFS{}
	for _, f := range txtar.Parse(archive).Files {
		name, target, isLink := strings.Cut(f.Name, " -> ")
		name, mode := splitMode(t, name)
		switch {
		case isLink:
			tree[name] = &fstest.MapFile{Mode: fs.ModeSymlink | 0o777, Data: []byte(target)}
		case strings.HasSuffix(name, "/"):
			tree[strings.TrimSuffix(name, "/")] = &fstest.MapFile{Mode: fs.ModeDir | mode}
		case strings.HasSuffix(name, `\`):
			tree[strings.TrimSuffix(name, `\`)] = &fstest.MapFile{Mode: mode, Data: bytes.TrimSuffix(f.Data, []byte("\n"))}
		case strings.HasSuffix(name, "|"):
			data, err := base64.StdEncoding.DecodeString(string(f.Data))
			must(t, err)
			tree[strings.TrimSuffix(name, "|")] = &fstest.MapFile{Mode: mode, Data: data}
		default:
			tree[name] = &fstest.MapFile{Mode: mode, Data: f.Data}
		}
	}
	return tree
}

// splitMode separates the mode from a name.
func splitMode(t testing.TB, name string) (string, fs.FileMode) {
	t.Helper()
	mode := fs.FileMode(0o644)
	if strings.HasSuffix(name, "/") {
		mode = 0o755
	}
	head, digits, ok := strings.Cut(name, " 0")
	if !ok {
		return name, mode
	}
	if _, err := fmt.Sscanf(digits, "%o", &mode); err != nil {
		t.Fatalf("%s: mode %q: %v", name, digits, err)
	}
	return head, mode
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

// Dump describes every name of a tree in one line: mode, target or content.
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

// Same fails if two dumps differ, and names the differences.
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

// WriteTo writes a tree into a directory on the disk.
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

// Archive writes the names in dir that keep selects as a txtar archive for [Tree].
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
	info, err := d.Info()
	if err != nil {
		return txtar.File{}, err
	}
	mode := ""
	switch {
	case d.IsDir():
		if info.Mode().Perm() != 0o755 {
			mode = fmt.Sprintf(" %#o", info.Mode().Perm())
		}
		return txtar.File{Name: name + "/" + mode}, nil
	case d.Type()&fs.ModeSymlink != 0:
		target, err := fsys.ReadLink(name)
		return txtar.File{Name: name + " -> " + target}, err
	}
	data, err := fs.ReadFile(fsys, name)
	if info.Mode().Perm() != 0o644 {
		mode = fmt.Sprintf(" %#o", info.Mode().Perm())
	}
	switch {
	case !utf8.Valid(data) || bytes.Contains(data, []byte("\x00")):
		name += "|"
		data = wrap(base64.StdEncoding.EncodeToString(data))
	case len(data) > 0 && !bytes.HasSuffix(data, []byte("\n")):
		name += `\`
	}
	return txtar.File{Name: name + mode, Data: data}, err
}

// wrap returns text in lines of 76 characters.
func wrap(text string) []byte {
	var out bytes.Buffer
	for line := range slices.Chunk([]byte(text), 76) {
		out.Write(append(slices.Clip(line), '\n'))
	}
	return out.Bytes()
}
