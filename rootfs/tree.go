package rootfs

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"strings"
	"sync/atomic"

	"golang.org/x/sys/unix"

	"github.com/certgraft/certgraft/internal/order"
)

// tree is the directory behind an os.Root. It keeps visited directories open: os.Root
// walks each name from its start, which takes three thousand more system calls for a
// thousand names in /etc/ssl/certs. Names must be free of links. Each directory is
// opened in the one above it, without following a link in its place.
type tree struct {
	root    *os.Root
	dirs    map[string]directory
	crowded bool // some visited directories are closed again
	seen    sightings

	othersOwn atomic.Bool // other users own files, so reading changes access times
	asked     bool        // labels is set
	labels    bool        // the files have SELinux labels
}

// directory is the descriptor of an open directory.
type directory int

func (d directory) close() { _ = unix.Close(int(d)) } // nothing was written through it

func newTree(root *os.Root) *tree { return &tree{root: root, dirs: map[string]directory{}} }

// Close closes the root and every directory.
func (t *tree) Close() error {
	errs := []error{t.root.Close()}
	for _, dir := range t.dirs {
		errs = append(errs, unix.Close(int(dir)))
	}
	return errors.Join(errs...)
}

// handle returns a directory to open files in.
func (t *tree) handle(name string) (directory, error) {
	if dir, ok := t.dirs[name]; ok {
		return dir, nil
	}
	dir, err := t.openDirectory(name)
	if err != nil {
		return 0, err
	}
	if len(t.dirs) >= maxOpen {
		t.crowded = true
		t.forget(".")
	}
	t.dirs[name] = dir
	t.seen.note(name, int(dir))
	return dir, nil
}

// maxOpen is the limit of open directories. A process may often have no more than 1024
// open files.
const maxOpen = 256

func (t *tree) openDirectory(name string) (directory, error) {
	if name != "." {
		fd, err := t.openFD(name, unix.O_RDONLY|unix.O_DIRECTORY, 0)
		return directory(fd), err
	}
	f, err := t.root.Open(".")
	if err != nil {
		return 0, err
	}
	defer f.Close()
	fd, err := unix.FcntlInt(f.Fd(), unix.F_DUPFD_CLOEXEC, 0)
	if err != nil {
		return 0, &fs.PathError{Op: "open", Path: name, Err: err}
	}
	return directory(fd), nil
}

// forget closes a directory and those below it, because it is removed or too many are
// open.
func (t *tree) forget(name string) {
	for open, dir := range t.dirs {
		if name == "." || isIn(open, name) {
			dir.close()
			delete(t.dirs, open)
		}
	}
}

// isIn reports whether a name is dir or below it. It runs for each removed name and
// each open directory, so it allocates no string.
func isIn(name, dir string) bool {
	rest, ok := strings.CutPrefix(name, dir)
	return ok && (rest == "" || rest[0] == '/')
}

// openFile opens the file at name, and does not follow a link there. [os.Root.OpenFile]
// makes six more system calls, four of them to find out that a file cannot be polled.
// This matters with hundreds of files.
func (t *tree) openFile(name string, flag int) (*os.File, error) {
	fd, err := t.openFD(name, flag, 0)
	if err != nil {
		return nil, err
	}
	return os.NewFile(uintptr(fd), name), nil
}

func (t *tree) openFD(name string, flag int, perm fs.FileMode) (int, error) {
	dir, base, err := t.at(name)
	if err != nil {
		return 0, err
	}
	for {
		quiet := t.quietly(flag)
		fd, err := unix.Openat(dir, base, flag|quiet|unix.O_NOFOLLOW|unix.O_CLOEXEC, uint32(perm.Perm()))
		switch {
		case err == nil:
			return fd, nil
		case errors.Is(err, unix.EPERM) && quiet != 0:
			t.othersOwn.Store(true)
		case !errors.Is(err, unix.EINTR):
			return 0, &fs.PathError{Op: "open", Path: name, Err: err}
		}
	}
}

// quietly returns the flag with which reading does not change access times: each
// changed inode is one more to write to the disk. Only root and the owner of a file may
// use the flag.
func (t *tree) quietly(flag int) int {
	if flag&unix.O_ACCMODE != unix.O_RDONLY || t.othersOwn.Load() {
		return 0
	}
	return noAtime
}

