// Package store reads and writes images in OCI layouts, archives and container
// engines.
//
// See https://github.com/opencontainers/image-spec/blob/main/image-layout.md.
package store

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"

	"github.com/certgraft/certgraft/image/internal/oci"
	"github.com/certgraft/certgraft/internal/atomicfile"
	"github.com/certgraft/certgraft/internal/hint"
)

// Dir is an image in a directory.
type Dir struct{ Text, Path, Tag string }

func (l *Dir) String() string { return l.Text }

// Get returns the image in the directory.
func (l *Dir) Get(ctx context.Context) (*oci.Image, error) {
	root, err := os.OpenRoot(l.Path)
	if err != nil {
		return nil, l.advised(err)
	}
	return layout{dirFiles{root}}.get(ctx, l.Text, l.Tag)
}

// advised adds a hint to the error of a directory that could not be opened or
// made.
func (l *Dir) advised(err error) error {
	advice := "name the directory that has oci-layout and index.json in it"
	if info, err := os.Stat(l.Path); err == nil && !info.IsDir() {
		advice = "it is a file: name it oci-archive:FILE or docker-archive:FILE"
	}
	return hint.Add(fmt.Errorf("%s: %w", l.Text, err), advice)
}

// Put stores the image. It keeps the parts that the layout already has, and
// replaces the index last.
func (l *Dir) Put(ctx context.Context, img *oci.Image) error {
	return l.PutIf(ctx, img, func() error { return nil })
}

// PutIf calls still while no other process writes there, and is [Dir.Put] if
// still returns no error.
func (l *Dir) PutIf(ctx context.Context, img *oci.Image, still func() error) error {
	if err := os.MkdirAll(l.Path, 0o755); err != nil {
		return l.advised(err)
	}
	root, err := os.OpenRoot(l.Path)
	if err != nil {
		return fmt.Errorf("%s: %w", l.Text, err)
	}
	defer root.Close()
	err = img.Contents(ctx, func(d oci.Descriptor, open func() (io.ReadCloser, error)) error { return putBlob(root, d, open) })
	if err != nil {
		return fmt.Errorf("%s: %w", l.Text, err)
	}
	lock, err := l.lock(ctx, root)
	if err != nil {
		return fmt.Errorf("%s: %w", l.Text, err)
	}
	defer lock.Close()
	if err := still(); err != nil {
		return err
	}
	if err := l.putIndex(root, img); err != nil {
		return fmt.Errorf("%s: %w", l.Text, err)
	}
	return nil
}

func putBlob(root *os.Root, d oci.Descriptor, open func() (io.ReadCloser, error)) error {
	if info, err := root.Stat(d.Digest.Path()); err == nil && info.Size() == d.Size {
		return nil
	}
	if err := root.MkdirAll(path.Dir(d.Digest.Path()), 0o755); err != nil {
		return err
	}
	body, err := open()
	if err != nil {
		return err
	}
	defer body.Close()
	return atomicfile.In(root, d.Digest.Path(), func(w io.Writer) error {
		_, err := io.Copy(w, body)
		return err
	})
}

// lock keeps other processes from writing the index. After indexWait it goes on
// without the lock: writing an index is faster, so another program holds the
// lock, for example flock(1).
func (l *Dir) lock(ctx context.Context, root *os.Root) (*os.File, error) {
	dir, err := root.Open(".")
	if err != nil {
		return nil, err
	}
	if err := flock(ctx, dir, indexWait); err != nil && !errors.Is(err, errLocked) {
		return nil, errors.Join(err, dir.Close())
	}
	return dir, nil
}

// putIndex enters the image in the index.
func (l *Dir) putIndex(root *os.Root, img *oci.Image) error {
	raw, err := root.ReadFile("index.json")
	if errors.Is(err, fs.ErrNotExist) {
		raw, err = []byte(emptyIndex), nil
	}
	if err != nil {
		return err
	}
	now, err := enterImage(raw, img.Descriptor, layoutNames(l.Tag))
	if err != nil {
		return fmt.Errorf("index.json: %w", err)
	}
	put := func(name, data string) error {
		return atomicfile.In(root, name, func(w io.Writer) error { _, err := io.WriteString(w, data); return err })
	}
	if _, err := root.ReadFile("oci-layout"); err != nil {
		if err := put("oci-layout", layoutMark); err != nil {
			return err
		}
	}
	if string(now) == string(raw) {
		return nil
	}
	return put("index.json", string(now))
}

// dirFiles are the files of a directory.
type dirFiles struct{ root *os.Root }

func (d dirFiles) openFile(name string) (io.ReadCloser, error) { return d.root.Open(name) }

func (d dirFiles) has(name string) bool {
	_, err := d.root.Stat(name)
	return err == nil
}
