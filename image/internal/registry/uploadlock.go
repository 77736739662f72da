package registry

import (
	"context"

	"github.com/certgraft/certgraft/image/internal/oci"
)

// uploadLock is the right to send a blob into a repository. Two that send it at once
// need it twice, and make some registries lose sight of it for a moment.
type uploadLock chan struct{}

// take waits until nothing else in this program sends the blob.
func (t uploadLock) take(ctx context.Context) error {
	select {
	case t <- struct{}{}:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// try is take for who does not wait.
func (t uploadLock) try() bool {
	select {
	case t <- struct{}{}:
		return true
	default:
		return false
	}
}

func (t uploadLock) end() { <-t }

func (r *Repository) uploadLock(digest oci.Digest) uploadLock {
	c, blob := r.client, r.name.Name()+"@"+string(digest)
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.locks == nil {
		c.locks = map[string]uploadLock{}
	}
	if c.locks[blob] == nil {
		c.locks[blob] = make(uploadLock, 1)
	}
	return c.locks[blob]
}
