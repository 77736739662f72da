package image

import (
	"iter"
	"slices"
	"time"

	"github.com/certgraft/certgraft/image/internal/oci"
)

// item is a manifest, or an index with its children.
type item struct {
	kind     itemKind
	desc     Descriptor
	raw      []byte
	manifest *oci.Manifest
	children []*item // of an index

	config    *oci.RunConfig // of an image
	rawConfig []byte
	selected  bool     // the image will be updated
	absent    bool     // the place of the image does not hold the content
	dropped   string   // why the index no longer names it
	left      string   // why it stays unchanged
	skipped   []string // for each layer: "" if it is read, else the path to which it copies
}

type itemKind int

const (
	imageItem itemKind = iota
	indexItem
	attestationItem // describes an image of the same index
	otherItem       // not an image
)

// platform returns the platform of the image: that of the config, else that of
// the descriptor.
func (it *item) platform() Platform {
	switch {
	case it.config != nil:
		p := it.config.Platform()
		if it.desc.Platform != nil && p.Variant == "" {
			p.Variant = it.desc.Platform.Variant
		}
		return p
	case it.desc.Platform != nil:
		return *it.desc.Platform
	}
	return Platform{}
}

func (it *item) created() time.Time {
	at, err := time.Parse(time.RFC3339Nano, it.config.Created)
	if err != nil {
		return time.Time{}
	}
	return at
}

func (it *item) skippedLayers() []Skipped {
	var out []Skipped
	for i, at := range it.skipped {
		if at != "" {
			out = append(out, Skipped{Digest: it.manifest.Layers[i].Digest, Size: it.manifest.Layers[i].Size, Path: at})
		}
	}
	return out
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

// empty reports whether an index no longer holds an image.
func (it *item) empty() bool {
	if it.kind != indexItem || len(it.children) == 0 {
		return false
	}
	return !slices.ContainsFunc(it.children, func(c *item) bool { return c.kind != attestationItem && c.dropped == "" && !c.empty() })
}

// all yields the item and all items below it, in order.
func (it *item) all() iter.Seq[*item] {
	return func(yield func(*item) bool) { it.walk(yield) }
}

func (it *item) walk(yield func(*item) bool) bool {
	if !yield(it) {
		return false
	}
	for _, child := range it.children {
		if !child.walk(yield) {
			return false
		}
	}
	return true
}

// images yields the images to update.
func (it *item) images() iter.Seq[*item] {
	return func(yield func(*item) bool) {
		for i := range it.all() {
			if i.selected && !yield(i) {
				return
			}
		}
	}
}
