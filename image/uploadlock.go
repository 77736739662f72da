package image

import (
	"context"
)

// turn is the right to send a blob into a repository. Two that send it at once
// need it twice, and make some registries lose sight of it for a moment.
type turn chan struct{}

// take waits until nothing else in this program sends the blob.
func (t turn) take(ctx context.Context) error {
	select {
	case t <- struct{}{}:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// try is take for who does not wait.
func (t turn) try() bool {
	select {
	case t <- struct{}{}:
		return true
	default:
		return false
	}
}

func (t turn) end() { <-t }

func (r *repository) turn(digest Digest) turn {
	c, blob := r.client, r.name.Name()+"@"+string(digest)
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.turns == nil {
		c.turns = map[string]turn{}
	}
	if c.turns[blob] == nil {
		c.turns[blob] = make(turn, 1)
	}
	return c.turns[blob]
}
