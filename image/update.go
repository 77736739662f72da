package image

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"slices"
	"time"

	"github.com/certgraft/certgraft/image/internal/known"
	"github.com/certgraft/certgraft/image/internal/oci"
	"github.com/certgraft/certgraft/rootfs"
)

// Update runs edit on the root of every image that img is or holds, and returns
// what img becomes: each with its changes as one more layer, or in the place of
// the layer that an earlier Update put on top. Where there is nothing to change
// the digest stays the same. The same image and the same edit always come to
// the same digest.
func Update(ctx context.Context, img *Image, edit Edit, opt Options) (*Result, error) {
	u := newUpdater(img, edit, opt)
	u.reader.Relay = known.OpenRelay(ctx, img.Blobs(), opt.registries())
	top, err := u.load(ctx, img.Descriptor, img.Raw(), 0)
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
	u.result.Image = img.With(top.desc, top.raw, oci.Added{Blobs: img.Blobs(), Content: u.content, Streams: u.streams})
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
			return oci.WithHint(errors.New("it holds images for several platforms"), "choose one with --platform")
		}
		root, config = r, c
		return nil
	}, opt)
	if err == nil && root == nil {
		err = fmt.Errorf("%s: there is no image in it", img.Name)
	}
	return root, config, err
}

// Config is what an edit knows of an image beside its root, and may change.
type Config struct {
	Platform Platform
	Created  time.Time // of the image; zero if it does not say
	Env      []string  // as NAME=VALUE; what an edit changes here is written
	Programs []string  // absolute paths that the entrypoint and the command name
	Again    bool      // the edit ran on this image before, when less of it was read: what it came to then does not count
	Sources  []string  // that something in the image is from then, of which the history names those of the layer; nil is those of [Options], beside those named before
	Removed  []string  // that were taken out, which it names for a layer that does only that
}

// An Edit changes the root of one image, and the environment in its config. It
// is called for one image at a time, and anew for the same image where it came
// upon the place of a layer that was not read.
type Edit func(root *rootfs.Overlay, config *Config) error

// updater is one run of [Update].
type updater struct {
	opt     Options
	edit    Edit
	name    string // of the image in a registry
	from    oci.Blobs
	content map[Digest][]byte // what was made
	streams map[Digest]func(context.Context) (io.ReadCloser, error)
	reader  *known.Reader
	result  *Result
}

func newUpdater(img *Image, edit Edit, opt Options) *updater {
	return &updater{
		opt: opt, edit: edit, from: img.Blobs(), name: img.Reference, content: map[Digest][]byte{},
		streams: map[Digest]func(context.Context) (io.ReadCloser, error){},
		reader:  opt.newReader(), result: &Result{},
	}
}

// keep takes what was made into the image and returns its descriptor.
func (u *updater) keep(mediaType string, data []byte) Descriptor {
	d := oci.Describe(mediaType, data)
	u.content[d.Digest] = data
	return d
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
		Replaced: own > 0, Unread: it.skippedLayers(), Env: newEnv(it.config.Config.Env, config.Env), EnvGone: newEnv(config.Env, it.config.Config.Env),
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
		part.Layer = &change.layer.Desc
		return nil
	}
	if change.rewritten, err = u.rewriteLayers(ctx, it, base, part.Changes, len(it.manifest.Layers)-change.own); err != nil {
		return err
	}
	for _, i := range slices.Sorted(maps.Keys(change.rewritten)) {
		part.Rewritten = append(part.Rewritten, Rewritten{Was: it.manifest.Layers[i].Digest, Layer: change.rewritten[i].Desc})
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
