package launch

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"
)

// MakeDir skips a directory in which anyone may rename files, a full one, and a
// missing one.
func TestMakeDir(t *testing.T) {
	open := t.TempDir()
	if err := os.Chmod(open, 0o777); err != nil {
		t.Fatal(err)
	}
	bad, good := t.TempDir(), t.TempDir()
	fill := func(dir string) error {
		if filepath.Dir(dir) == bad {
			return syscall.ENOSPC
		}
		return os.WriteFile(filepath.Join(dir, "ca.pem"), nil, 0o644)
	}
	dir, err := MakeDir([]string{"/nowhere", open, bad, good}, fill)
	if err != nil || filepath.Dir(dir.Path) != good {
		t.Fatalf("%v, %v", dir, err)
	}
	for _, base := range []string{open, bad} {
		if left, _ := os.ReadDir(base); len(left) != 0 {
			t.Errorf("%s is not empty", base)
		}
	}
	Sweep([]string{good})
	if _, err := os.Stat(dir.Path); err != nil {
		t.Error("a directory in use was swept")
	}
	if err := dir.Remove(); err != nil {
		t.Error(err)
	}
	if dir, err := MakeDir([]string{"/nowhere", bad}, fill); err == nil {
		t.Errorf("made %s", dir.Path)
	}
}

// Sweep removes the directory of a killed run. It keeps another program's
// directory of such a name, a link, and a directory that is just being made.
func TestSweep(t *testing.T) {
	base, other := t.TempDir(), t.TempDir()
	write(t, filepath.Join(base, prefix+"1/ca.pem"))
	write(t, filepath.Join(base, prefix+"file"))
	write(t, filepath.Join(other, "kept"))
	if err := os.Symlink(other, filepath.Join(base, prefix+"link")); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"new", "old"} {
		if err := os.Mkdir(filepath.Join(base, prefix+name), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	long := time.Now().Add(-2 * time.Hour)
	if err := os.Chtimes(filepath.Join(base, prefix+"old"), long, long); err != nil {
		t.Fatal(err)
	}
	swept, failures := Sweep([]string{base, "/nowhere"})
	entries, err := os.ReadDir(base)
	if err != nil {
		t.Fatal(err)
	}
	var left []string
	for _, e := range entries {
		left = append(left, strings.TrimPrefix(e.Name(), prefix))
	}
	if want := []string{"file", "link", "new"}; !slices.Equal(left, want) {
		t.Errorf("left are %q, want %q", left, want)
	}
	if _, err := os.Stat(filepath.Join(other, "kept")); err != nil || len(failures) > 0 || len(swept) != 2 {
		t.Errorf("%v, swept %q, failed %v", err, swept, failures)
	}
}

// In a step of a build, TMPDIR may come from the image, and its files then belong
// to the layer.
func TestBases(t *testing.T) {
	if got := Bases("/var/tmp", "", true); !slices.Equal(got[:3], []string{"/dev/shm", "/dev", "/var/tmp"}) {
		t.Errorf("in a step: %q", got)
	}
	if got := Bases("/mine", "/home/me", false); got[0] != "/mine" || slices.Contains(got, "/dev") {
		t.Errorf("elsewhere: %q", got)
	}
	if got := Bases("", "", false); got[0] != "/dev/shm" || slices.Contains(got, "") {
		t.Errorf("without TMPDIR: %q", got)
	}
}

func write(t *testing.T, name string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(name, nil, 0o644); err != nil {
		t.Fatal(err)
	}
}
