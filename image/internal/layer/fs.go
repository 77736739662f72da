package layer

import (
	"archive/tar"
	"bytes"
	"io/fs"
	"path"
	"syscall"
)

// FS is the root of an image as a file system. Names must be free of links:
// an overlay resolves them. The Sys of its FileInfos is a [tar.Header].
type FS struct {
	Root    *Node
	Content func(*Node) ([]byte, error) // reads a file whose content was not kept
	OnRead  func(name string)           // is called for each file that is read; may be nil
	OnLink  func(name string)           // is called for each link that is followed
}

func (t *FS) find(op, name string) (*Node, error) {
	if !fs.ValidPath(name) {
		return nil, &fs.PathError{Op: op, Path: name, Err: fs.ErrInvalid}
	}
	n := Lookup(t.Root, name)
	if n == nil {
		return nil, &fs.PathError{Op: op, Path: name, Err: fs.ErrNotExist}
	}
	return n, nil
}

// Lstat implements [fs.ReadLinkFS].
func (t *FS) Lstat(name string) (fs.FileInfo, error) {
	n, err := t.find("lstat", name)
	if err != nil {
		return nil, err
	}
	return n.info(path.Base(name)), nil
}

// info describes the node under a name.
func (n *Node) info(base string) fs.FileInfo {
	if !n.Known {
		return (&tar.Header{Name: base, Typeflag: tar.TypeDir, Mode: 0o755}).FileInfo()
	}
	return n.Header(base).FileInfo()
}

// ReadLink implements [fs.ReadLinkFS].
func (t *FS) ReadLink(name string) (string, error) {
	n, err := t.find("readlink", name)
	if err != nil {
		return "", err
	}
	if !n.IsLink() {
		return "", &fs.PathError{Op: "readlink", Path: name, Err: syscall.EINVAL}
	}
	if t.OnLink != nil {
		t.OnLink(name)
	}
	return n.Extra().Link, nil
}

// ReadFile implements [fs.ReadFileFS]. The result is the caller's.
func (t *FS) ReadFile(name string) ([]byte, error) {
	n, err := t.find("read", name)
	switch {
	case err != nil:
		return nil, err
	case n.IsDir():
		return nil, &fs.PathError{Op: "read", Path: name, Err: syscall.EISDIR}
	case n.Type != tar.TypeReg:
		return nil, &fs.PathError{Op: "read", Path: name, Err: syscall.EINVAL}
	}
	if t.OnRead != nil {
		t.OnRead(name)
	}
	if n.Kept {
		return bytes.Clone(n.Extra().Data), nil
	}
	data, err := t.Content(n)
	if err != nil {
		return nil, &fs.PathError{Op: "read", Path: name, Err: err}
	}
	return data, nil
}

// ReadDir implements [fs.ReadDirFS].
func (t *FS) ReadDir(name string) ([]fs.DirEntry, error) {
	n, err := t.find("readdir", name)
	if err != nil {
		return nil, err
	}
	if !n.IsDir() {
		return nil, &fs.PathError{Op: "readdir", Path: name, Err: syscall.ENOTDIR}
	}
	var entries []fs.DirEntry
	for base, child := range n.Dir.All() {
		entries = append(entries, fs.FileInfoToDirEntry(child.info(base)))
	}
	return entries, nil
}

// Open implements [fs.FS], for files: an overlay lists directories by ReadDir.
func (t *FS) Open(name string) (fs.File, error) {
	n, err := t.find("open", name)
	if err != nil {
		return nil, err
	}
	data, err := t.ReadFile(name)
	if err != nil {
		return nil, err
	}
	return &openFile{Reader: bytes.NewReader(data), info: n.info(path.Base(name))}, nil
}

type openFile struct {
	*bytes.Reader
	info fs.FileInfo
}

func (f *openFile) Stat() (fs.FileInfo, error) { return f.info, nil }

func (f *openFile) Close() error { return nil }
