package glob

import (
	"io/fs"
	"slices"
	"testing"
	"testing/fstest"

	"github.com/certgraft/certgraft/rootfs"
)

func tree() fstest.MapFS {
	file := &fstest.MapFile{Mode: 0o644}
	return fstest.MapFS{
		"opt/a/jre/x": file, "opt/b/jre/x": file, "opt/b/jdk/x": file, "opt/.c/jre/x": file, "opt/file": file,
		"root/.pki/db": file, "home/u/.pki/db": file, "home/v/.pki/other": file, "home/w": {Mode: fs.ModeSymlink, Data: []byte("u")},
		"opt/link": {Mode: fs.ModeSymlink, Data: []byte("b")}, "opt/nowhere": {Mode: fs.ModeSymlink, Data: []byte("missing")},
	}
}

// A pattern matches as in io/fs.
func TestMatch(t *testing.T) {
	root := rootfs.NewOverlay(tree())
	found := New(root)
	for _, pattern := range []string{"opt/*/jre", "opt/[ab]/j*/x", "opt/file", "opt/*", "*/*/*", "nowhere/*", "opt/a/jre/x", "opt/nowhere", "opt/n*", "opt/file/*", "opt/[", "opt/a[/jre", `opt/\a/jre`} {
		want, _ := fs.Glob(root, pattern)
		if got := found.Match(pattern); !slices.Equal(got, want) {
			t.Errorf("%s: %q, and io/fs %q", pattern, got, want)
		}
	}
	if got, want := found.Match("{home}/.pki/db", "opt/f*"), []string{"root/.pki/db", "home/u/.pki/db", "home/w/.pki/db", "opt/file"}; !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
}

// The first of several names of a file is taken.
func TestEnter(t *testing.T) {
	found, seen := New(rootfs.NewOverlay(tree())), map[string]bool{}
	var kept []string
	for _, name := range append(found.Match("{home}/.pki/db"), "opt/nowhere", "nowhere") {
		if real, ok := found.Enter(seen, name); ok {
			kept = append(kept, real)
		}
	}
	if want := []string{"root/.pki/db", "home/u/.pki/db"}; !slices.Equal(kept, want) {
		t.Errorf("%q, want %q", kept, want)
	}
}
