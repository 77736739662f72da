package rootfs

import (
	"errors"
	"io/fs"
	"strings"

	"golang.org/x/sys/unix"
)

// attrs are what a new file takes over from the one that it replaces.
type attrs struct {
	mode     fs.FileMode
	owned    bool // uid and gid are known
	uid, gid int
	xattrs   map[string][]byte
}

// attrsOf returns the attributes that c's file is to have.
func (d disk) attrsOf(c Change) attrs {
	a := attrs{mode: c.Mode}
	if c.Prior == nil {
		return a
	}
	if st, ok := c.Prior.Sys().(*unix.Stat_t); ok {
		a.owned, a.uid, a.gid = true, int(st.Uid), int(st.Gid)
	}
	if c.Prior.Mode().IsRegular() && c.Mode.IsRegular() {
		a.xattrs = d.xattrs(c.Name)
	}
	return a
}

// apply gives an open file its attributes: owner first, since changing it
// clears the setuid bits.
func (a attrs) apply(f rawFile) error {
	if err := a.applyOwner(f); err != nil {
		return err
	}
	for name, value := range a.xattrs {
		if err := unix.Fsetxattr(f.fd, name, value, 0); err != nil && !lostXattr(err) {
			return f.failed("setxattr", err)
		}
	}
	if err := unix.Fchmod(f.fd, modeBits(a.mode)); err != nil {
		return f.failed("chmod", err)
	}
	return nil
}

// modeBits returns the permission bits as chmod(2) takes them.
func modeBits(mode fs.FileMode) uint32 {
	bits := uint32(mode.Perm())
	if mode&fs.ModeSetuid != 0 {
		bits |= unix.S_ISUID
	}
	if mode&fs.ModeSetgid != 0 {
		bits |= unix.S_ISGID
	}
	if mode&fs.ModeSticky != 0 {
		bits |= unix.S_ISVTX
	}
	return bits
}

// applyOwner gives the file its owner, if it is not the one that it got: the
// group may have come from the directory.
func (a attrs) applyOwner(f rawFile) error {
	if !a.owned {
		return nil
	}
	st, err := f.stat()
	if err != nil || int(st.Uid) == a.uid && int(st.Gid) == a.gid {
		return err
	}
	if err := unix.Fchown(f.fd, a.uid, a.gid); err != nil {
		return f.failed("chown", err)
	}
	return nil
}

// keptXattr reports whether an extended attribute belongs to the file whatever
// its content. Signatures of the content (security.ima) and marks of an overlay
// (trusted.overlay) do not.
func keptXattr(name string) bool {
	return strings.HasPrefix(name, "user.") || name == "security.selinux" || name == "security.capability" || name == "system.posix_acl_access"
}

// lostXattr reports errors with which a label of the security module is not
// set: the kernel gives the file the label that is due in its directory.
func lostXattr(err error) bool {
	return errors.Is(err, unix.ENOTSUP) || errors.Is(err, unix.EPERM) || errors.Is(err, unix.EACCES)
}

// xattrs returns the extended attributes of the file at name.
func (d disk) xattrs(name string) map[string][]byte {
	fd, err := d.openFD(name, unix.O_RDONLY|unix.O_NONBLOCK, 0)
	if err != nil {
		return nil
	}
	defer func() { _ = unix.Close(fd) }() // nothing was written
	size, err := unix.Flistxattr(fd, nil)
	if err != nil || size == 0 {
		return nil
	}
	list := make([]byte, size)
	if size, err = unix.Flistxattr(fd, list); err != nil {
		return nil
	}
	found := map[string][]byte{}
	for attr := range strings.SplitSeq(strings.TrimRight(string(list[:size]), "\x00"), "\x00") {
		if !keptXattr(attr) {
			continue
		}
		value := make([]byte, 64<<10)
		if n, err := unix.Fgetxattr(fd, attr, value); err == nil {
			found[attr] = value[:n]
		}
	}
	return found
}
