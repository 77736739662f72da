package rootfs

import (
	"bytes"
	"errors"
	"io"
	"io/fs"
	"os"
	"path"
	"slices"
	"syscall"
	"time"

	"github.com/certgraft/certgraft/internal/hint"
)

// Open implements [fs.FS]. It does not open a device, socket or FIFO: reading it could
// block, or never end.
func (o *Overlay) Open(name string) (fs.File, error) {
	real, st, err := o.find("open", name, true)
	if err != nil {
		return nil, err
	}
	if st.IsDir() {
		entries, err := o.readDir(real)
		return &openDir{info: named{st, path.Base(name)}, entries: entries}, err
	}
	if c, ok := o.upper[real]; ok {
		return &openFile{Reader: bytes.NewReader(c.Data), info: named{st, path.Base(name)}}, nil
	}
	if !st.Mode().IsRegular() {
		return nil, pathError("open", name, errNotRegular)
	}
	f, err := o.lower.Open(real)
	if err != nil || path.Base(real) == path.Base(name) {
		return f, err
	}
	return linkedFile{f, path.Base(name)}, nil
}

// linkedFile is a file that was opened through a link.
type linkedFile struct {
	fs.File
	name string
}

func (f linkedFile) Stat() (fs.FileInfo, error) {
	st, err := f.File.Stat()
	return named{st, f.name}, err
}

// Stat implements [fs.StatFS].
func (o *Overlay) Stat(name string) (fs.FileInfo, error) {
	_, st, err := o.find("stat", name, true)
	if err != nil {
		return nil, err
	}
	return named{st, path.Base(name)}, nil
}

// Lstat implements [fs.ReadLinkFS].
func (o *Overlay) Lstat(name string) (fs.FileInfo, error) {
	_, st, err := o.find("lstat", name, false)
	return st, err
}

// ReadLink implements [fs.ReadLinkFS].
func (o *Overlay) ReadLink(name string) (string, error) {
	if !fs.ValidPath(name) {
		return "", &fs.PathError{Op: "readlink", Path: name, Err: fs.ErrInvalid}
	}
	real, err := o.resolve("readlink", name, false)
	if err != nil {
		return "", err
	}
	kind, err := o.typeOf(real)
	switch {
	case err != nil:
		return "", pathError("readlink", name, cause(err))
	case kind&fs.ModeSymlink == 0:
		return "", pathError("readlink", name, syscall.EINVAL)
	}
	return o.readLink(real)
}

// ReadDir implements [fs.ReadDirFS].
func (o *Overlay) ReadDir(name string) ([]fs.DirEntry, error) {
	real, st, err := o.find("readdir", name, true)
	if err != nil {
		return nil, err
	}
	if !st.IsDir() {
		return nil, pathError("readdir", name, syscall.ENOTDIR)
	}
	return o.readDir(real)
}

// ReadFile implements [fs.ReadFileFS].
func (o *Overlay) ReadFile(name string) ([]byte, error) {
	data, err := o.Content(name)
	return bytes.Clone(data), err
}

// Content returns the content of a file like [Overlay.ReadFile], without a copy. The
// caller must not change it.
func (o *Overlay) Content(name string) ([]byte, error) {
	if !fs.ValidPath(name) {
		return nil, &fs.PathError{Op: "read", Path: name, Err: fs.ErrInvalid}
	}
	real, err := o.resolve("read", name, true)
	if err != nil {
		return nil, err
	}
	kind, err := o.typeOf(real)
	switch {
	case err != nil:
		return nil, pathError("read", name, cause(err))
	case kind.IsDir():
		return nil, pathError("read", name, syscall.EISDIR)
	case !kind.IsRegular():
		return nil, pathError("read", name, errNotRegular)
	}
	if c, ok := o.upper[real]; ok {
		return slices.Clip(c.Data), nil
	}
	data, err := o.lower.ReadFile(real)
	if err != nil {
		return nil, pathError("read", name, cause(err))
	}
	return data, nil
}

// maxFile is the largest file that is read into memory. Trust stores are far smaller.
const maxFile = 64 << 20

var errTooLarge = errors.New("larger than 64 MiB: no trust store is")

// errNotRegular is the error for a device, socket or FIFO in place of a file.
var errNotRegular = errors.New("not a regular file")

func (o *Overlay) find(op, name string, follow bool) (string, fs.FileInfo, error) {
	if !fs.ValidPath(name) {
		return "", nil, &fs.PathError{Op: op, Path: name, Err: fs.ErrInvalid}
	}
	real, err := o.resolve(op, name, follow)
	if err != nil {
		return "", nil, err
	}
	st, err := o.lstat(real)
	if err != nil {
		return "", nil, pathError(op, name, cause(err))
	}
	return real, st, nil
}

// ReadOnly opens the root file system in dir for reading. Its links resolve inside it.
func ReadOnly(dir string) (fs.ReadLinkFS, io.Closer, error) {
	root, err := openRoot(dir)
	if err != nil {
		return nil, nil, err
	}
	t := newTree(root)
	return NewOverlay(t), t, nil
}

func openRoot(dir string) (*os.Root, error) {
	info, err := os.Stat(dir)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, hint.Add(&fs.PathError{Op: "open root", Path: dir, Err: fs.ErrNotExist}, "name an existing directory that holds a root file system")
	case err == nil && !info.IsDir():
		return nil, hint.Add(&fs.PathError{Op: "open root", Path: dir, Err: syscall.ENOTDIR}, "name the directory that holds the root file system")
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, explain(dir, err)
	}
	return root, nil
}

type info struct{ c Change }

func (i info) Name() string       { return path.Base(i.c.Name) }
func (i info) Size() int64        { return int64(max(len(i.c.Data), len(i.c.Target))) }
func (i info) Mode() fs.FileMode  { return i.c.Mode }
func (i info) ModTime() time.Time { return time.Time{} }
func (i info) IsDir() bool        { return i.c.Mode.IsDir() }

// Sys returns the *Owner, if known; see [OwnerOf].
func (i info) Sys() any {
	if i.c.Owner != nil {
		return i.c.Owner
	}
	if i.c.Prior != nil {
		if owner, known := OwnerOf(i.c.Prior); known {
			return &owner
		}
	}
	return nil
}

// named is a FileInfo under the name in the request.
type named struct {
	fs.FileInfo
	name string
}

func (n named) Name() string { return n.name }

type openFile struct {
	*bytes.Reader
	info fs.FileInfo
}

func (f *openFile) Stat() (fs.FileInfo, error) { return f.info, nil }
func (f *openFile) Close() error               { return nil }

type openDir struct {
	info    fs.FileInfo
	entries []fs.DirEntry
}

func (d *openDir) Stat() (fs.FileInfo, error) { return d.info, nil }
func (d *openDir) Close() error               { return nil }

func (d *openDir) Read([]byte) (int, error) {
	return 0, pathError("read", d.info.Name(), syscall.EISDIR)
}

func (d *openDir) ReadDir(n int) ([]fs.DirEntry, error) {
	if n <= 0 {
		n = len(d.entries)
	} else if len(d.entries) == 0 {
		return nil, io.EOF
	}
	head := d.entries[:min(n, len(d.entries))]
	d.entries = d.entries[len(head):]
	return head, nil
}
