package rootfs

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

// If the disk has no room to restore a file written in place, its present content stays
// complete.
func TestBusyFileStaysWholeOnAFullDisk(t *testing.T) {
	dir := t.TempDir()
	if err := unix.Mount("tmpfs", dir, "tmpfs", 0, "size=128k"); err != nil {
		t.Skip("no file system can be mounted:", err)
	}
	t.Cleanup(func() { _ = unix.Unmount(dir, unix.MNT_DETACH) })
	bundle, filler := filepath.Join(dir, "bundle"), filepath.Join(dir, "filler")
	if err := os.WriteFile(bundle, bytes.Repeat([]byte("old bundle\n"), 4096), 0o644); err != nil {
		t.Fatal(err)
	}
	written := false
	_, err := Options{Sync: true}.update(t.Context(), dir, func(o *Overlay) error { return o.WriteFile("bundle", []byte("new\n"), 0) }, func(op, name string) error {
		switch {
		case op == "rename" && name == "bundle":
			return syscall.EBUSY
		case op == "overwrite":
			written = true
		case op == "fsync" && written:
			_ = os.WriteFile(filler, make([]byte, 1<<20), 0o644) // fill the disk
			return syscall.EIO
		}
		return nil
	})
	if !errors.Is(err, syscall.EIO) || !errors.Is(err, syscall.ENOSPC) {
		t.Fatal(err)
	}
	if data, err := os.ReadFile(bundle); err != nil || string(data) != "new\n" {
		t.Errorf("%q %v", data, err)
	}
}
