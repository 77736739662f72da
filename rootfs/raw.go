package rootfs

import (
	"errors"
	"io"
	"io/fs"
	"time"

	"golang.org/x/sys/unix"
)

// rawFile is a regular file that is read or written at once. An [os.File] asks
// first what kind of file it is, and the garbage collector to close it.
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

// statInfo is what stat(2) says of a name.
type statInfo struct {
	name string
	st   unix.Stat_t
}

func (i *statInfo) Name() string       { return i.name }
func (i *statInfo) Size() int64        { return i.st.Size }
func (i *statInfo) ModTime() time.Time { return time.Unix(i.st.Mtim.Unix()) }
func (i *statInfo) IsDir() bool        { return i.Mode().IsDir() }

// Sys returns a *unix.Stat_t.
func (i *statInfo) Sys() any { return &i.st }

// Mode implements [fs.FileInfo].
func (i *statInfo) Mode() fs.FileMode {
	mode := fs.FileMode(i.st.Mode & 0o777)
	switch i.st.Mode & unix.S_IFMT {
	case unix.S_IFREG:
	case unix.S_IFDIR:
		mode |= fs.ModeDir
	case unix.S_IFLNK:
		mode |= fs.ModeSymlink
	case unix.S_IFIFO:
		mode |= fs.ModeNamedPipe
	case unix.S_IFSOCK:
		mode |= fs.ModeSocket
	case unix.S_IFCHR:
		mode |= fs.ModeDevice | fs.ModeCharDevice
	case unix.S_IFBLK:
		mode |= fs.ModeDevice
	default:
		mode |= fs.ModeIrregular
	}
	if i.st.Mode&unix.S_ISUID != 0 {
		mode |= fs.ModeSetuid
	}
	if i.st.Mode&unix.S_ISGID != 0 {
		mode |= fs.ModeSetgid
	}
	if i.st.Mode&unix.S_ISVTX != 0 {
		mode |= fs.ModeSticky
	}
	return mode
}
