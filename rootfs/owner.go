package rootfs

import (
	"archive/tar"
	"io/fs"
	"syscall"

	"golang.org/x/sys/unix"
)

// Owner is the user and group of a file, by number.
type Owner struct{ UID, GID int }

// OwnerOf returns the owner in info, which describes a file of a directory, of the
// layers of an image, or a pending change of an [Overlay]. It returns false if the
// owner is unknown.
func OwnerOf(info fs.FileInfo) (Owner, bool) {
	switch of := info.Sys().(type) {
	case *unix.Stat_t:
		return Owner{int(of.Uid), int(of.Gid)}, true
	case *tar.Header:
		return Owner{of.Uid, of.Gid}, true
	case *Owner:
		return *of, true
	}
	return Owner{}, false
}

// Chown sets the owner of a file that was written into the overlay. Without it a file
// that replaces another keeps its owner, and a new file gets the owner of the process.
func (o *Overlay) Chown(name string, owner Owner) error {
	real, err := o.resolve("chown", name, true)
	if err != nil {
		return err
	}
	c, ok := o.upper[real]
	if !ok || c.Removed || !c.Mode.IsRegular() {
		return pathError("chown", name, syscall.EINVAL)
	}
	c.Owner = &owner
	o.upper[real] = c
	return nil
}
