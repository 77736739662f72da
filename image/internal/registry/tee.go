package registry

import (
	"context"
	"io"
	"slices"

	"github.com/google/go-containerregistry/pkg/v1/remote/transport"

	"github.com/certgraft/certgraft/image/internal/oci"
)

// Elsewhere returns the repositories of locations in other registries, each once.
// The registry itself could take blobs by itself. One that cannot be reached says
// so when the image is put there.
func (r *Repository) Elsewhere(ctx context.Context, all []*Location) []*Repository {
	var others []*Repository
	for _, at := range all {
		to := at.ref.Context()
		if to.RegistryStr() == r.name.RegistryStr() || slices.ContainsFunc(others, func(o *Repository) bool { return o.name.Name() == to.Name() }) {
			continue
		}
		if repo, err := at.repository(ctx, transport.PushScope); err == nil {
			others = append(others, repo)
		}
	}
	return others
}

// Tee is one upload of what is being read.
type Tee struct {
	w    *io.PipeWriter
	done chan error
	dead bool
	log  func(what string, err error)
}

// Tee begins an upload, or returns nil if the blob is there, or cannot be sent
// now.
func (r *Repository) Tee(ctx context.Context, d oci.Descriptor) *Tee {
	log := func(what string, err error) { r.client.Logger.Debug(what, "blob", d.Digest, "error", err) }
	lock := r.uploadLock(d.Digest)
	if !lock.try() {
		return nil // another does, and might wait for this one elsewhere
	}
	there, err := r.hasBlob(ctx, d)
	if err != nil || there {
		lock.end()
		return nil
	}
	at, err := r.start(ctx)
	if err != nil {
		lock.end()
		log("the layer is sent later", err)
		return nil
	}
	body, w := io.Pipe()
	t := &Tee{w: w, done: make(chan error, 1), log: log}
	go func() {
		err := r.uploadBody(ctx, d, at, body)
		lock.end()
		body.CloseWithError(io.ErrClosedPipe) // what is still written goes nowhere
		t.done <- err
	}()
	return t
}

// Write implements [io.Writer]. An upload that failed takes everything: what is
// read is for others too.
func (t *Tee) Write(p []byte) (int, error) {
	if !t.dead {
		_, err := t.w.Write(p)
		t.dead = err != nil
	}
	return len(p), nil
}

// End ends the upload, with an error if not all was read, and returns when the
// other side has answered.
func (t *Tee) End(err error) {
	t.w.CloseWithError(err) // nil is the end of what is sent
	if err := <-t.done; err != nil {
		t.log("the layer is sent again", err)
	}
}
