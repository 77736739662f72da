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
	"syscall"
	"time"

	"github.com/certgraft/certgraft/image/internal/oci"
	"github.com/certgraft/certgraft/internal/atomicfile"
	"github.com/certgraft/certgraft/internal/hint"
)

// Dir is an image in a directory.
type Dir struct{ Text, Path, Tag string }

func (l *Dir) String() string { return l.Text }

// Get returns the image that is there.
func (l *Dir) Get(ctx context.Context) (*oci.Image, error) {
	root, err := os.OpenRoot(l.Path)
	if err != nil {
		return nil, hint.Add(fmt.Errorf("%s: %w", l.Text, err), "name the directory that has oci-layout and index.json in it")
	}
	return layout{dirFiles{root}}.get(ctx, l.Text, l.Tag)
}

// Put has the place keep the image. What the layout has of the image stays; its index
// is replaced last.
func (l *Dir) Put(ctx context.Context, img *oci.Image) error {
	if err := os.MkdirAll(l.Path, 0o755); err != nil {
		return fmt.Errorf("%s: %w", l.Text, err)
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
	if err := l.putIndex(ctx, root, img); err != nil {
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

// putIndex enters the image in the index. Another that does the same waits, or it
// would lose what this one enters. That takes a moment: a lock that is not free
// after a minute is held for something else, and is not waited for longer.
func (l *Dir) putIndex(ctx context.Context, root *os.Root, img *oci.Image) error {
	lock, err := root.Open(".")
	if err != nil {
		return err
	}
	defer lock.Close()
	for try := 0; try < 6000 && errors.Is(syscall.Flock(int(lock.Fd()), syscall.LOCK_EX|syscall.LOCK_NB), syscall.EWOULDBLOCK); try++ {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(10 * time.Millisecond):
		}
	}
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
