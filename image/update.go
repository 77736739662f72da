package image

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"slices"

	"github.com/certgraft/certgraft/rootfs"
)

// Update runs edit on the root of every image that img is or holds, and returns
// what img becomes: each with its changes as one more layer, or in the place of
// the layer that an earlier Update put on top. Where there is nothing to change
// the digest stays the same. The same image and the same edit always come to
// the same digest.
func Update(ctx context.Context, img *Image, edit Edit, opt Options) (*Result, error) {
	u := newUpdater(img, edit, opt)
	u.reader.relay = openRelay(ctx, img.from, opt.registries())
	top, err := u.load(ctx, img.Descriptor, img.raw, 0)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", img.Name, err)
	}
	if err := u.selectParts(top); err != nil {
		return nil, fmt.Errorf("%s: %w", img.Name, err)
	}
	if err := u.readLayers(ctx, top); err != nil {
		return nil, fmt.Errorf("%s: %w", img.Name, err)
	}
	if err := u.update(ctx, top); err != nil {
		return nil, fmt.Errorf("%s: %w", img.Name, err)
	}
	u.result.Changed = top.desc.Digest != img.Descriptor.Digest
	u.result.Image = img.with(top.desc, top.raw, added{img.from, u.content, u.streams})
	return u.result, nil
}

// Root returns the root file system of the one image that img is, or that it
// holds for the platform of opt. Every layer of it is read, whatever opt says:
// what is looked for in it is not known.
func Root(ctx context.Context, img *Image, opt Options) (fs.ReadLinkFS, *Config, error) {
	opt.Scan = ScanAll
	var root *rootfs.Overlay
	var config *Config
	_, err := Update(ctx, img, func(r *rootfs.Overlay, c *Config) error {
		if root != nil {
			return withHint(errors.New("it holds images for several platforms"), "choose one with --platform")
		}
		root, config = r, c
		return nil
	}, opt)
	if err == nil && root == nil {
		err = fmt.Errorf("%s: there is no image in it", img.Name)
	}
	return root, config, err
}

// updater is one run of [Update].
type updater struct {
	opt     Options
	edit    Edit
	name    string // of the image in a registry
	from    blobs
	content map[Digest][]byte // what was made
	streams map[Digest]func(context.Context) (io.ReadCloser, error)
	reader  *reader
	result  *Result
}

func newUpdater(img *Image, edit Edit, opt Options) *updater {
	return &updater{
		opt: opt, edit: edit, from: img.from, name: img.Reference, content: map[Digest][]byte{},
		streams: map[Digest]func(context.Context) (io.ReadCloser, error){},
		reader:  opt.newReader(), result: &Result{},
	}
}

// keep takes what was made into the image and returns its descriptor.
func (u *updater) keep(mediaType string, data []byte) Descriptor {
	d := describe(mediaType, data)
	u.content[d.Digest] = data
	return d
}

// readLayers reads the layers of all images that are updated, each once.
func (u *updater) readLayers(ctx context.Context, top *item) error {
	var all []wanted
	for it := range top.images() {
		it.plan = u.plan(ctx, it)
		all = append(all, u.wanted(it, false)...)
	}
	if err := u.reader.readAll(ctx, all); err != nil {
		return err
	}
	all = nil
	for it := range top.images() { // what was left out, where that was wrong
		if err := u.reconsider(ctx, it); err != nil {
			return err
		}
		all = append(all, u.wanted(it, false)...)
	}
	return u.reader.readAll(ctx, all)
}

// wanted returns the layers of an image that are read, or all of them.
func (u *updater) wanted(it *item, all bool) []wanted {
	var out []wanted
	for i, d := range it.manifest.Layers {
		if all || it.plan[i] == "" {
			out = append(out, wanted{Descriptor: d, from: u.from})
		}
	}
	return out
}

// layersOf returns what is known of the first n layers of an image; nil is one
// that is not read.
func (u *updater) layersOf(it *item, n int) []*layer {
	layers := make([]*layer, n)
	for i, d := range it.manifest.Layers[:n] {
		if it.plan[i] == "" {
			layers[i] = u.reader.layer(d)
		}
	}
	return layers
}

