package image

import (
	"context"
	"io"
	"slices"

	"github.com/google/go-containerregistry/pkg/v1/remote/transport"
)

// elsewhere returns the repositories of locations in other registries, each once.
// The registry itself could take blobs by itself. One that cannot be reached says
// so when the image is put there.
func (r *repository) elsewhere(ctx context.Context, all []*registryImage) []*repository {
	var others []*repository
	for _, at := range all {
		to := at.ref.Context()
		if to.RegistryStr() == r.name.RegistryStr() || slices.ContainsFunc(others, func(o *repository) bool { return o.name.Name() == to.Name() }) {
			continue
		}
		if repo, err := at.repository(ctx, transport.PushScope); err == nil {
			others = append(others, repo)
		}
	}
	return others
}

// tee is one upload of what is being read.
type tee struct {
	w    *io.PipeWriter
	done chan error
	dead bool
	log  func(what string, err error)
}

// tee begins an upload, or returns nil if the blob is there, or cannot be sent
// now.
func (r *repository) tee(ctx context.Context, d Descriptor) *tee {
	log := func(what string, err error) { r.client.log().Debug(what, "blob", d.Digest, "error", err) }
	turn := r.turn(d.Digest)
	if !turn.try() {
		return nil // another does, and might wait for this one elsewhere
	}
	there, err := r.hasBlob(ctx, d)
	if err != nil || there {
		turn.end()
		return nil
	}
	at, err := r.start(ctx)
	if err != nil {
		turn.end()
		log("the layer is sent later", err)
		return nil
	}
	body, w := io.Pipe()
	t := &tee{w: w, done: make(chan error, 1), log: log}
	go func() {
		err := r.uploadBody(ctx, d, at, body)
		turn.end()
		body.CloseWithError(io.ErrClosedPipe) // what is still written goes nowhere
		t.done <- err
	}()
	return t
}

// Write implements [io.Writer]. An upload that failed takes everything: what is
// read is for others too.
func (t *tee) Write(p []byte) (int, error) {
	if !t.dead {
		_, err := t.w.Write(p)
		t.dead = err != nil
	}
	return len(p), nil
}

// end ends the upload, with an error if not all was read, and returns when the
// other side has answered.
func (t *tee) end(err error) {
	t.w.CloseWithError(err) // nil is the end of what is sent
	if err := <-t.done; err != nil {
		t.log("the layer is sent again", err)
	}
}
