package layer

import (
	"errors"
	"fmt"
	"sync/atomic"

	"github.com/certgraft/certgraft/image/internal/oci"
	"github.com/certgraft/certgraft/internal/hint"
)

// Bounds on what is kept of one layer.
const (
	MaxKept    = 64 << 20 // of one file: no trust store comes near it
	MaxAllKept = 256 << 20
	MaxHeaders = 512 << 20 // of all that is said of names
	maxEntries = 1_000_000
	maxName    = 4096 // PATH_MAX of Linux
	// Directories of one layer that it has no entry for: a name of two thousand
	// short elements makes as many, and an archive has millions of names.
	maxImplied = 1 << 18
	// Directories and links on the way to all entries of one layer: a link leads
	// through two thousand directories, and each entry may lead through forty links.
	maxSteps = 1 << 25
)

// ErrTooManyNames is a layer or archive that says too much of names.
var ErrTooManyNames = oci.WithKind(errors.New("it has more names than any image needs"), oci.ErrRefused)

// errTooManyEntries is a layer with more entries than are read.
var errTooManyEntries = hint.Add(oci.WithKind(fmt.Errorf("it has more than %d entries", maxEntries), oci.ErrRefused),
	"split the layer: each COPY and RUN step of a Dockerfile makes one")

// DefaultMaxLayerSize is the size up to which an unpacked layer is read.
const DefaultMaxLayerSize = 128 << 30

// Budget is how much more of the layers of one image is kept: bounds on each alone
// are none on a hundred.
type Budget struct{ contents, names atomic.Int64 }

// NewBudget returns the budget of one image: for contents of files, and for all
// that is said of names.
func NewBudget(contents, names int64) *Budget {
	b := &Budget{}
	b.contents.Store(contents)
	b.names.Store(names)
	return b
}

// ForContent takes what a file of that size needs, if it is left.
func (b *Budget) ForContent(size int64) bool { return b == nil || take(&b.contents, size) }

func (b *Budget) forName(size int) bool { return b == nil || take(&b.names, int64(size)) }

func take(from *atomic.Int64, size int64) bool {
	if from.Add(-size) >= 0 {
		return true
	}
	from.Add(size)
	return false
}
