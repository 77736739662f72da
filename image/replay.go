package image

import (
	"context"
	"errors"
	"io/fs"
	"path"

	"github.com/certgraft/certgraft/image/internal/layer"
	"github.com/certgraft/certgraft/rootfs"
)

// replayOwn makes the changes of an earlier Update anew: what is edited then is
// all of them together, against the image without them.
func (u *updater) replayOwn(ctx context.Context, it *item, own int, root *rootfs.Overlay) error {
	if own == 0 {
		return nil
	}
	top := len(it.manifest.Layers) - 1
	l := u.reader.Layer(it.manifest.Layers[top])
	upper, err := layer.TreeOf(l, top)
	if err != nil {
		return err
	}
	content := func(n *layer.Node) ([]byte, error) {
		if n.Kept {
			return n.Extra().Data, nil
		}
		return u.reader.Refetch(ctx, u.wanted(it, true)[top], n)
	}
	return replay(root, upper, ".", content)
}

// replay makes what a layer does to the directory at, and below it.
func replay(root *rootfs.Overlay, dir *layer.Node, at string, content func(*layer.Node) ([]byte, error)) error {
	for base, n := range dir.Dir.All() {
		if err := replayOne(root, n, path.Join(at, base), content); err != nil {
			return err
		}
	}
	return nil
}

func replayOne(root *rootfs.Overlay, n *layer.Node, name string, content func(*layer.Node) ([]byte, error)) error {
	if err := clearFor(root, n, name); err != nil || n.Gone() {
		return err
	}
	switch {
	case n.IsDir():
		if n.Known {
			if err := root.MkdirAll(name, fs.FileMode(n.Mode).Perm()); err != nil {
				return err
			}
		}
		return replay(root, n, name, content)
	case n.IsLink():
		return root.Symlink(n.Extra().Link, name)
	}
	data, err := content(n)
	if err != nil {
		return err
	}
	return root.WriteFile(name, data, fs.FileMode(n.Mode).Perm())
}

// clearFor takes away what is at name where n hides it instead of changing it.
func clearFor(root *rootfs.Overlay, n *layer.Node, name string) error {
	info, err := root.Lstat(name)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil
	case err != nil:
		return err
	case n.Gone(), info.IsDir() != n.IsDir(), info.Mode()&fs.ModeSymlink != 0 && !n.IsLink():
		return removeAll(root, name)
	}
	return nil
}

func removeAll(root *rootfs.Overlay, name string) error {
	info, err := root.Lstat(name)
	if err != nil {
		return err
	}
	if info.IsDir() {
		entries, err := root.ReadDir(name)
		if err != nil {
			return err
		}
		for _, e := range entries {
			if err := removeAll(root, path.Join(name, e.Name())); err != nil {
				return err
			}
		}
	}
	return root.Remove(name)
}