// tree returns the root that the first n layers of an image come to.
func (u *updater) tree(ctx context.Context, it *item, n int) (*tree, error) {
	root, err := stackLayers(u.layersOf(it, n))
	if err != nil {
		return nil, err
	}
	all := u.wanted(it, true)
	return newTree(root, it.unreadPlaces(), func(n *node) ([]byte, error) {
		u.opt.log().Debug("read a layer again", "layer", all[n.layer].Digest, "entry", n.place)
		return u.reader.refetch(ctx, all[n.layer], n)
	}), nil
}

// update updates an item and what is in it.
func (u *updater) update(ctx context.Context, it *item) error {
	switch {
	case it.kind == indexItem:
		return u.updateIndex(ctx, it)
	case it.kind == imageItem && it.selected:
		if err := u.updateImage(ctx, it); err != nil {
			return fmt.Errorf("%s: %w", it.platform(), err)
		}
	case it.left != "":
		u.result.Parts = append(u.result.Parts, Part{Platform: it.platform(), Was: it.desc.Digest, Now: it.desc.Digest, Left: it.left})
	}
	return nil
}

// updateImage runs the edit on one image and puts what changed on top of it.
func (u *updater) updateImage(ctx context.Context, it *item) error {
	e, err := u.runEdit(ctx, it)
	if err != nil {
		return err
	}
	own, config := e.own, e.config
	part := Part{
		Platform: it.platform(), Was: it.desc.Digest, Changes: e.changes,
		Replaced: own > 0, Unread: it.unread(), Env: newEnv(it.config.Config.Env, config.Env), EnvGone: newEnv(config.Env, it.config.Config.Env),
	}
	if it.manifest.Subject != nil {
		part.Subject = it.manifest.Subject.Digest
	}
	change := imageChange{own: own, sameLayer: sameChanges(e.before, part.Changes), env: config.Env, sources: config.Sources, removed: config.Removed}
	if !change.sameLayer && len(part.Changes) > 0 {
		if err := u.putChanges(ctx, it, e.base, &change, &part); err != nil {
			return err
		}
	}
	part.LayerGone = change.bare()
	if err := u.rewrite(it, change); err != nil {
		return err
	}
	part.Now = it.desc.Digest
	u.result.Parts = append(u.result.Parts, part)
	return nil
}

// putChanges makes the layers that have what was changed.
func (u *updater) putChanges(ctx context.Context, it *item, base *tree, change *imageChange, part *Part) (err error) {
	if u.opt.Layer == LayerAppend {
		if change.layer, err = u.newLayer(it, base, part.Changes); err != nil {
			return err
		}
		part.Layer = &change.layer.desc
		return nil
	}
	if change.rewritten, err = u.rewriteLayers(ctx, it, base, part.Changes, len(it.manifest.Layers)-change.own); err != nil {
		return err
	}
	for _, i := range slices.Sorted(maps.Keys(change.rewritten)) {
		part.Rewritten = append(part.Rewritten, Rewritten{Was: it.manifest.Layers[i].Digest, Layer: change.rewritten[i].desc})
	}
	return nil
}

// sameChanges reports whether two lists of changes come to the same.
func sameChanges(a, b []rootfs.Change) bool {
	return slices.EqualFunc(a, b, func(x, y rootfs.Change) bool {
		return x.Name == y.Name && x.Removed == y.Removed && x.Mode == y.Mode && x.Target == y.Target && string(x.Data) == string(y.Data)
	})
}

// newEnv returns the variables that are set now and were not, or differently.
func newEnv(before, after []string) []string {
	return slices.DeleteFunc(slices.Clone(after), func(kv string) bool { return slices.Contains(before, kv) })
}

// ownLayer returns 1 if the topmost layer is one that an earlier Update added,
// else 0.
func (u *updater) ownLayer(it *item) int {
	n := len(it.manifest.Layers)
	if n == 0 || it.plan[n-1] != "" {
		return 0
	}
	if u.reader.layer(it.manifest.Layers[n-1]).marked {
		return 1
	}
	return 0
}
