package known

import (
	"context"
	"io"

	"github.com/certgraft/certgraft/image/internal/oci"
	"github.com/certgraft/certgraft/image/internal/registry"
)

// relay sends layers on to other registries while they are read, so that a layer
// that is both looked into and copied comes from its registry once. What does not
// arrive is sent again when the image is put there. A nil relay sends nothing.
type relay struct{ to []*registry.Repository }

// OpenRelay returns where the layers of an image are sent while they are read.
func OpenRelay(ctx context.Context, from oci.Blobs, destinations []*registry.Location) *relay {
	source, ok := oci.Below(from).(*registry.Repository)
	if !ok {
		return nil
	}
	to := source.Elsewhere(ctx, destinations)
	if len(to) == 0 {
		return nil
	}
	return &relay{to}
}

// through returns a reader of body that sends on what is read. Once all is read,
// or reading failed, end is called with the error, and returns when the other
// side has answered.
func (r *relay) through(ctx context.Context, body io.Reader, d oci.Descriptor) (out io.Reader, end func(error)) {
	if r == nil || oci.IsForeign(d.MediaType) {
		return body, func(error) {}
	}
	var tees []*registry.Tee
	for _, to := range r.to {
		if t := to.Tee(ctx, d); t != nil {
			tees = append(tees, t)
			body = io.TeeReader(body, t)
		}
	}
	return body, func(err error) {
		for _, t := range tees {
			t.End(err)
		}
	}
}
