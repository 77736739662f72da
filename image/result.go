package image

import (
	"github.com/certgraft/certgraft/rootfs"
)

// Result says what an update came to. Nothing is written anywhere yet: see
// [Location].
type Result struct {
	Image   *Image
	Changed bool
	Parts   []Part    // images that were updated or left as they are, in the order of the index
	Dropped []Dropped // what is no longer in the index
}

// Part is one image.
type Part struct {
	Platform Platform
	Was, Now Digest          // of its manifest
	Left     string          // why it was left as it is, if it was
	Changes  []rootfs.Change // of the root, against the image before certgraft's own layer
	Layer    *Descriptor     // the new layer; nil if there is none
	Replaced bool            // it stands in the place of an earlier one

	LayerGone bool        // a layer of an earlier update went, and none is in its place
	Rewritten []Rewritten // layers that were edited
	Env       []string    // variables that were set
	EnvGone   []string    // variables as they were, that are set no more, or differently
	Skipped   []Skipped   // layers that were not read
	Subject   Digest      // the manifest says that it is about this one
	Warning   string      // of what an engine may not take, or ""
}

// Rewritten is a layer in the place of another.
type Rewritten struct {
	Was   Digest
	Layer Descriptor
}

// Skipped is a layer that was not read, since the history says that it only
// copies to Path.
type Skipped struct {
	Digest Digest `json:"digest"`
	Size   int64  `json:"size"`
	Path   string `json:"path"`
}

// Dropped is something that is no longer in an index.
type Dropped struct {
	Digest Digest `json:"digest"`
	What   string `json:"what"`
	Why    string `json:"why"`
}
