package atomicfile

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
)

// A link stays a link, and a file keeps its mode.
func TestReplaceKeepsLinksAndModes(t *testing.T) {
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
		if err := Replace(at(test.name), []byte(test.name)); err != nil {
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

// A mounted file, as with -v FILE:FILE of an engine, cannot be replaced and is
// written in place.
func TestReplaceThatIsMounted(t *testing.T) {
	name := filepath.Join(t.TempDir(), "ca.pem")
	if err := os.WriteFile(name, []byte("old and longer"), 0o644); err != nil {
		t.Fatal(err)
	}
	if out, err := exec.Command("mount", "--bind", name, name).CombinedOutput(); err != nil {
		t.Skipf("mount: %s", out)
	}
	t.Cleanup(func() { _ = exec.Command("umount", name).Run() })
	if err := Replace(name, []byte("new")); err != nil {
		t.Fatal(err)
	}
	if data, err := os.ReadFile(name); err != nil || string(data) != "new" {
		t.Errorf("%q %v", data, err)
	}
	if left, _ := filepath.Glob(filepath.Join(filepath.Dir(name), ".*")); len(left) > 0 {
		t.Errorf("left behind: %q", left)
	}
}

// A failed write leaves the old file and no other. A new file obeys the umask; an
// old one keeps its mode.
func TestIn(t *testing.T) {
	dir := t.TempDir()
	root, err := os.OpenRoot(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer root.Close()
	say := func(text string, err error) func(io.Writer) error {
		return func(w io.Writer) error { _, _ = io.WriteString(w, text); return err }
	}
	defer syscall.Umask(syscall.Umask(0o027))
	failed := errors.New("no more")
	for i, step := range []struct {
		text  string
		write error
		want  string
		mode  fs.FileMode
	}{{"1", nil, "1", 0o640}, {"2", failed, "1", 0o640}, {"3", nil, "3", 0o600}, {"4", nil, "4", 0o666}} {
		if i > 0 {
			if err := os.Chmod(filepath.Join(dir, "x"), step.mode); err != nil {
				t.Fatal(err)
			}
		}
		if err := In(root, "x", say(step.text, step.write)); !errors.Is(err, step.write) {
			t.Errorf("%s: %v", step.text, err)
		}
		data, _ := root.ReadFile("x")
		info, err := root.Stat("x")
		if err != nil || string(data) != step.want || info.Mode() != step.mode {
			t.Errorf("%s: %q with %v, want %q with %v", step.text, data, info.Mode(), step.want, step.mode)
		}
	}
	if left, _ := os.ReadDir(dir); len(left) != 1 {
		t.Errorf("left behind: %v", left)
	}
}
