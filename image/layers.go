package image

import (
	"context"
	"slices"

	"github.com/certgraft/certgraft/image/internal/known"
)

// readLayers reads the layers of all images that are updated, each once.
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
	for it := range top.images() { // what was left out, where that was wrong
		if err := u.reconsider(ctx, it); err != nil {
			return err
		}
		all = append(all, u.wanted(it, false)...)
	}
	return u.reader.ReadAll(ctx, all)
}

// wanted returns the layers of an image that are read, or all of them.
func (u *updater) wanted(it *item, all bool) []known.Wanted {
	var out []known.Wanted
	for i, d := range it.manifest.Layers {
		if all || it.skipped[i] == "" {
			out = append(out, known.Wanted{Descriptor: d, From: u.from})
		}
	}
	return out
}

// reconsider has layers read after all, where what was read shows that they may
// hold what matters: their place leads elsewhere by a link, or a runtime that
// the image starts is not in what was read.
func (u *updater) reconsider(ctx context.Context, it *item) error {
	if !slices.ContainsFunc(it.skipped, func(to string) bool { return to != "" }) {
		return nil
	}
	seen, err := u.tree(ctx, it, len(it.skipped))
	if err != nil {
		return err
	}
	lost := it.startsUnseen(seen)
	for i, to := range it.skipped {
		if to != "" && (lost || linked(seen.Root, to)) {
			it.skipped[i] = ""
		}
	}
	return nil
}
