package rootfs

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
)

func TestTreeIsAFileSystem(t *testing.T) {
	dir, root := makeRoot(t)
	tr := newTree(root)
	for _, name := range []string{"etc/link", "etc/via", "etc/going-link"} {
		if err := os.Remove(filepath.Join(dir, name)); err != nil { // the overlay resolves links
			t.Fatal(err)
		}
	}
	if err := fstest.TestFS(NewOverlay(tr), "etc/bundle", "etc/dir/only"); err != nil {
		t.Error(err)
	}
	entries, err := tr.ReadDir("etc")
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		info, err := e.Info()
		if err != nil || info.Name() != e.Name() || info.Mode().Type() != e.Type() {
			t.Errorf("%s: %v %v", e.Name(), info, err)
		}
	}
	if err := tr.Close(); err != nil && !errors.Is(err, os.ErrClosed) {
		t.Error(err)
	}
}

// The tree does not follow a link in place of a file, even inside the root, and no name
// leads out of the root.
func TestTreeFollowsNoLink(t *testing.T) {
	_, root := makeRoot(t)
	tr := newTree(root)
	for _, name := range []string{"..", "../x", "etc/../../x", "/etc/bundle"} {
		_, readErr := tr.ReadFile(name)
		linkErr, renameErr := disk{tree: tr}.symlink("x", name, attrs{}), disk{tree: tr}.rename("etc/bundle", name)
		for what, err := range map[string]error{"read": readErr, "symlink": linkErr, "rename": renameErr} {
			if !errors.Is(err, fs.ErrInvalid) {
				t.Errorf("%s %s: %v", what, name, err)
			}
		}
	}
	if data, err := tr.ReadFile("etc/link"); err == nil {
		t.Errorf("a link was read: %q", data)
	}
	if f, err := tr.openFile("etc/link", os.O_WRONLY); err == nil {
		t.Errorf("%s was opened", f.Name())
	}
	if _, err := tr.ReadFile("etc/bundle/x"); !errors.Is(err, fs.ErrNotExist) && err == nil {
		t.Error("a file has no files in it")
	}
}

func TestTreeReadsLongLinks(t *testing.T) {
	dir, root := makeRoot(t)
	for _, length := range []int{1, 255, 256, 257, 1000} {
		want := strings.Repeat("x", length)
		name := filepath.Join(dir, "long")
		if err := os.Symlink(want, name); err != nil {
			t.Fatal(err)
		}
		if got, err := newTree(root).ReadLink("long"); err != nil || got != want {
			t.Errorf("%d characters: got %d, %v", length, len(got), err)
		}
		if err := os.Remove(name); err != nil {
			t.Fatal(err)
		}
	}
	for _, name := range []string{"etc/bundle", "etc/nothing", "nothing/x", "../x"} {
		if got, err := newTree(root).ReadLink(name); err == nil {
			t.Errorf("%s leads to %q", name, got)
		}
	}
}

// A listed directory answers later lookups; other lookups go to the disk.
func TestListingIsBelieved(t *testing.T) {
	dir, root := makeRoot(t)
	c := newCached(newTree(root))
	for _, name := range []string{".", "etc"} {
		if _, err := c.ReadDir(name); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Remove(filepath.Join(dir, "etc/link")); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]fs.FileMode{".": fs.ModeDir, "etc": fs.ModeDir, "etc/bundle": 0, "etc/link": fs.ModeSymlink, "etc/dir/only": 0} {
		if got, err := c.typeOf(name); err != nil || got != want {
			t.Errorf("%s: %v %v, want %v", name, got, err, want)
		}
	}
	for _, name := range []string{"etc/nothing", "nothing", "etc/nothing/below"} {
		if _, err := c.typeOf(name); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("%s: %v", name, err)
		}
		if _, err := c.Lstat(name); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestLeftBehind(t *testing.T) {
	dir, root := makeRoot(t)
	stale := filepath.Join("etc", stagedPrefix+"x"+stagedSuffix)
	if err := os.WriteFile(filepath.Join(dir, stale), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	c := newCached(newTree(root))
	if _, err := c.Lstat("etc/dir/only"); err != nil {
		t.Fatal(err)
	}
	entries, err := c.ReadDir("etc")
	if err != nil || slices.ContainsFunc(entries, func(e fs.DirEntry) bool { return isStaged(e.Name()) }) {
		t.Errorf("%v %v", entries, err)
	}
	files, dirs := c.leftBehind()
	if !slices.Equal(files, []string{stale}) || !slices.Equal(dirs, []string{"etc/dir"}) {
		t.Errorf("files %q, directories %q", files, dirs)
	}
}

func TestContent(t *testing.T) {
	o := NewOverlay(before)
	if err := o.WriteFile("etc/new", []byte("new"), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{"etc/bundle": "old bundle\n", "etc/link": "old bundle\n", "etc/new": "new"} {
		data, err := o.Content(name)
		if err != nil || string(data) != want {
			t.Errorf("%s: %q %v", name, data, err)
		}
		_ = append(data, "more"...) // must not change the overlay
		if again, err := o.ReadFile(name); err != nil || string(again) != want {
			t.Errorf("%s: then %q %v", name, again, err)
		}
		copied, _ := o.ReadFile(name)
		copied[0]++
		if again, _ := o.Content(name); !bytes.Equal(again, []byte(want)) {
			t.Errorf("%s: what ReadFile returned is shared", name)
		}
	}
	for _, name := range []string{"etc", "etc/nothing", "../x"} {
		if _, err := o.Content(name); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}
