package rootfs

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"path"
	"slices"
	"strings"

	"golang.org/x/sys/unix"
)

// tree is the directory behind an os.Root. It keeps the directories that were
// visited open: os.Root walks a name from its start each time, and a thousand
// names in /etc/ssl/certs are three thousand system calls more. Names must be
// free of links.
type tree struct {
	root    *os.Root
	dirs    map[string]*os.Root
	handles map[string]*os.File // of directories in which files were opened
}

func newTree(root *os.Root) *tree {
	return &tree{root: root, dirs: map[string]*os.Root{".": root}, handles: map[string]*os.File{}}
}

// Close closes the root and every directory.
func (t *tree) Close() error {
	var errs []error
	for _, dir := range t.dirs {
		errs = append(errs, dir.Close())
	}
	for _, f := range t.handles {
		errs = append(errs, f.Close())
	}
	return errors.Join(errs...)
}

// in returns the directory that holds name, and the name in it.
func (t *tree) in(name string) (*os.Root, string, error) {
	above, base := split(name)
	dir, err := t.dir(above)
	return dir, base, err
}

func (t *tree) dir(name string) (*os.Root, error) {
	if dir, ok := t.dirs[name]; ok {
		return dir, nil
	}
	parent, base, err := t.in(name)
	if err != nil {
		return nil, err
	}
	dir, err := parent.OpenRoot(base + "/.") // a directory, or it is not opened: a FIFO would block
	if err != nil {
		return nil, renamed(err, name)
	}
	t.dirs[name] = dir
	return dir, nil
}

// forget closes a directory, and those in it, that is about to go.
func (t *tree) forget(name string) {
	for open, dir := range t.dirs {
		if open == name || strings.HasPrefix(open, name+"/") {
			_ = dir.Close()
			delete(t.dirs, open)
			if f := t.handles[open]; f != nil {
				_ = f.Close()
				delete(t.handles, open)
			}
		}
	}
}

// openFile opens the file at name, and does not follow a link that someone has
// put there. [os.Root.OpenFile] makes six system calls more, four of them to
// find out that a file cannot be polled; with hundreds of files that counts.
func (t *tree) openFile(name string, flag int, perm fs.FileMode) (*os.File, error) {
	fd, err := t.openFD(name, flag, perm)
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
		fd, err := unix.Openat(dir, base, flag|unix.O_NOFOLLOW|unix.O_CLOEXEC, uint32(perm.Perm()))
		switch {
		case err == nil:
			return fd, nil
		case !errors.Is(err, unix.EINTR):
			return 0, &fs.PathError{Op: "open", Path: name, Err: err}
		}
	}
}

// at returns the descriptor of the directory that holds name, and the name in
// it. What could lead out of the root is refused, as os.Root would.
func (t *tree) at(name string) (dir int, base string, err error) {
	if !fs.ValidPath(name) {
		return 0, "", &fs.PathError{Op: "open", Path: name, Err: fs.ErrInvalid}
	}
	above, base := split(name)
	f, err := t.handle(above)
	if err != nil {
		return 0, "", err
	}
	return int(f.Fd()), base, nil
}

// handle returns a directory to open files in.
func (t *tree) handle(name string) (*os.File, error) {
	if f, ok := t.handles[name]; ok {
		return f, nil
	}
	dir, err := t.dir(name)
	if err != nil {
		return nil, err
	}
	f, err := dir.Open(".")
	if err != nil {
		return nil, renamed(err, name)
	}
	t.handles[name] = f
	return f, nil
}

// renamed gives an error about a name in a directory its whole name.
func renamed(err error, name string) error {
	if p, ok := errors.AsType[*fs.PathError](err); ok {
		return &fs.PathError{Op: p.Op, Path: name, Err: p.Err}
	}
	if l, ok := errors.AsType[*os.LinkError](err); ok {
		return &os.LinkError{Op: l.Op, Old: l.Old, New: name, Err: l.Err}
	}
	return err
}

// Lstat implements [fs.ReadLinkFS].
func (t *tree) Lstat(name string) (fs.FileInfo, error) {
	dir, base, err := t.in(name)
	if err != nil {
		return nil, err
	}
	info, err := dir.Lstat(base)
	if err != nil {
		return nil, renamed(err, name)
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

// Open implements [fs.FS].
func (t *tree) Open(name string) (fs.File, error) {
	dir, base, err := t.in(name)
	if err != nil {
		return nil, err
	}
	f, err := dir.Open(base)
	if err != nil {
		return nil, renamed(err, name)
	}
	return f, nil
}

// ReadFile implements [fs.ReadFileFS].
func (t *tree) ReadFile(name string) ([]byte, error) {
	fd, err := t.openFD(name, unix.O_RDONLY|unix.O_NONBLOCK, 0)
	if err != nil {
		return nil, err
	}
	f := rawFile{fd, name}
	defer f.close()
	var st unix.Stat_t
	if err := unix.Fstat(fd, &st); err != nil {
		return nil, f.failed("stat", err)
	}
	if st.Size == 0 { // or it does not say, as in /proc
		return io.ReadAll(f)
	}
	data := make([]byte, st.Size)
	n, err := io.ReadFull(f, data)
	if errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, io.EOF) { // it was cut short meanwhile
		err = nil
	}
	return data[:n], err
}

// rawFile is a regular file that is read at once. An [os.File] asks first what
// kind of file it is, and the garbage collector to close it.
type rawFile struct {
	fd   int
	name string
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

func (f rawFile) failed(op string, err error) error {
	return &fs.PathError{Op: op, Path: f.name, Err: err}
}

func (f rawFile) close() { _ = unix.Close(f.fd) } // nothing was written

// ReadDir implements [fs.ReadDirFS].
func (t *tree) ReadDir(name string) ([]fs.DirEntry, error) {
	f, err := t.openFile(name, os.O_RDONLY|unix.O_DIRECTORY, 0)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	entries, err := f.ReadDir(-1)
	if err != nil {
		return nil, renamed(err, name)
	}
	for i, e := range entries {
		entries[i] = dirEntry{e, t, path.Join(name, e.Name())}
	}
	slices.SortFunc(entries, func(a, b fs.DirEntry) int { return strings.Compare(a.Name(), b.Name()) })
	return entries, nil
}

// dirEntry looks at what it names only when it is asked to. Those of a
// directory that os.Root opened do so at once, each.
type dirEntry struct {
	fs.DirEntry
	tree *tree
	name string
}

// Info implements [fs.DirEntry].
func (e dirEntry) Info() (fs.FileInfo, error) { return e.tree.Lstat(e.name) }

var _ io.Closer = (*tree)(nil)
