package image

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"

	"github.com/certgraft/certgraft/image/internal/oci"
)

// updateIndex updates what is in an index and enters what it became. An index
// of which nothing changed keeps its bytes.
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

// empty reports whether an index holds no image any more.
func (it *item) empty() bool {
	if it.kind != indexItem || len(it.children) == 0 {
		return false
	}
	return !slices.ContainsFunc(it.children, func(c *item) bool { return c.kind != attestationItem && c.dropped == "" && !c.empty() })
}

func (it *item) what() string {
	switch {
	case it.kind == indexItem:
		return "index " + it.desc.Digest.Short()
	case it.kind == attestationItem && it.desc.Annotations[oci.ReferenceDigest] != "":
		return "attestation of " + Digest(it.desc.Annotations[oci.ReferenceDigest]).Short()
	case it.kind == attestationItem:
		return "attestation"
	}
	return "image for " + it.platform().String()
}

// judgeAttestations drops the attestations of images that are not there any
// more: they say of a digest what is true of no image in the index.
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
			child.dropped = "it describes an image that is not there any more"
		}
	}
}

// rewriteIndex edits the index as it was written.
func (u *updater) rewriteIndex(it *item) error {
	o, err := oci.ParseObject(it.raw)
	if err != nil {
		return err
	}
	var raws, out []json.RawMessage
	if err := o.Get("manifests", &raws); err != nil {
		return err
	}
	for i, child := range it.children {
		if child.dropped != "" {
			continue
		}
		raw := raws[i]
		if child.desc.Digest != it.manifest.Manifests[i].Digest {
			if raw, err = oci.Redirect(raw, child.desc); err != nil {
				return err
			}
		}
		out = append(out, raw)
	}
	if len(out) == 0 {
		return fmt.Errorf("nothing is left of the index %s", it.desc.Digest)
	}
	if err := o.Set("manifests", out); err != nil {
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
