package rootfs_test

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/certgraft/certgraft/internal/roottest"
	"github.com/certgraft/certgraft/rootfs"
)

// FuzzJournal gives an interrupted run an arbitrary journal. Nothing outside the root
// may change.
func FuzzJournal(f *testing.F) {
	f.Add(`{"version":1,"made":["new"],"names":[{"name":"etc/a","staged":"etc/.certgraft-1.tmp","backup":"etc/.certgraft-2.tmp","was":true,"sum":"00"},{"name":"etc/l","was":true,"link":"a"}]}`)
	f.Add(`{"version":1,"going":["etc/.."],"names":[{"name":"out/x","backup":"out/.certgraft-1.tmp"}]}`)
	f.Fuzz(func(t *testing.T, text string) {
		outside := t.TempDir()
		dir := filepath.Join(outside, "root")
		must(t, errors.Join(os.MkdirAll(filepath.Join(dir, "etc"), 0o755), os.MkdirAll(filepath.Join(outside, "x"), 0o755), os.Symlink(outside, filepath.Join(dir, "out")),
			os.Symlink("a", filepath.Join(dir, "etc/l")), os.WriteFile(filepath.Join(dir, "etc/a"), []byte("a"), 0o644),
			os.WriteFile(filepath.Join(dir, "etc/.certgraft-2.tmp"), []byte("b"), 0o644), os.WriteFile(filepath.Join(outside, ".certgraft-1.tmp"), []byte("c"), 0o644),
			os.WriteFile(filepath.Join(dir, journalFile), []byte(text), 0o600)))
		_ = rootfs.Update(dir, func(*rootfs.Overlay) error { return nil })
		names, err := filepath.Glob(filepath.Join(outside, "*"))
		must(t, err)
		if _, err := os.Stat(filepath.Join(outside, ".certgraft-1.tmp")); err != nil || len(names) != 3 {
			t.Errorf("outside: %q %v", names, err)
		}
	})
}

// FuzzOverlay changes arbitrary names in a tree full of links. The resulting names are
// free of links and below the root, and read back as written.
func FuzzOverlay(f *testing.F) {
	f.Add("a/b", "/etc/../x", "c")
	f.Add("link/x", "../../..", "link/x/y")
	tree := roottest.Tree(f, []byte(linkTree))
	f.Fuzz(func(t *testing.T, name, target, second string) {
		o := rootfs.NewOverlay(tree)
		linked := o.Symlink(target, second)
		written := o.WriteFile(name, []byte("x"), 0o644)
		if real, err := o.Resolve(name); written == nil && (err != nil || utf8.ValidString(real)) { // io/fs only accepts UTF-8
			data, readErr := o.ReadFile(real)
			if err != nil || readErr != nil || string(data) != "x" {
				t.Errorf("%q lies at %q and reads %q, %v %v", name, real, data, err, readErr)
			}
		}
		for c := range o.Changes() {
			if !fs.ValidPath(c.Name) && utf8.ValidString(c.Name) || strings.Contains(c.Name, "..") && !strings.Contains(name+second+target, "..") {
				t.Errorf("%q is changed", c.Name)
			}
			if real, err := o.Resolve(c.Name); c.Mode.IsRegular() && (err != nil || real != c.Name) {
				t.Errorf("%q lies at %q, %v", c.Name, real, err)
			}
		}
		if linked == nil && written == nil {
			_ = o.Remove(second)
			_, _ = o.ReadDir(".")
		}
	})
}
