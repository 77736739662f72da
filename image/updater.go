package image

import (
	"time"

	"github.com/certgraft/certgraft/image/internal/known"
	"github.com/certgraft/certgraft/image/internal/oci"
)

// updater is one run of [Update]. It opens the manifests and selects images
// (select.go), reads the layers (update.go) except skipped ones (skip.go), and
// walks the index (index.go). For each image (part.go) it runs the edit
// (edit.go), makes layers (addlayer.go, inlayers.go) and edits manifest and
// config (manifest.go, config.go).
type updater struct {
	opt    Options
	edit   Edit
	name   string // of an image in a registry
	from   oci.Blobs
	named  int // entries of all indexes
	made   map[Digest]oci.Opener
	reader *known.Reader
	result *Result
}

func newUpdater(img *Image, edit Edit, opt Options) *updater {
	return &updater{
		opt: opt, edit: edit, from: img.Blobs(), name: img.Reference, made: map[Digest]oci.Opener{},
		reader: opt.newReader(), result: &Result{},
	}
}

// keep adds new content to the image and returns its descriptor.
func (u *updater) keep(mediaType string, data []byte) Descriptor {
	d := oci.Describe(mediaType, data)
	u.made[d.Digest] = oci.Bytes(data)
	return d
}

// replace gives the item its edited manifest or index.
func (u *updater) replace(it *item, o *oci.Object) {
	it.raw = o.Encode()
	d := u.keep(it.desc.MediaType, it.raw)
	it.desc.Digest, it.desc.Size = d.Digest, d.Size
}

// modTime returns the time of added files. It does not depend on the time or
// the place of the update.
func (u *updater) modTime(it *item) time.Time {
	switch at := it.created(); {
	case !u.opt.ModTime.IsZero():
		return u.opt.ModTime.UTC().Truncate(time.Second)
	case at.Unix() > 0:
		return at.UTC().Truncate(time.Second)
	}
	return time.Unix(0, 0).UTC()
}
