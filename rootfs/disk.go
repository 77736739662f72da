package rootfs

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"syscall"

	"golang.org/x/sys/unix"
)

// disk is the operations on a root that a commit consists of. Names are free of links,
// so os.Root ensures that a link that another process puts there leads nowhere.
type disk struct {
	*tree
	// before, in tests, sees each operation and can make it fail.
	before func(op, name string) error
	sync   *syncer // nil if the commit does not wait for the disk
}

func (d disk) try(op, name string) error {
	if d.before == nil {
		return nil
	}
	if err := d.before(op, name); err != nil {
		return &fs.PathError{Op: op, Path: name, Err: err}
	}
	return nil
}

// create makes a new file with data and attributes.
func (d disk) create(name string, data []byte, a attrs) (err error) {
	if err := d.try("create", name); err != nil {
		return err
	}
	f, err := d.openRaw(name, unix.O_WRONLY|unix.O_CREAT|unix.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.close()) }()
	if err := f.write(data); err != nil {
		return err
	}
	return a.apply(f)
}

func (d disk) symlink(target, name string, a attrs) error {
	if err := d.try("symlink", name); err != nil {
		return err
	}
	dir, base, err := d.at(name)
	if err != nil {
		return err
	}
	if err := unix.Symlinkat(target, dir, base); err != nil {
		return &os.LinkError{Op: "symlink", Old: target, New: name, Err: err}
	}
	setLinkLabel(dir, base, a.label)
	if a.owned && (a.uid != os.Geteuid() || a.gid != os.Getegid()) {
		return d.root.Lchown(name, a.uid, a.gid)
	}
	return nil
}

func (d disk) mkdir(name string, mode fs.FileMode) error {
	if err := d.try("mkdir", name); err != nil {
		return err
	}
	if err := d.root.Mkdir(name, mode.Perm()); err != nil {
		return err
	}
	if err := d.chmodDir(name, mode.Perm()); err != nil { // regardless of the umask
		return errors.Join(err, d.root.Remove(name))
	}
	return nil
}

// chmodDir sets the mode of a new directory through a descriptor. By name, without
// following a link, it would need Linux 6.6 or a mounted /proc, and a container or a
// chroot may have neither.
func (d disk) chmodDir(name string, mode fs.FileMode) error {
	dir, err := d.root.OpenFile(name, os.O_RDONLY|unix.O_DIRECTORY|unix.O_NOFOLLOW, 0)
	if errors.Is(err, fs.ErrPermission) {
		return d.root.Chmod(name, mode) // the umask removed the right to open it
	}
	if err != nil {
		return err
	}
	return errors.Join(dir.Chmod(mode), dir.Close())
}

func (d disk) link(old, name string) error {
	return d.both("link", func(oldDir int, old string, dir int, name string) error {
		return unix.Linkat(oldDir, old, dir, name, 0)
	}, old, name)
}

func (d disk) rename(old, name string) error { return d.both("rename", unix.Renameat, old, name) }

// both runs an operation with two names. It does not follow links at either name.
func (d disk) both(op string, do func(oldDir int, old string, dir int, name string) error, old, name string) error {
	if err := d.try(op, name); err != nil {
		return err
	}
	if _, _, err := d.at(name); err != nil { // opening a second directory may close the first: afterwards both fit
		return err
	}
	oldDir, oldBase, err := d.at(old)
	if err != nil {
		return err
	}
	dir, base, err := d.at(name)
	if err != nil {
		return err
	}
	if err := do(oldDir, oldBase, dir, base); err != nil {
		return &os.LinkError{Op: op, Old: old, New: name, Err: err}
	}
	return nil
}

func (d disk) remove(name string) error {
	if err := d.try("remove", name); err != nil {
		return err
	}
	d.forget(name)
	dir, base, err := d.at(name)
	if err != nil {
		return err
	}
	err = unix.Unlinkat(dir, base, 0)
	if errors.Is(err, unix.EISDIR) || errors.Is(err, unix.EPERM) { // POSIX has EPERM for a directory
		if asDir := unix.Unlinkat(dir, base, unix.AT_REMOVEDIR); !errors.Is(asDir, unix.ENOTDIR) {
			err = asDir
		}
	}
	if err != nil {
		return &fs.PathError{Op: "remove", Path: name, Err: err}
	}
	return nil
}

// openDir opens a directory, and does not block on another file in its place.
func (d disk) openDir(name string) (*os.File, error) {
	return d.openFile(name, os.O_RDONLY|syscall.O_DIRECTORY|syscall.O_NONBLOCK)
}

// overwrite writes data into the existing file at name. It reserves the space first. If
// data begins with the old content, it writes only the rest.
func (d disk) overwrite(name string, old, data []byte) (err error) {
	if err := d.try("overwrite", name); err != nil {
		return err
	}
	f, err := d.openFile(name, os.O_WRONLY)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	if err := reserve(f, int64(len(data))); err != nil {
		size, unknown := f.Seek(0, io.SeekEnd)
		if unknown == nil {
			unknown = f.Truncate(size) // give back the reserved space behind the end
		}
		return errors.Join(err, unknown)
	}
	start := 0
	if len(old) <= len(data) && string(data[:len(old)]) == string(old) {
		start = len(old)
	}
	if _, err := f.WriteAt(data[start:], int64(start)); err != nil {
		return err
	}
	if err := f.Truncate(int64(len(data))); err != nil || d.sync == nil {
		return err
	}
	return d.sync.pass(datasync(f))
}
