// Package atomicfile writes a file whole or not at all: a reader sees the old
// content or the new one, and a write that fails leaves the old one.
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

// In writes name in root. Who may read the file that was there may read the new
// one, and nobody else; a file that is new gets what the umask leaves of 0644.
func In(root *os.Root, name string, write func(io.Writer) error) error {
	before, err := root.Stat(name)
	if err != nil {
		return swap(root, name, 0o644, write, func(*os.File) error { return nil })
	}
	return swap(root, name, 0o600, write, func(f *os.File) error { return f.Chmod(before.Mode().Perm()) })
}

// Replace writes the file name. A link stays, and what it leads to is written; a
// file that is there keeps its mode and owner, and is left alone where it has
// this content. What cannot be replaced is written in place: a file that is
// mounted, a device, a pipe.
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

// followLinks returns what name leads to, there or not. What the kernel hands
// out, as /dev/stdout does, is special: it can be opened and not replaced.
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
			dir, _ := filepath.Split(name) // filepath.Join would cut a link before ".." short
			link = dir + link
		}
		name = link
	}
	return name, true // a loop: the kernel says so
}

// exchange writes a file that is there: in place where its name is taken by a
// mount, or its directory is not to be written.
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

// rename writes a file under its name by way of a new one, with the mode and
// owner of the file before, if there is one.
func rename(name string, before fs.FileInfo, data []byte) error {
	write := func(w io.Writer) error { _, err := w.Write(data); return err }
	return swap(disk{}, name, 0o600, write, func(f *os.File) error {
		if before == nil {
			return f.Chmod(0o644)
		}
		if owner, ok := before.Sys().(*syscall.Stat_t); ok {
			_ = f.Chown(int(owner.Uid), int(owner.Gid)) // only root can
		}
		return f.Chmod(before.Mode().Perm())
	})
}

// place is where a file is written: below a root, or anywhere.
type place interface {
	OpenFile(name string, flag int, perm fs.FileMode) (*os.File, error)
	Rename(from, to string) error
	Remove(name string) error
}

// disk takes names as the system does.
type disk struct{}

func (disk) OpenFile(name string, flag int, perm fs.FileMode) (*os.File, error) {
	return os.OpenFile(name, flag, perm)
}
func (disk) Rename(from, to string) error { return os.Rename(from, to) }
func (disk) Remove(name string) error     { return os.Remove(name) }

// swap writes a new file beside name, which set makes what it is to be, and gives
// it the name in one step.
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
