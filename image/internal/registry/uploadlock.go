package registry

import (
	"context"
)

// uploadLock is the right to send a blob into a repository. Two that send it at once
// need it twice, and make some registries lose sight of it for a moment.
type uploadLock chan struct{}

// take waits until nothing else in this program sends the blob.
func (l uploadLock) take(ctx context.Context) error {
	select {
	case l <- struct{}{}:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// try is take for who does not wait.
func (l uploadLock) try() bool {
	select {
	case l <- struct{}{}:
		return true
	default:
		return false
	}
}

func (l uploadLock) end() { <-l }
