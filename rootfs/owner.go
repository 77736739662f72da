package rootfs

import (
	"archive/tar"
	"io/fs"
	"syscall"

	"golang.org/x/sys/unix"
)

// Owner is who a file belongs to, by number.
type Owner struct{ UID, GID int }

// OwnerOf returns the owner of what info is about: a file of a directory, of the layers
// of an image, or a pending change of an [Overlay]. It is false where that is not known.
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

// Chown gives a file that was written into the overlay an owner. Without it a file that
// takes the place of another keeps its owner, and a new one gets that of the process.
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
