package command

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"

	"github.com/certgraft/certgraft/internal/hint"
)

// replaceFile writes name by way of a new file in its directory, so that a
// reader never sees half of it. A link stays, and what it leads to is written; a
// file that is there keeps its mode and owner, and is left alone where it has
// this content. What cannot be replaced is written in place: a file that is
// mounted, a device, a pipe.
func replaceFile(name string, data []byte) error {
	if name == "" {
		return hint.Add(errors.New("write: the name of the file is empty"), "name the file to write")
	}
	target, special := followLinks(name)
	info, err := os.Stat(target)
	switch {
	case err != nil && !errors.Is(err, fs.ErrNotExist):
	case special || err == nil && !info.Mode().IsRegular():
		err = os.WriteFile(name, data, 0o644)
	case err == nil:
		err = exchange(target, info, data)
	default:
		err = writeNew(target, nil, data)
	}
	if err != nil {
		return unwritten(name, err)
	}
	return nil
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
	err := writeNew(name, info, data)
	for _, held := range []error{syscall.EBUSY, syscall.EXDEV, syscall.EROFS, fs.ErrPermission} {
		if errors.Is(err, held) {
			return os.WriteFile(name, data, 0o644)
		}
	}
	return err
}

// writeNew writes a file and renames it to name. Mode and owner are those of the
// file before, if there is one.
func writeNew(name string, before fs.FileInfo, data []byte) error {
	dir, _ := filepath.Split(name)
	if dir == "" {
		dir = "."
	}
	tmp, err := os.CreateTemp(dir, ".certgraft-*.tmp")
	if err != nil {
		return err
	}
	mode := fs.FileMode(0o644)
	if before != nil {
		mode = before.Mode().Perm()
		if owner, ok := before.Sys().(*syscall.Stat_t); ok {
			_ = tmp.Chown(int(owner.Uid), int(owner.Gid)) // only root can
		}
	}
	_, err = tmp.Write(data)
	err = errors.Join(err, tmp.Chmod(mode), tmp.Close())
	if err == nil {
		err = os.Rename(tmp.Name(), name)
	}
	if err != nil {
		return errors.Join(err, os.Remove(tmp.Name()))
	}
	return nil
}

// unwritten says what hinders, without the name of a temporary file.
func unwritten(name string, err error) error {
	var advice string
	dir := filepath.Dir(name)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		err, advice = fmt.Errorf("write %s: there is no directory %s", name, dir), "make it first: mkdir -p "+dir
	case errors.Is(err, syscall.EISDIR):
		err, advice = fmt.Errorf("write %s: it is a directory", name), "name a file; bundle writes one for each certificate with --format split"
	default:
		err, advice = fmt.Errorf("write %s: %w", name, bare(err)), "check who may write "+dir+", and how much room it has"
	}
	return hint.Add(err, advice)
}

// bare returns the cause of err: the path is in the message already.
func bare(err error) error {
	if p, ok := errors.AsType[*fs.PathError](err); ok {
		return p.Err
	}
	if l, ok := errors.AsType[*os.LinkError](err); ok {
		return l.Err
	}
	return err
}
