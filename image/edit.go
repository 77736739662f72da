package image

import (
	"archive/tar"
	"context"
	"errors"
	"io/fs"
	"path"
	"slices"

	"github.com/certgraft/certgraft/image/internal/layer"
	"github.com/certgraft/certgraft/rootfs"
)

// editRun is the result of an edit of one root.
type editRun struct {
	own             int // layers on top that the changes replace
	base            *tree
	config          *Config
	before, changes []rootfs.Change // the changes of an earlier update, and all changes
}

// runEdit runs the edit on one image. If the edit touches the place of a
// skipped layer, runEdit reads the layer and runs the edit again: the edit may
// have taken a file there for missing.
func (u *updater) runEdit(ctx context.Context, it *item) (*editRun, error) {
	for again := false; ; again = true {
		e, err := u.tryEdit(ctx, it, again)
		if e == nil {
			return nil, err
		}
		touched, readErr := u.readSkipped(ctx, it, &e.base.skipped)
		switch {
		case readErr != nil:
			return nil, readErr
		case !touched:
			return e, err
		}
	}
}

// tryEdit runs the edit on the layers read so far. It returns nil if it fails
// before the edit.
func (u *updater) tryEdit(ctx context.Context, it *item, again bool) (*editRun, error) {
	own := u.ownLayer(it)
	base, err := u.tree(ctx, it, len(it.manifest.Layers)-own)
	if err != nil {
		return nil, err
	}
	root := rootfs.NewOverlay(base)
	if err := u.replayOwn(ctx, it, own, root); err != nil {
		return nil, err
	}
	if err := u.touchOwn(it, own, base); err != nil {
		return nil, err
	}
	e := &editRun{own: own, base: base, before: slices.Collect(root.Changes())}
	e.config = &Config{Platform: it.platform(), Created: it.created(), Env: slices.Clone(it.config.Config.Env), Programs: it.programs(), Again: again}
	err = u.edit(root, e.config)
	e.changes = slices.Collect(root.Changes())
	for _, c := range e.changes {
		base.touchFor(c)
	}
	return e, err
}

// readSkipped reads the layers whose places the edit touched, and reports
// whether any place was touched.
func (u *updater) readSkipped(ctx context.Context, it *item, places *skippedPlaces) (bool, error) {
	if len(places.touched) == 0 {
		return false, nil
	}
	for i, to := range it.skipped {
		if to != "" && places.touched[layer.CleanName(to)] {
			u.opt.log().Debug("read a layer after all: a link leads to its place", "layer", it.manifest.Layers[i].Digest, "place", to)
			it.skipped[i] = ""
		}
	}
	return true, u.reader.ReadAll(ctx, u.wanted(it, false))
}

// touchOwn notes each place that an earlier update changed: a tree without a
// skipped layer does not show what the update removed there.
func (u *updater) touchOwn(it *item, own int, base *tree) error {
	if own == 0 {
		return nil
	}
	top := it.manifest.Layers[len(it.manifest.Layers)-1]
	return u.reader.Layer(top).Each(func(_ int, e *layer.Entry) error {
		if e.Type != tar.TypeDir {
			base.skipped.touch(e.Name)
		}
		return nil
	})
}

// replayOwn repeats the changes of an earlier Update. The edit then gives all
// changes together, against the image without that update.
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

// replay applies a layer's changes to the directory at, and below it.
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

// clearFor removes the file or directory at name if n hides it instead of
// changing it.
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
