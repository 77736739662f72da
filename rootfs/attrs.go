package rootfs

import (
	"errors"
	"io/fs"
	"path"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// attrs are the attributes of a new file, taken from the file that it replaces.
type attrs struct {
	mode     fs.FileMode
	owned    bool // uid and gid are known
	uid, gid int
	xattrs   map[string][]byte
	label    []byte // SELinux label of a new file that gets none from the kernel
}

// attrsOf returns the attributes for the file of c.
func (d disk) attrsOf(c Change) attrs {
	a := attrs{mode: c.Mode}
	if c.Owner != nil {
		a.owned, a.uid, a.gid = true, c.Owner.UID, c.Owner.GID
	}
	if c.Prior == nil {
		a.label = d.labelOf(c.Name)
		return a
	}
	if owner, ok := OwnerOf(c.Prior); ok && !a.owned {
		a.owned, a.uid, a.gid = true, owner.UID, owner.GID
	}
	if c.Prior.Mode().IsRegular() && c.Mode.IsRegular() {
		a.xattrs = d.xattrs(c.Name)
	}
	return a
}

// apply sets the attributes of an open file. The owner comes first, because changing it
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
	setLabel(f.fd, a.label)
	if err := unix.Fchmod(f.fd, modeBits(a.mode)); err != nil {
		return f.failed("chmod", err)
	}
	return nil
}

// labelXattr is the extended attribute with the SELinux label of a file.
const labelXattr = "security.selinux"

// labelOf returns the label for a new file: the label of its directory, as SELinux
// gives it without another rule. It returns nil in a root without labels.
func (d disk) labelOf(name string) []byte {
	if !d.labelled() {
		return nil
	}
	dir := path.Dir(name)
	fd, err := d.handle(dir)
	for err != nil && dir != "." { // the commit will make it
		dir = path.Dir(dir)
		fd, err = d.handle(dir)
	}
	if err != nil {
		return nil
	}
	label := make([]byte, 4<<10)
	n, err := unix.Fgetxattr(int(fd), labelXattr, label)
	if err != nil {
		return nil
	}
	return label[:n]
}

// labelled reports whether the root directory has a label: then its files have labels
// too.
func (t *tree) labelled() bool {
	if !t.asked {
		t.asked = true
		if root, err := t.handle("."); err == nil {
			_, err = unix.Fgetxattr(int(root), labelXattr, nil)
			t.labels = err == nil
		}
	}
	return t.labels
}

// setLabel sets the label of a new file, unless the kernel has set one. It ignores
// errors: a file system without labels needs none.
func setLabel(fd int, label []byte) {
	if label == nil {
		return
	}
	if _, err := unix.Fgetxattr(fd, labelXattr, nil); err != nil {
		_ = unix.Fsetxattr(fd, labelXattr, label, 0)
	}
}

// labelDir is setLabel for a directory.
func (d disk) labelDir(name string, label []byte) error {
	if label == nil {
		return nil
	}
	fd, err := d.handle(name)
	if err == nil {
		setLabel(int(fd), label)
	}
	return err
}

// setLinkLabel is setLabel for a link, which has no descriptor to write to.
func setLinkLabel(dir int, name string, label []byte) {
	if label == nil {
		return
	}
	at := "/proc/self/fd/" + strconv.Itoa(dir) + "/" + name
	if _, err := unix.Lgetxattr(at, labelXattr, nil); err != nil {
		_ = unix.Lsetxattr(at, labelXattr, label, 0)
	}
}

// modeBits returns the permission bits for chmod(2).
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

// applyOwner sets the owner of the file if it differs: the group may have come from the
// directory.
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

// keptXattr reports whether an extended attribute stays valid with new content.
// Signatures of the content (security.ima) and marks of an overlay (trusted.overlay) do
// not.
func keptXattr(name string) bool {
	return strings.HasPrefix(name, "user.") || name == labelXattr || name == "security.capability" || name == "system.posix_acl_access"
}

// lostXattr reports errors after which a file keeps the kernel's label for its
// directory instead of the old label.
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
