package image

import (
	"github.com/certgraft/certgraft/image/internal/layer"
)

// imageChange says what changes in one image.
type imageChange struct {
	own        int                  // layers to remove from the top: 1 if an earlier one of certgraft's is replaced
	sameLayer  bool                 // the layers stay as they are
	layer      *layer.Built         // the new top layer, or nil
	rewritten  map[int]*layer.Built // replacements of other layers, by place
	env        []string
	sources    []string // sources with a certificate in the image after the change, if known
	removed    []string // sources that were taken out
	distrusted []string // names of distrusted CAs
}

// bare reports whether certgraft's own layer is removed without a replacement.
func (c imageChange) bare() bool {
	return c.own > 0 && !c.sameLayer && c.layer == nil && len(c.rewritten) == 0
}
