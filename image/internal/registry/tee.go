package registry

import (
	"context"
	"io"
	"slices"

	"github.com/google/go-containerregistry/pkg/v1/remote/transport"

	"github.com/certgraft/certgraft/image/internal/oci"
)

// Elsewhere returns the repositories of locations in other registries, each
// once. A repository of the same registry can mount blobs. An unreachable
// repository is skipped: putting the image there reports the error.
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

// Tee is the upload of a stream while it is read.
type Tee struct {
	w    *io.PipeWriter
	done chan error
	dead bool
	log  func(what string, err error)
}

// Tee begins an upload. It returns nil if the repository has the blob, or if
// the upload fails to start.
func (r *Repository) Tee(ctx context.Context, d oci.Descriptor) *Tee {
	log := func(what string, err error) { r.client.Logger.Debug(what, "blob", d.Digest, "error", err) }
	lock := r.uploadLock(d.Digest)
	if !lock.try() {
		return nil // another upload sends it, and may itself wait for this one
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
		body.CloseWithError(io.ErrClosedPipe) // drop the bytes that are still written
		t.done <- err
	}()
	return t
}

// Write implements [io.Writer]. It never fails: after a failed upload the other
// readers of the stream go on.
func (t *Tee) Write(p []byte) (int, error) {
	if !t.dead {
		_, err := t.w.Write(p)
		t.dead = err != nil
	}
	return len(p), nil
}

// End ends the upload, with an error if the stream was not read to its end. It
// returns after the registry has answered.
func (t *Tee) End(err error) {
	t.w.CloseWithError(err) // nil ends the stream
	if err := <-t.done; err != nil {
		t.log("the layer is sent again", err)
	}
}
