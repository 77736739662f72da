package image

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
)

// layoutDir is an image in a directory.
type layoutDir struct{ text, dir, tag string }

func (l *layoutDir) String() string { return l.text }

// Get implements [Location].
func (l *layoutDir) Get(ctx context.Context) (*Image, error) {
	root, err := os.OpenRoot(l.dir)
	if err != nil {
		return nil, oci.WithHint(fmt.Errorf("%s: %w", l.text, err), "name the directory that has oci-layout and index.json in it")
	}
	return layout{dirFiles{root}}.get(ctx, l.text, l.tag)
}

// Put implements [Location]. What the layout has of the image stays; its index
// is replaced last.
func (l *layoutDir) Put(ctx context.Context, img *Image) error {
	if err := os.MkdirAll(l.dir, 0o755); err != nil {
		return fmt.Errorf("%s: %w", l.text, err)
	}
	root, err := os.OpenRoot(l.dir)
	if err != nil {
		return fmt.Errorf("%s: %w", l.text, err)
	}
	defer root.Close()
	err = img.Contents(ctx, func(d Descriptor, open func() (io.ReadCloser, error)) error { return putBlob(root, d, open) })
	if err != nil {
		return fmt.Errorf("%s: %w", l.text, err)
	}
	if err := l.putIndex(ctx, root, img); err != nil {
		return fmt.Errorf("%s: %w", l.text, err)
	}
	return nil
}

func putBlob(root *os.Root, d Descriptor, open func() (io.ReadCloser, error)) error {
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
	return replaceFile(root, d.Digest.Path(), func(w io.Writer) error {
		_, err := io.Copy(w, body)
		return err
	})
}

// putIndex enters the image in the index. Another that does the same waits, or it
// would lose what this one enters. That takes a moment: a lock that is not free
// after a minute is held for something else, and is not waited for longer.
func (l *layoutDir) putIndex(ctx context.Context, root *os.Root, img *Image) error {
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
		raw, err = []byte(`{"schemaVersion":2,"mediaType":"`+oci.IndexType+`","manifests":[]}`), nil
	}
	if err != nil {
		return err
	}
	now, err := enterImage(raw, img.Descriptor, l.tag)
	if err != nil {
		return fmt.Errorf("index.json: %w", err)
	}
	put := func(name, data string) error {
		return replaceFile(root, name, func(w io.Writer) error { _, err := io.WriteString(w, data); return err })
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