// at returns the descriptor of the directory that holds name, and the name in it. Like
// os.Root it refuses names that could lead out of the root.
func (t *tree) at(name string) (dir int, base string, err error) {
	if !fs.ValidPath(name) {
		return 0, "", &fs.PathError{Op: "open", Path: name, Err: fs.ErrInvalid}
	}
	above, base := split(name)
	in, err := t.handle(above)
	return int(in), base, err
}

// Lstat implements [fs.ReadLinkFS].
func (t *tree) Lstat(name string) (fs.FileInfo, error) {
	dir, base, err := t.at(name)
	if err != nil {
		return nil, err
	}
	info := &statInfo{name: base}
	if err := unix.Fstatat(dir, base, &info.st, unix.AT_SYMLINK_NOFOLLOW); err != nil {
		return nil, &fs.PathError{Op: "lstat", Path: name, Err: err}
	}
	return info, nil
}

// ReadLink implements [fs.ReadLinkFS].
func (t *tree) ReadLink(name string) (string, error) {
	dir, base, err := t.at(name)
	if err != nil {
		return "", err
	}
	for size := 256; ; size *= 2 {
		target := make([]byte, size)
		n, err := unix.Readlinkat(dir, base, target)
		switch {
		case err != nil:
			return "", &fs.PathError{Op: "readlink", Path: name, Err: err}
		case n < size: // else it may be longer
			return string(target[:n]), nil
		}
	}
}

// Open implements [fs.FS]. It does not block on a FIFO or device.
func (t *tree) Open(name string) (fs.File, error) {
	return t.openFile(name, unix.O_RDONLY|unix.O_NONBLOCK)
}

// ReadFile implements [fs.ReadFileFS]. A file that is not regular, or larger than 64
// MiB, is an error.
func (t *tree) ReadFile(name string) ([]byte, error) {
	f, err := t.openRaw(name, unix.O_RDONLY|unix.O_NONBLOCK, 0)
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.close() }() // nothing was written
	st, err := f.stat()
	switch {
	case err != nil:
		return nil, err
	case st.Mode&unix.S_IFMT == unix.S_IFDIR:
		return nil, f.failed("read", unix.EISDIR)
	case st.Mode&unix.S_IFMT != unix.S_IFREG:
		return nil, f.failed("read", errNotRegular)
	case st.Size > maxFile:
		return nil, f.failed("read", errTooLarge)
	case st.Size == 0: // empty or of unknown size, as in /proc
		return readBounded(f)
	}
	data := make([]byte, st.Size)
	n, err := io.ReadFull(f, data)
	if errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, io.EOF) { // another process has shortened it
		err = nil
	}
	return data[:n], err
}

// readBounded reads a file of unknown size.
func readBounded(f rawFile) ([]byte, error) {
	data, err := io.ReadAll(io.LimitReader(f, maxFile+1))
	if err == nil && len(data) > maxFile {
		err = f.failed("read", errTooLarge)
	}
	return data, err
}

// ReadDir implements [fs.ReadDirFS].
func (t *tree) ReadDir(name string) ([]fs.DirEntry, error) {
	fd, err := t.openFD(name, os.O_RDONLY|unix.O_DIRECTORY, 0)
	if err != nil {
		return nil, err
	}
	t.seen.note(name, fd)
	f := os.NewFile(uintptr(fd), name)
	defer f.Close()
	entries, err := f.ReadDir(-1)
	if err != nil {
		return nil, renamed(err, name)
	}
	for i, e := range entries {
		entries[i] = dirEntry{e, t, name}
	}
	order.Sort(entries, func(a, b fs.DirEntry) int { return strings.Compare(a.Name(), b.Name()) })
	return entries, nil
}

// renamed puts the whole name into an error about a name in a directory.
func renamed(err error, name string) error {
	if p, ok := errors.AsType[*fs.PathError](err); ok {
		return &fs.PathError{Op: p.Op, Path: name, Err: p.Err}
	}
	return err
}

// dirEntry calls lstat only when its Info is asked for. The entries that os.Root
// returns do so at once.
type dirEntry struct {
	fs.DirEntry
	tree *tree
	dir  string
}

// Info implements [fs.DirEntry].
func (e dirEntry) Info() (fs.FileInfo, error) { return e.tree.Lstat(inDir(e.dir, e.Name())) }

var _ io.Closer = (*tree)(nil)
