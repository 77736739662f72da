// Package atomicfile writes a file whole or not at all. A reader sees the old
// content or the new, and a failed write leaves the old.
//
// Start with [Replace] for a file that a user names, or with [In] for one below
// an [os.Root].
package atomicfile

import (
	"bytes"
	"crypto/rand"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
)

// In writes name in root. Users who may read the old file may read the new one,
// and no others. The mode of a new file is 0644 without the bits of the umask.
func In(root *os.Root, name string, write func(io.Writer) error) error {
	before, err := root.Stat(name)
	if err != nil {
		return swap(root, name, 0o644, write, func(*os.File) error { return nil })
	}
	return swap(root, name, 0o600, write, func(f *os.File) error { return f.Chmod(before.Mode().Perm()) })
}

// Replace writes the file name. If name is a link, Replace keeps the link and
// writes its target. An existing file keeps its mode and owner; with equal content
// it is not written at all. A file that cannot be replaced is written in place: a
// mounted file, a device, a pipe.
func Replace(name string, data []byte) error {
	target, special := followLinks(name)
	info, err := os.Stat(target)
	switch {
	case err != nil && !errors.Is(err, fs.ErrNotExist):
		return err
	case special || err == nil && !info.Mode().IsRegular():
		return os.WriteFile(name, data, 0o644)
	case err != nil:
		return rename(target, nil, data)
	}
	return exchange(target, info, data)
}

// followLinks returns the target of name, which need not exist. special is true
// for a link of the kernel, such as /dev/stdout: the target can be opened and not
// replaced.
func followLinks(name string) (target string, special bool) {
	for range 40 {
		if strings.HasPrefix(name, "/proc/") || strings.HasPrefix(name, "/dev/fd/") {
			return name, true
		}
		link, err := os.Readlink(name)
		if err != nil {
			return name, false
		}
		if !filepath.IsAbs(link) {
			dir, _ := filepath.Split(name) // filepath.Join would resolve ".." before the link
			link = dir + link
		}
		name = link
	}
	return name, true // a loop, which the kernel will report
}

// exchange writes an existing file. It writes in place if a mount covers the name,
// or if the directory is not writable.
func exchange(name string, info fs.FileInfo, data []byte) error {
	if old, err := os.ReadFile(name); err == nil && bytes.Equal(old, data) {
		return nil
	}
	err := rename(name, info, data)
	for _, held := range []error{syscall.EBUSY, syscall.EXDEV, syscall.EROFS, fs.ErrPermission} {
		if errors.Is(err, held) {
			return os.WriteFile(name, data, 0o644)
		}
	}
	return err
}

// rename writes a new file and renames it to name. The file gets the mode and
// owner of the earlier file, if one exists.
func rename(name string, before fs.FileInfo, data []byte) error {
	write := func(w io.Writer) error { _, err := w.Write(data); return err }
	return swap(disk{}, name, 0o600, write, func(f *os.File) error {
		if before == nil {
			return f.Chmod(0o644)
		}
		if owner, ok := before.Sys().(*syscall.Stat_t); ok {
			_ = f.Chown(int(owner.Uid), int(owner.Gid)) // only root may do this
		}
		return f.Chmod(before.Mode().Perm())
	})
}

// place is a directory tree for a file: a root, or the whole disk.
type place interface {
	OpenFile(name string, flag int, perm fs.FileMode) (*os.File, error)
	Rename(from, to string) error
	Remove(name string) error
}

// disk uses names as the system does.
type disk struct{}

func (disk) OpenFile(name string, flag int, perm fs.FileMode) (*os.File, error) {
	return os.OpenFile(name, flag, perm)
}
func (disk) Rename(from, to string) error { return os.Rename(from, to) }
func (disk) Remove(name string) error     { return os.Remove(name) }

// swap writes a new file beside name, lets set adjust it, and renames it to name
// in one step.
func swap(in place, name string, mode fs.FileMode, write func(io.Writer) error, set func(*os.File) error) error {
	dir, _ := filepath.Split(name)
	tmp := dir + ".certgraft-" + rand.Text()[:16] + ".tmp"
	f, err := in.OpenFile(tmp, os.O_WRONLY|os.O_CREATE|os.O_EXCL, mode)
	if err != nil {
		return err
	}
	if err = errors.Join(set(f), write(f), f.Close()); err == nil {
		err = in.Rename(tmp, name)
	}
	if err != nil {
		if gone := in.Remove(tmp); !errors.Is(gone, fs.ErrNotExist) {
			err = errors.Join(err, gone)
		}
	}
	return err
}
