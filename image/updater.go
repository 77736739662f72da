package image

import (
	"time"

	"github.com/certgraft/certgraft/image/internal/known"
	"github.com/certgraft/certgraft/image/internal/oci"
)

// updater is one run of [Update]. On the way from an image to its new digest it
// opens the manifests and selects images (select.go), reads their layers (update.go)
// but for those that are skipped (skip.go), and goes through the index (index.go).
// For each image (part.go) it runs the edit (edit.go), makes layers (addlayer.go,
// inlayers.go) and edits manifest and config (manifest.go, config.go).
type updater struct {
	opt    Options
	edit   Edit
	name   string // of the image in a registry
	from   oci.Blobs
	named  int // images, by all indexes
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

// keep takes what was made into the image and returns its descriptor.
func (u *updater) keep(mediaType string, data []byte) Descriptor {
	d := oci.Describe(mediaType, data)
	u.made[d.Digest] = oci.Bytes(data)
	return d
}

// replace makes the edited manifest or index the item's.
func (u *updater) replace(it *item, o *oci.Object) {
	it.raw = o.Encode()
	d := u.keep(it.desc.MediaType, it.raw)
	it.desc.Digest, it.desc.Size = d.Digest, d.Size
}

// modTime returns the time of what is added to an image: one that does not
// depend on when or where that is done.
func (u *updater) modTime(it *item) time.Time {
	switch at := it.created(); {
	case !u.opt.ModTime.IsZero():
		return u.opt.ModTime.UTC().Truncate(time.Second)
	case at.Unix() > 0:
		return at.UTC().Truncate(time.Second)
	}
	return time.Unix(0, 0).UTC()
}
