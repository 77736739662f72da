package oci

import (
	"context"
	"io"
)

// WithContext returns a reader that fails once ctx is done.
func WithContext(ctx context.Context, r io.Reader) io.Reader {
	return &ctxReader{r, ctx.Done(), ctx.Err}
}

// ctxReader fails once its context is done. A file or standard input does not
// know the context.
type ctxReader struct {
	r    io.Reader
	done <-chan struct{}
	why  func() error
}

func (c *ctxReader) Read(p []byte) (int, error) {
	select {
	case <-c.done: // never, without a cancel
		return 0, c.why()
	default:
		return c.r.Read(p)
	}
}

// FileOf returns an open file whose reads fail once ctx is done.
func FileOf(ctx context.Context, f io.ReadCloser, err error) (io.ReadCloser, error) {
	if err != nil {
		return nil, err
	}
	return ReadCloser{WithContext(ctx, f), f}, nil
}

// ReadCloser reads from one thing and closes another.
type ReadCloser struct {
	io.Reader
	io.Closer
}
