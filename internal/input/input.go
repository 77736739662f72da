// Package input opens and reads files that a user names. A FIFO without a writer,
// a stalled pipe or a dead network file system blocks open(2) and read(2) for
// ever. Here each wait ends with its context.
package input

import (
	"context"
	"fmt"
	"io"
	"os"
)

// ReadFile is [os.ReadFile] that ends with ctx.
func ReadFile(ctx context.Context, name string) ([]byte, error) {
	return Await(ctx, func() ([]byte, error) { return os.ReadFile(name) })
}

// Open is [os.Open] that ends with ctx. Use [Reader] to read the file.
func Open(ctx context.Context, name string) (*os.File, error) {
	return Await(ctx, func() (*os.File, error) { return os.Open(name) })
}

// Await returns the result of do. When ctx ends first, it leaves do running,
// because a blocked system call cannot be ended.
func Await[T any](ctx context.Context, do func() (T, error)) (T, error) {
	type result struct {
		value T
		err   error
	}
	done := make(chan result, 1)
	go func() {
		value, err := do()
		done <- result{value, err}
	}()
	select {
	case <-ctx.Done():
		var none T
		return none, fmt.Errorf("read: %w", context.Cause(ctx))
	case r := <-done:
		return r.value, r.err
	}
}

// Reader returns a reader of r whose reads end with ctx. Two goroutines must not
// use it at once.
func Reader(ctx context.Context, r io.Reader) io.Reader { return &reader{ctx: ctx, r: r} }

type reader struct {
	ctx  context.Context //nolint:containedctx // the context of one stream
	r    io.Reader
	room []byte // an abandoned read writes here, not into the caller's memory
}

// maxRead is the limit for one read, 256 KiB.
const maxRead = 256 << 10

// Read implements [io.Reader].
func (r *reader) Read(p []byte) (int, error) {
	if r.ctx.Err() != nil {
		return 0, fmt.Errorf("read: %w", context.Cause(r.ctx))
	}
	size := min(len(p), maxRead)
	if len(r.room) < size {
		r.room = make([]byte, size)
	}
	room := r.room[:size]
	n, err := Await(r.ctx, func() (int, error) { return r.r.Read(room) })
	return copy(p, room[:n]), err
}
