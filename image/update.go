package image

import (
	"context"
	"errors"
	"fmt"
	"io/fs"

	"github.com/certgraft/certgraft/image/internal/known"
	"github.com/certgraft/certgraft/image/internal/oci"
	"github.com/certgraft/certgraft/internal/hint"
	"github.com/certgraft/certgraft/rootfs"
)

// Update runs edit on the root of every image in img, and returns the new
// image. Each image gets its changes as one more layer, or in the place of the
// layer of an earlier Update. Without changes the digest stays the same. The
// same image and the same edit always give the same digest.
func Update(ctx context.Context, img *Image, edit Edit, opt Options) (*Result, error) {
	u := newUpdater(img, edit, opt)
	top, err := u.open(ctx, img)
	if err == nil {
		err = u.readLayers(ctx, top)
	}
	if err == nil {
		err = u.update(ctx, top)
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w", img.Name, err)
	}
	u.result.Changed = top.desc.Digest != img.Descriptor.Digest
	u.result.Image = img.With(top.desc, top.raw, oci.Added{Blobs: img.Blobs(), Made: u.made})
	return u.result, nil
}

// Root returns the root file system of img, or of its one image for the
// platform of opt. It reads every layer, whatever opt.Scan says: the caller may
// look at any file.
func Root(ctx context.Context, img *Image, opt Options) (fs.ReadLinkFS, *Config, error) {
	opt.Scan = ScanAll
	var root *rootfs.Overlay
	var config *Config
	_, err := Update(ctx, img, func(r *rootfs.Overlay, c *Config) error {
		if root != nil {
			return hint.Add(errors.New("it holds images for several platforms"), "choose one with --platform")
		}
		root, config = r, c
		return nil
	}, opt)
	if err == nil && root == nil {
		err = fmt.Errorf("%s: it holds no image", img.Name)
	}
	return root, config, err
}

// readLayers reads the layers of all selected images, each once.
func (u *updater) readLayers(ctx context.Context, top *item) error {
	var all []known.Wanted
	for it := range top.images() {
		it.skipped = u.skip(ctx, it)
		all = append(all, u.wanted(it, false)...)
	}
	if err := u.reader.ReadAll(ctx, all); err != nil {
		return err
	}
	all = nil
	for it := range top.images() { // read skipped layers that may matter after all
		if err := u.reconsider(ctx, it); err != nil {
			return err
		}
		all = append(all, u.wanted(it, false)...)
	}
	return u.reader.ReadAll(ctx, all)
}
