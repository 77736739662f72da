package oci

import (
	"context"
	"io"
)

// WithContext returns a reader that fails once ctx is done.
func WithContext(ctx context.Context, r io.Reader) io.Reader {
	return &ctxReader{r, ctx.Done(), ctx.Err}
}

// ctxReader ends with the work that it is read for. What is read from a file or
// from standard input knows nothing of that by itself.
type ctxReader struct {
	r    io.Reader
	done <-chan struct{}
	why  func() error
}

func (c *ctxReader) Read(p []byte) (int, error) {
	select {
	case <-c.done: // never, where there is none
		return 0, c.why()
	default:
		return c.r.Read(p)
	}
}

// FileOf returns an open file, to be read while the work goes on.
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
