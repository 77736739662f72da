package image

import (
	"sync/atomic"
)

// room is how much more of the layers of one image is kept: bounds on each alone
// are none on a hundred.
type room struct{ contents, names atomic.Int64 }

func newRoom() *room {
	r := &room{}
	r.contents.Store(2 * maxAllKept)
	r.names.Store(2 * maxHeaders)
	return r
}

func (r *room) forContent(size int64) bool { return r == nil || take(&r.contents, size) }

func (r *room) forName(size int) bool { return r == nil || take(&r.names, int64(size)) }

func take(from *atomic.Int64, size int64) bool {
	if from.Add(-size) >= 0 {
		return true
	}
	from.Add(size)
	return false
}
