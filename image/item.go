package image

import (
	"iter"
	"slices"
	"time"

	"github.com/certgraft/certgraft/image/internal/oci"
)

// item is a manifest, or an index with what it holds.
type item struct {
	kind     itemKind
	desc     Descriptor
	raw      []byte
	manifest *oci.Manifest
	children []*item // of an index

	config    *oci.RunConfig // of an image
	rawConfig []byte
	selected  bool     // the image is to be updated
	absent    bool     // its content is not where the image is
	dropped   string   // why it is not in the index any more
	left      string   // why it is left as it is
	skipped   []string // for each layer where it copies to if it is not read, else ""
}

type itemKind int

const (
	imageItem itemKind = iota
	indexItem
	attestationItem // says something of an image of the same index
	otherItem       // no image
)

// platform returns what the image runs on, as its config says.
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

// empty reports whether an index holds no image any more.
func (it *item) empty() bool {
	if it.kind != indexItem || len(it.children) == 0 {
		return false
	}
	return !slices.ContainsFunc(it.children, func(c *item) bool { return c.kind != attestationItem && c.dropped == "" && !c.empty() })
}

// all yields the item and what is in it, in order.
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

// images yields the images that are to be updated.
func (it *item) images() iter.Seq[*item] {
	return func(yield func(*item) bool) {
		for i := range it.all() {
			if i.selected && !yield(i) {
				return
			}
		}
	}
}
