package image

import (
	"context"
	"fmt"
	"slices"

	"github.com/certgraft/certgraft/image/internal/oci"
)

// update updates an item and its children.
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

// updateIndex updates the children of an index and enters their new
// descriptors. An index without changes keeps its bytes.
func (u *updater) updateIndex(ctx context.Context, it *item) error {
	was := map[*item]Digest{}
	for _, child := range it.children {
		was[child] = child.desc.Digest
		if child.empty() {
			child.dropped = "--platform leaves out all that is in it"
		}
		if child.dropped != "" {
			continue
		}
		if err := u.update(ctx, child); err != nil {
			return err
		}
	}
	u.judgeAttestations(it, was)
	changed := false
	for _, child := range it.children {
		changed = changed || child.dropped != "" || child.desc.Digest != was[child]
		if child.dropped != "" {
			u.result.Dropped = append(u.result.Dropped, Dropped{Digest: was[child], What: child.what(), Why: child.dropped})
		}
	}
	if !changed {
		return nil
	}
	return u.rewriteIndex(it)
}

// judgeAttestations drops attestations whose image changed or was dropped: they
// would describe a digest that the index no longer names.
func (u *updater) judgeAttestations(it *item, was map[*item]Digest) {
	if u.opt.KeepAttestations {
		return
	}
	kept := map[Digest]bool{}
	changed := false
	for _, child := range it.children {
		if child.kind == attestationItem {
			continue
		}
		if child.dropped == "" && child.desc.Digest == was[child] {
			kept[child.desc.Digest] = true
		} else {
			changed = true
		}
	}
	for _, child := range it.children {
		about := Digest(child.desc.Annotations[oci.ReferenceDigest])
		if child.kind == attestationItem && !kept[about] && (about != "" || changed) {
			child.dropped = "it describes an image that the index no longer holds"
		}
	}
}

// rewriteIndex edits the raw JSON of the index.
func (u *updater) rewriteIndex(it *item) error {
	o, err := oci.ParseObject(it.raw)
	if err != nil {
		return err
	}
	entries, err := o.List("manifests")
	if err != nil {
		return err
	}
	for i, child := range slices.Backward(it.children) {
		switch {
		case child.dropped != "":
			entries.Remove(i)
		case child.desc.Digest != it.manifest.Manifests[i].Digest:
			if err := redirectEntry(entries, i, child); err != nil {
				return err
			}
		}
	}
	if entries.Len() == 0 {
		return fmt.Errorf("nothing is left of the index %s", it.desc.Digest)
	}
	if err := o.Set("manifests", entries); err != nil {
		return err
	}
	if it.desc.MediaType == oci.IndexType {
		if err := o.SetAll("annotations", u.opt.Annotations); err != nil {
			return err
		}
	}
	u.replace(it, o)
	return nil
}

func redirectEntry(entries *oci.List, i int, child *item) error {
	entry, err := entries.Object(i)
	if err != nil {
		return err
	}
	if err := entry.Redirect(child.desc, child.raw); err != nil {
		return err
	}
	return entries.Set(i, entry)
}
