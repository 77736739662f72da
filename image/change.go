package image

import (
	"github.com/certgraft/certgraft/image/internal/layer"
)

// imageChange is what becomes of one image.
type imageChange struct {
	own        int                  // layers on top that go: 1 if an earlier one of ours is replaced
	sameLayer  bool                 // the layers stay as they are
	layer      *layer.Built         // that comes on top; nil is none
	rewritten  map[int]*layer.Built // in the place of others
	env        []string
	sources    []string // that something in the image is from then, where it is known
	removed    []string // that were taken out
	distrusted []string // what is not to be trusted
}

// bare reports whether certgraft's own layer goes and none is in its place.
func (c imageChange) bare() bool {
	return c.own > 0 && !c.sameLayer && c.layer == nil && len(c.rewritten) == 0
}
