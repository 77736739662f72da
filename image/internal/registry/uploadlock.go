package registry

import (
	"context"
)

// uploadLock is the right to send a blob into a repository. Two uploads at once
// would send it twice, and some registries would then briefly lose it.
type uploadLock chan struct{}

// take waits until no other upload of this program sends the blob.
func (l uploadLock) take(ctx context.Context) error {
	select {
	case l <- struct{}{}:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// try is take without waiting.
func (l uploadLock) try() bool {
	select {
	case l <- struct{}{}:
		return true
	default:
		return false
	}
}

func (l uploadLock) end() { <-l }
