package image

import (
	"context"
	"io"
)

// lane is one upload of what is being read.
type lane struct {
	w    *io.PipeWriter
	done chan error
	dead bool
	log  func(what string, d Descriptor, err error)
}

// openLane begins an upload, or returns nil if the blob is there, or cannot be
// sent now.
func (r *repository) openLane(ctx context.Context, d Descriptor) *lane {
	log := func(what string, d Descriptor, err error) {
		r.client.log().Debug(what, "blob", d.Digest, "error", err)
	}
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
		log("the layer is sent later", d, err)
		return nil
	}
	body, w := io.Pipe()
	l := &lane{w: w, done: make(chan error, 1), log: log}
	go func() {
		err := r.uploadBody(ctx, d, at, body)
		turn.end()
		body.CloseWithError(io.ErrClosedPipe) // what is still written goes nowhere
		l.done <- err
	}()
	return l
}
