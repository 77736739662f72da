package rootfs

import (
	"errors"
	"io"
	"io/fs"

	"golang.org/x/sys/unix"
)

// rawFile is a regular file that is read or written at once. An [os.File] would first
// determine the kind of file, and ask the garbage collector to close it.
type rawFile struct {
	fd   int
	name string
}

// openRaw opens the file at name, and does not follow a link.
func (t *tree) openRaw(name string, flag int, perm fs.FileMode) (rawFile, error) {
	fd, err := t.openFD(name, flag, perm)
	return rawFile{fd, name}, err
}

func (f rawFile) Read(p []byte) (int, error) {
	for {
		n, err := unix.Read(f.fd, p)
		switch {
		case errors.Is(err, unix.EINTR):
			continue
		case err != nil:
			return 0, f.failed("read", err)
		case n == 0:
			return 0, io.EOF
		}
		return n, nil
	}
}

func (f rawFile) write(data []byte) error {
	for len(data) > 0 {
		n, err := unix.Write(f.fd, data)
		if err != nil && !errors.Is(err, unix.EINTR) {
			return f.failed("write", err)
		}
		data = data[max(n, 0):]
	}
	return nil
}

func (f rawFile) stat() (st unix.Stat_t, err error) {
	if err := unix.Fstat(f.fd, &st); err != nil {
		return st, f.failed("stat", err)
	}
	return st, nil
}

func (f rawFile) failed(op string, err error) error {
	return &fs.PathError{Op: op, Path: f.name, Err: err}
}

func (f rawFile) close() error {
	if err := unix.Close(f.fd); err != nil {
		return f.failed("close", err)
	}
	return nil
}
