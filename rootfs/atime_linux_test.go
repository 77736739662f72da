package rootfs

import (
	"os"
	"path/filepath"
	"runtime"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// accessed returns the access time of name.
func accessed(t *testing.T, name string) time.Time {
	t.Helper()
	var st unix.Stat_t
	if err := unix.Stat(name, &st); err != nil {
		t.Fatal(err)
	}
	return time.Unix(st.Atim.Unix())
}

// Reading a root does not change it, not even its access times.
func TestReadingLeavesNoTrace(t *testing.T) {
	dir, root := makeRoot(t)
	old := time.Now().Add(-100 * time.Hour) // with mount option relatime, a time older than a day changes too
	name := filepath.Join(dir, "etc/bundle")
	reset := func() {
		for _, n := range []string{name, filepath.Dir(name)} {
			if err := os.Chtimes(n, old, old); err != nil {
				t.Fatal(err)
			}
		}
	}
	reset()
	if _, err := os.ReadFile(name); err != nil {
		t.Fatal(err)
	}
	if accessed(t, name).Equal(old) {
		t.Skip("this file system keeps no times of access")
	}
	reset()
	tr := newTree(root)
	if _, err := tr.ReadDir("etc"); err != nil {
		t.Fatal(err)
	}
	if _, err := tr.ReadFile("etc/bundle"); err != nil {
		t.Fatal(err)
	}
	for _, n := range []string{name, filepath.Dir(name)} {
		if at := accessed(t, n); !at.Equal(old) {
			t.Errorf("%s was last read at %v", n, at)
		}
	}
}

// A process that does not own the files may not keep their access times, and still
// reads them.
func TestReadingWhatOthersOwn(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("not root: there is nobody else")
	}
	_, root := makeRoot(t)
	tr := newTree(root)
	if _, err := tr.handle("etc"); err != nil {
		t.Fatal(err)
	}
	if err := root.Chmod("etc/bundle", 0o644); err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		runtime.LockOSThread() // never unlocked, so that the thread ends with this goroutine
		const nobody = 65534
		if _, err := unix.SetfsuidRetUid(nobody); err != nil {
			t.Error(err)
		}
		for range 2 {
			if data, err := tr.ReadFile("etc/bundle"); err != nil || string(data) != "old bundle\n" {
				t.Errorf("%q %v", data, err)
			}
		}
	}()
	<-done
	if !tr.othersOwn.Load() {
		t.Error("the file was opened as its owner would")
	}
}
