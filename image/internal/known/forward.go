package known

import (
	"context"
	"io"

	"github.com/certgraft/certgraft/image/internal/oci"
	"github.com/certgraft/certgraft/image/internal/registry"
)

// relay sends layers to other registries while they are read: a layer that is
// both read and copied is then downloaded once. If an upload fails here,
// putting the image sends the layer again. A nil relay sends nothing.
type relay struct{ to []*registry.Repository }

// OpenRelay returns the relay from an image's registry to the destinations, or
// nil.
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

// through returns a reader of body that also sends the bytes. After the last
// read, the caller must call end with the error of reading. end returns after
// the answers of the registries.
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
