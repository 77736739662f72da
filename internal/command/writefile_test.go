package command

import (
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/certgraft/certgraft/internal/hint"
)

// A link stays a link, and a file keeps its mode.
func TestReplaceFileKeepsLinksAndModes(t *testing.T) {
	dir := t.TempDir()
	at := func(name string) string { return filepath.Join(dir, name) }
	if err := errors.Join(
		os.MkdirAll(at("real/deep"), 0o755), os.WriteFile(at("real/ca.pem"), []byte("old"), 0o600), os.Chmod(at("real/ca.pem"), 0o640),
		os.Symlink("real/deep", at("deep")), os.Symlink("deep/../ca.pem", at("link")), os.Symlink("link", at("again")), os.Symlink("real/new.pem", at("dangling")),
	); err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		name, written string
		mode          fs.FileMode
	}{
		{"again", "real/ca.pem", 0o640}, {"link", "real/ca.pem", 0o640}, {"dangling", "real/new.pem", 0o644}, {"fresh", "fresh", 0o644},
	} {
		if err := replaceFile(at(test.name), []byte(test.name)); err != nil {
			t.Errorf("%s: %v", test.name, err)
			continue
		}
		data, err := os.ReadFile(at(test.written))
		info, _ := os.Lstat(at(test.written))
		if err != nil || string(data) != test.name || info.Mode() != test.mode {
			t.Errorf("%s: %q %v %v", test.name, data, info, err)
		}
		if _, err := os.Readlink(at(test.name)); test.name != test.written && err != nil {
			t.Errorf("%s is no link any more: %v", test.name, err)
		}
	}
}

// A file that is mounted, as an engine does with -v FILE:FILE, cannot be
// replaced, and is written in place.
func TestReplaceFileThatIsMounted(t *testing.T) {
	name := filepath.Join(t.TempDir(), "ca.pem")
	if err := os.WriteFile(name, []byte("old and longer"), 0o644); err != nil {
		t.Fatal(err)
	}
	if out, err := exec.Command("mount", "--bind", name, name).CombinedOutput(); err != nil {
		t.Skipf("mount: %s", out)
	}
	t.Cleanup(func() { _ = exec.Command("umount", name).Run() })
	if err := replaceFile(name, []byte("new")); err != nil {
		t.Fatal(err)
	}
	if data, err := os.ReadFile(name); err != nil || string(data) != "new" {
		t.Errorf("%q %v", data, err)
	}
	if left, _ := filepath.Glob(filepath.Join(filepath.Dir(name), ".*")); len(left) > 0 {
		t.Errorf("left behind: %q", left)
	}
}

// What hinders is said in plain words, with what to do.
func TestReplaceFileMessages(t *testing.T) {
	t.Chdir(t.TempDir())
	if err := errors.Join(os.Mkdir("dir", 0o755), os.WriteFile("file", nil, 0o644), os.Symlink("loop", "loop")); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{
		"":         "write: the name of the file is empty",
		"nodir/x":  "write nodir/x: there is no directory nodir",
		"dir":      "write dir: it is a directory",
		"file/x":   "write file/x: not a directory",
		"loop":     "write loop: too many levels of symbolic links",
		"dir/no/x": "write dir/no/x: there is no directory dir/no",
	} {
		err := replaceFile(name, []byte("x"))
		if err == nil || err.Error() != want || len(hint.Of(err)) != 1 {
			t.Errorf("%s: %v, hints %q", name, err, hint.Of(err))
		}
		if err != nil && strings.Contains(err.Error(), ".tmp") {
			t.Errorf("%s: %v", name, err)
		}
	}
}
