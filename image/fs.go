package image

import (
	"archive/tar"
	"bytes"
	"io/fs"
	"path"
	"syscall"
)

// treeFS is the root of an image as a file system. Names must be free of links:
// an overlay resolves them. The Sys of its FileInfos is a [tar.Header].
type treeFS struct {
	root    *node
	content func(*node) ([]byte, error) // of a file that was not kept
	onRead  func(name string)           // is told of each file that is read; nil is nobody
	onLink  func(name string)           // is told of each link that is followed
}

func (t *treeFS) find(op, name string) (*node, error) {
	if !fs.ValidPath(name) {
		return nil, &fs.PathError{Op: op, Path: name, Err: fs.ErrInvalid}
	}
	n := lookup(t.root, name)
	if n == nil {
		return nil, &fs.PathError{Op: op, Path: name, Err: fs.ErrNotExist}
	}
	return n, nil
}

// Lstat implements [fs.ReadLinkFS].
func (t *treeFS) Lstat(name string) (fs.FileInfo, error) {
	n, err := t.find("lstat", name)
	if err != nil {
		return nil, err
	}
	return n.info(path.Base(name)), nil
}

// info describes the node under a name.
func (n *node) info(base string) fs.FileInfo {
	if !n.known {
		return (&tar.Header{Name: base, Typeflag: tar.TypeDir, Mode: 0o755}).FileInfo()
	}
	return n.header(base).FileInfo()
}

// ReadLink implements [fs.ReadLinkFS].
func (t *treeFS) ReadLink(name string) (string, error) {
	n, err := t.find("readlink", name)
	if err != nil {
		return "", err
	}
	if !n.isLink() {
		return "", &fs.PathError{Op: "readlink", Path: name, Err: syscall.EINVAL}
	}
	if t.onLink != nil {
		t.onLink(name)
	}
	return n.more().Link, nil
}

// ReadFile implements [fs.ReadFileFS]. The result is the caller's.
func (t *treeFS) ReadFile(name string) ([]byte, error) {
	n, err := t.find("read", name)
	switch {
	case err != nil:
		return nil, err
	case n.isDir():
		return nil, &fs.PathError{Op: "read", Path: name, Err: syscall.EISDIR}
	case n.Type != tar.TypeReg:
		return nil, &fs.PathError{Op: "read", Path: name, Err: syscall.EINVAL}
	}
	if t.onRead != nil {
		t.onRead(name)
	}
	if n.Kept {
		return bytes.Clone(n.more().Data), nil
	}
	data, err := t.content(n)
	if err != nil {
		return nil, &fs.PathError{Op: "read", Path: name, Err: err}
	}
	return data, nil
}

// ReadDir implements [fs.ReadDirFS].
func (t *treeFS) ReadDir(name string) ([]fs.DirEntry, error) {
	n, err := t.find("readdir", name)
	if err != nil {
		return nil, err
	}
	if !n.isDir() {
		return nil, &fs.PathError{Op: "readdir", Path: name, Err: syscall.ENOTDIR}
	}
	var entries []fs.DirEntry
	for base, child := range n.dir.all() {
		entries = append(entries, fs.FileInfoToDirEntry(child.info(base)))
	}
	return entries, nil
}

// Open implements [fs.FS], for files: an overlay lists directories by ReadDir.
func (t *treeFS) Open(name string) (fs.File, error) {
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
