package image

import (
	"archive/tar"
	"context"
	"slices"

	"github.com/certgraft/certgraft/image/internal/layer"
	"github.com/certgraft/certgraft/rootfs"
)

// editRun is an edit that was run on the root of an image.
type editRun struct {
	own             int // layers on top that the changes stand for
	base            *tree
	config          *Config
	before, changes []rootfs.Change // those of an earlier update, and all
}

// runEdit runs the edit on one image. Where it comes upon the place of a layer
// that was not read, that is read and the edit runs anew: it may have taken what
// is there for missing.
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

// tryEdit runs the edit with what was read. What it returns is nil if it did not
// come to that.
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

// readSkipped reads the layers whose places an edit came upon, and reports
// whether there are any.
func (u *updater) readSkipped(ctx context.Context, it *item, places *skippedPlaces) (bool, error) {
	if len(places.touched) == 0 {
		return false, nil
	}
	for i, to := range it.skipped {
		if to != "" && places.touched[layer.CleanName(to)] {
			u.opt.log().Debug("read a layer after all: what was read leads to its place", "layer", it.manifest.Layers[i].Digest, "place", to)
			it.skipped[i] = ""
		}
	}
	return true, u.reader.ReadAll(ctx, u.wanted(it, false))
}

// ownLayer returns 1 if the topmost layer is one that an earlier Update added,
// else 0.
func (u *updater) ownLayer(it *item) int {
	n := len(it.manifest.Layers)
	if n == 0 || it.skipped[n-1] != "" {
		return 0
	}
	if u.reader.Layer(it.manifest.Layers[n-1]).Own {
		return 1
	}
	return 0
}

// touchOwn notes the places that an earlier update changed something in: what it
// took away there is not seen to be away.
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

// tree returns the root that the first n layers of an image come to.
func (u *updater) tree(ctx context.Context, it *item, n int) (*tree, error) {
	root, err := layer.Stack(u.layersOf(it, n))
	if err != nil {
		return nil, err
	}
	all := u.wanted(it, true)
	return newTree(root, it.skippedPlaces(), func(n *layer.Node) ([]byte, error) {
		u.opt.log().Debug("read a layer again", "layer", all[n.Layer].Digest, "entry", n.Place)
		return u.reader.Refetch(ctx, all[n.Layer], n)
	}), nil
}

// layersOf returns what is known of the first n layers of an image; nil is one
// that is not read.
func (u *updater) layersOf(it *item, n int) []*layer.Listing {
	layers := make([]*layer.Listing, n)
	for i, d := range it.manifest.Layers[:n] {
		if it.skipped[i] == "" {
			layers[i] = u.reader.Layer(d)
		}
	}
	return layers
}
