package image

import (
	"context"
	"io"
	"slices"

	"github.com/google/go-containerregistry/pkg/v1/remote/transport"

	"github.com/certgraft/certgraft/image/internal/oci"
)

// relay sends layers on to other registries while they are read, so that a layer
// that is both looked into and copied comes from its registry once. What does not
// arrive is sent again when the image is put there. A nil relay sends nothing.
type relay struct{ to []*repository }

// openRelay returns where the layers of an image are sent while they are read:
// to repositories of other registries than its own, which could take them by
// themselves. One that cannot be reached says so when the image is put there.
func openRelay(ctx context.Context, from oci.Blobs, destinations []*registryImage) *relay {
	source, ok := oci.Below(from).(*repository)
	if !ok {
		return nil
	}
	r := &relay{}
	for _, to := range destinations {
		if to.ref.Context().RegistryStr() == source.name.RegistryStr() || slices.ContainsFunc(r.to, func(other *repository) bool { return other.name.Name() == to.ref.Context().Name() }) {
			continue
		}
		if repo, err := to.repository(ctx, transport.PushScope); err == nil {
			r.to = append(r.to, repo)
		}
	}
	if len(r.to) == 0 {
		return nil
	}
	return r
}

// through returns a reader of body that sends on what is read. Once all is read,
// or reading failed, end is called with the error, and returns when the other
// side has answered.
func (r *relay) through(ctx context.Context, body io.Reader, d Descriptor) (out io.Reader, end func(error)) {
	if r == nil || oci.IsForeign(d.MediaType) {
		return body, func(error) {}
	}
	var lanes []*lane
	for _, to := range r.to {
		if l := to.openLane(ctx, d); l != nil {
			lanes = append(lanes, l)
		}
	}
	return &teed{body, lanes}, func(err error) {
		for _, l := range lanes {
			l.w.CloseWithError(err) // nil is the end of what is sent
			if err := <-l.done; err != nil {
				l.log("the layer is sent again", d, err)
			}
		}
	}
}

// teed copies what is read into lanes. One that fails is left behind.
type teed struct {
	r     io.Reader
	lanes []*lane
}

func (t *teed) Read(p []byte) (int, error) {
	n, err := t.r.Read(p)
	for _, l := range t.lanes {
		if l.dead || n == 0 {
			continue
		}
		_, werr := l.w.Write(p[:n])
		l.dead = werr != nil
	}
	return n, err
}
