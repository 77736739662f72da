// Package input opens and reads what a user names. A FIFO that nobody writes to,
// a stalled pipe or a dead network file system makes open(2) and read(2) wait for
// ever; here each wait ends with its context.
package input

import (
	"context"
	"fmt"
	"io"
	"os"
)

// ReadFile is [os.ReadFile] until ctx is done.
func ReadFile(ctx context.Context, name string) ([]byte, error) {
	return Await(ctx, func() ([]byte, error) { return os.ReadFile(name) })
}

// Open is [os.Open] until ctx is done. To read the file take [Reader].
func Open(ctx context.Context, name string) (*os.File, error) {
	return Await(ctx, func() (*os.File, error) { return os.Open(name) })
}

// Await returns what do returns. Once ctx is done it leaves do behind: nothing
// ends a system call that waits for somebody else.
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

// Reader returns a reader of r whose reads end when ctx is done. It must not be
// read by two at once.
func Reader(ctx context.Context, r io.Reader) io.Reader { return &reader{ctx: ctx, r: r} }

type reader struct {
	ctx  context.Context //nolint:containedctx // it is that of one stream
	r    io.Reader
	room []byte // a read that was left behind writes here, not into the caller's memory
}

// maxRead bounds one read.
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
