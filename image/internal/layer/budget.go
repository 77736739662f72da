package layer

import (
	"sync/atomic"
)

// Budget is how much more of the layers of one image is kept: bounds on each alone
// are none on a hundred.
type Budget struct{ contents, names atomic.Int64 }

func NewBudget() *Budget {
	r := &Budget{}
	r.contents.Store(2 * MaxAllKept)
	r.names.Store(2 * MaxHeaders)
	return r
}

func (r *Budget) ForContent(size int64) bool { return r == nil || take(&r.contents, size) }

func (r *Budget) forName(size int) bool { return r == nil || take(&r.names, int64(size)) }

func take(from *atomic.Int64, size int64) bool {
	if from.Add(-size) >= 0 {
		return true
	}
	from.Add(size)
	return false
}
