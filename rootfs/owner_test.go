package rootfs_test

import (
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/certgraft/certgraft/rootfs"
)

// A new file gets the owner from Chown, and keeps it when it is written again.
func TestChown(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("only root gives files away")
	}
	dir, want := t.TempDir(), rootfs.Owner{UID: 1234, GID: 56}
	err := rootfs.Update(dir, func(r *rootfs.Overlay) error {
		if err := r.Chown("a", want); err == nil {
			t.Error("a file that nobody wrote has an owner")
		}
		if err := r.WriteFile("a", []byte("1"), 0o640); err != nil {
			return err
		}
		if err := r.Chown("a", want); err != nil {
			return err
		}
		info, err := r.Lstat("a")
		if owner, known := rootfs.OwnerOf(info); err != nil || !known || owner != want {
			t.Errorf("pending: %v, %v, %v", owner, known, err)
		}
		return r.WriteFile("a", []byte("2"), 0o600)
	})
	if err != nil {
		t.Fatal(err)
	}
	info, err := os.Lstat(filepath.Join(dir, "a"))
	if err != nil {
		t.Fatal(err)
	}
	if st := info.Sys().(*syscall.Stat_t); st.Uid != 1234 || st.Gid != 56 || info.Mode().Perm() != 0o640 {
		t.Errorf("the file is of %d:%d, mode %v", st.Uid, st.Gid, info.Mode())
	}
}
