package rootfs

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"strings"
	"syscall"

	"github.com/certgraft/certgraft/internal/hint"
)

// explain adds the place and the cure to an error of the operating system. The caller
// has changed nothing when it returns this error.
func explain(dir string, err error) error {
	what := advice(err)
	if err = locate(dir, err); what != "" {
		return hint.Add(err, what)
	}
	return err
}

// locate adds the place to an error of the operating system.
func locate(dir string, err error) error {
	var path *fs.PathError
	var link *os.LinkError
	switch { // names below an os.Root are relative to it
	case errors.As(err, &path):
		return fmt.Errorf("%s %s: %w", verb(path.Op), within(dir, path.Path), path.Err)
	case errors.As(err, &link):
		return fmt.Errorf("%s %s: %w", verb(link.Op), within(dir, link.New), link.Err)
	}
	return fmt.Errorf("%s: %w", dir, err)
}

// verb returns the name of an operation without the "at" of the system call.
func verb(op string) string { return strings.TrimSuffix(op, "at") }

func within(dir, name string) string {
	switch {
	case name == dir || dir == "" || name != "" && name[0] == '/':
		return name
	case dir == "/":
		return "/" + name
	}
	return dir + "/" + name
}

func advice(err error) string {
	switch {
	case errors.Is(err, syscall.EROFS):
		return "the file system is read-only: nothing was changed; mount it for writing"
	case errors.Is(err, syscall.EXDEV):
		return "a volume is mounted in between: nothing was changed; unmount it for as long as the command runs"
	case errors.Is(err, syscall.EDQUOT):
		return "the disk quota is used up: nothing was changed; raise it or make room, and run it again"
	case errors.Is(err, syscall.ENOSPC):
		return "the disk is full: nothing was changed; make room and run it again"
	case errors.Is(err, syscall.EINVAL) && isChown(err):
		return "the file has an owner that this user namespace does not map: nothing was changed; run it as root outside of the namespace, or in one that maps the owner"
	case errors.Is(err, fs.ErrPermission) && os.Geteuid() != 0:
		return "nothing was changed: run it as root; in a Dockerfile put the step before USER"
	case errors.Is(err, fs.ErrPermission):
		return "nothing was changed: the file may be immutable (chattr -i) or the directory be protected by the kernel's security module"
	}
	return ""
}

func isChown(err error) bool {
	path, ok := errors.AsType[*fs.PathError](err)
	return ok && strings.Contains(path.Op, "chown") // also fchownat and lchown
}

func pathError(op, name string, err error) error {
	return &fs.PathError{Op: op, Path: rooted(name), Err: err}
}

// rooted returns name as users write it.
func rooted(name string) string {
	if fs.ValidPath(name) && name != "." {
		return "/" + name
	}
	return path.Join("/", name)
}

// cause returns the error without the name of its file.
func cause(err error) error {
	if inner, ok := errors.AsType[*fs.PathError](err); ok {
		return inner.Err
	}
	return err
}

// gone drops the error of removing a missing name.
func gone(err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}
