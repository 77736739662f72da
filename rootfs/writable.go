package rootfs

import (
	"errors"
	"io/fs"
	"path"

	"golang.org/x/sys/unix"
)

// writer is a lower file system that knows what can be written to it.
type writer interface {
	// writable says why a name cannot be switched; isFile is of a regular file that is
	// there.
	writable(name string, isFile bool) error
}

// Writable returns why the file at name, which is free of links, cannot be made or
// replaced, as far as the kernel tells before it is tried: the file system is
// read-only, or this process has no right to. A root that is written elsewhere, as an
// image is, has no such files.
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
		// Of files that go, only the directory counts: nobody mounts what is one of many.
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

// writable asks for the directory in which name is, or is to be made, and for a file
// that is mounted by itself. What keeps an immutable file, or a security module, is
// not seen.
func (t *tree) writable(name string, isFile bool) error {
	above := path.Dir(name)
	dir, err := t.handle(above)
	for errors.Is(err, fs.ErrNotExist) && above != "." { // it is going to be made
		above = path.Dir(above)
		dir, err = t.handle(above)
	}
	if err == nil {
		err = access(int(dir), ".")
	}
	if err == nil && isFile {
		if err = access(int(dir), path.Base(name)); !errors.Is(err, unix.EROFS) {
			return nil // it is replaced, whatever its mode
		}
	}
	if err != nil {
		return &fs.PathError{Op: "write", Path: name, Err: cause(err)}
	}
	return nil
}

// access asks the kernel for the right to write.
func access(dir int, name string) error { return unix.Faccessat(dir, name, unix.W_OK, 0) }
