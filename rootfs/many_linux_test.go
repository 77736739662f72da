package rootfs_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sync/atomic"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/certgraft/certgraft/rootfs"
)

// A process with at most 1024 open files can read and write thousands of directories,
// and restore them.
func TestManyDirectories(t *testing.T) {
	const inChild = "CERTGRAFT_TEST_MANY"
	if dir := os.Getenv(inChild); dir != "" {
		manyDirectories(t, dir)
		return
	}
	cmd := exec.Command(os.Args[0], "-test.run=^TestManyDirectories$", "-test.v")
	cmd.Env = append(os.Environ(), inChild+"="+t.TempDir())
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
}

func manyDirectories(t *testing.T, dir string) {
	must(t, unix.Setrlimit(unix.RLIMIT_NOFILE, &unix.Rlimit{Cur: 1024, Max: 1024}))
	const homes = 600
	file, link := func(i int) string { return fmt.Sprintf("home/%d/.pki/file", i) }, func(i int) string { return fmt.Sprintf("home/%d/link", i) }
	for i := range homes {
		must(t, os.MkdirAll(filepath.Dir(filepath.Join(dir, file(i))), 0o755))
		must(t, os.WriteFile(filepath.Join(dir, file(i)), []byte("old"), 0o644))
	}
	edit := func(o *rootfs.Overlay) error {
		for i := range homes {
			data, err := o.ReadFile(file(i))
			if err = errors.Join(err, o.WriteFile(file(i), append(data, "er"...), 0), o.Symlink("x", link(i))); err != nil {
				return err
			}
		}
		return nil
	}
	check := func(want string, links bool) {
		t.Helper()
		for i := range homes {
			data, err := os.ReadFile(filepath.Join(dir, file(i)))
			_, noLink := os.Readlink(filepath.Join(dir, link(i)))
			if string(data) != want || (noLink == nil) != links {
				t.Fatalf("home %d: %q %v, link: %v", i, data, err, noLink)
			}
		}
	}
	var switched, synced atomic.Int32 // the commit switches files and links at the same time
	fail := func(op, name string) error {
		if op == "rename" && !rootfs.IsStaged(filepath.Base(name)) {
			switched.Add(1)
		}
		if op == "fsync" && switched.Load() == homes && synced.Add(1) > homes {
			return syscall.EIO
		}
		return nil
	}
	if _, err := rootfs.UpdateWith(context.Background(), dir, rootfs.Options{Sync: true}, fail, edit); !errors.Is(err, syscall.EIO) {
		t.Fatal(err)
	}
	check("old", false)
	must(t, rootfs.Update(dir, edit))
	check("older", true)
}
