package layer

import (
	"errors"
	"fmt"
	"sync/atomic"

	"github.com/certgraft/certgraft/image/internal/oci"
	"github.com/certgraft/certgraft/internal/hint"
)

// Bounds on what a listing keeps of one layer.
const (
	MaxKept    = 64 << 20 // of one file: no trust store comes near
	MaxAllKept = 256 << 20
	MaxHeaders = 512 << 20 // of all headers, see HeaderSize
	maxEntries = 1_000_000
	maxName    = 4096 // PATH_MAX of Linux
	// Directories of one layer without an entry. One name with 2,000 short
	// elements makes as many, and an archive can have millions of names.
	maxImplied = 1 << 18
	// Directories and links on the way to all entries of one layer. One link
	// can lead through 2,000 directories, and each entry through 40 links.
	maxSteps = 1 << 25
)

// ErrTooManyNames is the error of a layer or archive whose names exceed a
// bound.
var ErrTooManyNames = oci.WithKind(errors.New("it has more names than any image needs"), oci.ErrRefused)

// errTooManyEntries is the error of a layer with over maxEntries entries.
var errTooManyEntries = hint.Add(oci.WithKind(fmt.Errorf("it has more than %d entries", maxEntries), oci.ErrRefused),
	"split the layer: each COPY and RUN step of a Dockerfile makes one")

// DefaultMaxLayerSize is the default limit of an unpacked layer, in bytes.
const DefaultMaxLayerSize = 128 << 30

// Budget is the room that is left for all layers of one image. A bound on each
// layer alone would not bound a hundred of them.
type Budget struct{ contents, names atomic.Int64 }

// NewBudget returns the budget of one image, in bytes: for the contents of
// files, and for headers.
func NewBudget(contents, names int64) *Budget {
	b := &Budget{}
	b.contents.Store(contents)
	b.names.Store(names)
	return b
}

// ForContent takes the room for a file of that size, if enough is left.
func (b *Budget) ForContent(size int64) bool { return b == nil || take(&b.contents, size) }

func (b *Budget) forName(size int) bool { return b == nil || take(&b.names, int64(size)) }

func take(from *atomic.Int64, size int64) bool {
	if from.Add(-size) >= 0 {
		return true
	}
	from.Add(size)
	return false
}
