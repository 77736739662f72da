package image

import (
	"context"
	"fmt"

	"github.com/certgraft/certgraft/image/internal/known"
)

// Plan says which layers [Update] would read, without reading one. Update may
// still read a skipped layer: if a link in another layer leads to its place, or
// if no other layer has the runtime that the image starts.
func Plan(ctx context.Context, img *Image, opt Options) ([]PartPlan, error) {
	u := newUpdater(img, nil, opt)
	top, err := u.open(ctx, img)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", img.Name, err)
	}
	var parts []PartPlan
	first := map[Digest]Platform{}
	for it := range top.all() {
		switch {
		case it.selected:
			part := PartPlan{Platform: it.platform(), Digest: it.desc.Digest, Layers: u.planLayers(ctx, it)}
			for i := range part.Layers {
				part.Layers[i].shared(first, part.Platform)
			}
			parts = append(parts, part)
		case it.left != "":
			parts = append(parts, PartPlan{Platform: it.platform(), Digest: it.desc.Digest, Left: it.left})
		}
	}
	return parts, ctx.Err()
}

// PartPlan is the plan for one image.
type PartPlan struct {
	Platform Platform
	Digest   Digest // of its manifest
	Left     string // why it would stay unchanged, or ""
	Layers   []LayerPlan
}

// LayerPlan is the plan for one layer, and the reason.
type LayerPlan struct {
	Digest Digest `json:"digest"`
	Size   int64  `json:"size"`
	Action Action `json:"action"`
	Why    string `json:"why"`
}

// Action says how Update learns the content of a layer.
type Action string

// Actions, as in JSON.
const (
	ActionKnown Action = "known" // nothing to read: the listing is kept, or another image reads the layer
	ActionRead  Action = "read"  // it is downloaded and read
	ActionParts Action = "parts" // its table of contents and the files that matter are read
	ActionSkip  Action = "skip"  // nothing to read: it cannot hold a store
)

// shared notes that the layer is already read for another image.
func (l *LayerPlan) shared(first map[Digest]Platform, p Platform) {
	if l.Action != ActionRead {
		return
	}
	if other, ok := first[l.Digest]; ok {
		l.Action, l.Why = ActionKnown, "it is read for "+other.String()
		return
	}
	first[l.Digest] = p
}

// planLayers returns the plan for each layer of an image.
func (u *updater) planLayers(ctx context.Context, it *item) []LayerPlan {
	copies := it.copies()
	plan := make([]LayerPlan, len(it.manifest.Layers))
	for i, d := range it.manifest.Layers {
		plan[i] = LayerPlan{Digest: d.Digest, Size: d.Size, Action: ActionRead}
		why, to := u.mayMatter(it, d, copies, i)
		switch from := u.reader.Knows(ctx, d); {
		case from != "":
			plan[i].Action, plan[i].Why = ActionKnown, from
		case to != "":
			plan[i].Action, plan[i].Why = ActionSkip, "it only copies to "+to
		case u.reader.InParts(known.Wanted{Descriptor: d, From: u.from}) != nil:
			plan[i].Action, plan[i].Why = ActionParts, "it has a table of contents: "+why
		default:
			plan[i].Why = why
		}
	}
	return plan
}
