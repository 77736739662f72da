package image

import (
	"github.com/certgraft/certgraft/rootfs"
)

// Result is the outcome of an update. The update writes nothing yet: see
// [Location].
type Result struct {
	Image   *Image
	Changed bool
	Parts   []Part    // updated and unchanged images, in the order of the index
	Dropped []Dropped // entries that the index no longer has
}

// Part is one image.
type Part struct {
	Platform Platform
	Was, Now Digest          // of its manifest
	Left     string          // why it stayed unchanged, or ""
	Changes  []rootfs.Change // of the root, compared with the image without certgraft's own layer
	Layer    *Descriptor     // the new layer, or nil
	Replaced bool            // the new layer replaces an earlier one

	LayerGone bool        // the layer of an earlier update was removed without a replacement
	Rewritten []Rewritten // edited layers
	Env       []string    // variables that were set
	EnvGone   []string    // earlier variables that were removed or changed
	Skipped   []Skipped   // layers that were not read
	Subject   Digest      // the manifest that this one describes, or ""
	Warning   string      // about an engine that may refuse the image, or ""
}

// Rewritten is an edited layer in the place of the old one.
type Rewritten struct {
	Was   Digest
	Layer Descriptor
}

// Skipped is a layer that was not read because the history says that it only
// copies to Path.
type Skipped struct {
	Digest Digest `json:"digest"`
	Size   int64  `json:"size"`
	Path   string `json:"path"`
}

// Dropped is an entry that the index no longer has.
type Dropped struct {
	Digest Digest `json:"digest"`
	What   string `json:"what"`
	Why    string `json:"why"`
}
