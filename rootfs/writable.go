package rootfs

import (
	"errors"
	"io/fs"
	"path"

	"golang.org/x/sys/unix"
)

// writer is a lower file system that knows which names can be written.
type writer interface {
	// writable returns why a name cannot be switched. isFile says that a regular file
	// exists there.
	writable(name string, isFile bool) error
}

// Writable returns why the file at name, which is free of links, cannot be made or
// replaced, as far as the kernel can tell beforehand: the file system is read-only, or
// this process has no right to write. It returns nil for a root that is written to
// another place, such as an image.
func (o *Overlay) Writable(name string) error {
	info, err := o.Lstat(name)
	if err = o.writable(name, err == nil && info.Mode().IsRegular()); err != nil {
		return pathError("write", name, cause(err))
	}
	return nil
}

// Try returns why one of the changes cannot be made; see [Overlay.Writable].
func (o *Overlay) Try() error {
	if err := o.try(); err != nil {
		inner, _ := errors.AsType[*fs.PathError](err)
		return pathError(inner.Op, inner.Path, inner.Err)
	}
	return nil
}

// try is Try with a name as in io/fs.
func (o *Overlay) try() error {
	tried := map[string]bool{} // directories
	for c := range o.Changes() {
		// For removed files, only the directory counts: a single file of many is hardly
		// ever a mount point.
		dir, isFile := path.Dir(c.Name), !c.Removed && c.Prior != nil && c.Prior.Mode().IsRegular()
		if tried[dir] && !isFile {
			continue
		}
		if err := o.writable(c.Name, isFile); err != nil {
			return err
		}
		tried[dir] = true
	}
	return nil
}

func (o *Overlay) writable(name string, isFile bool) error {
	w, ok := o.lower.ReadLinkFS.(writer)
	if !ok || o.elsewhere {
		return nil
	}
	return w.writable(name, isFile)
}

// writable checks the right to write in the directory of name, or in the nearest
// existing one above, and checks a file that is a mount itself. It does not see
// immutable files or the rules of a security module.
func (t *tree) writable(name string, isFile bool) error {
	above := path.Dir(name)
	dir, err := t.handle(above)
	for errors.Is(err, fs.ErrNotExist) && above != "." { // the commit will make it
		above = path.Dir(above)
		dir, err = t.handle(above)
	}
	if err == nil {
		err = access(int(dir), ".")
	}
	if err == nil && isFile {
		if err = access(int(dir), path.Base(name)); !errors.Is(err, unix.EROFS) {
			return nil // it is replaced, so its mode does not matter
		}
	}
	if err != nil {
		return &fs.PathError{Op: "write", Path: name, Err: cause(err)}
	}
	return nil
}

// access checks the right to write.
func access(dir int, name string) error { return unix.Faccessat(dir, name, unix.W_OK, 0) }
