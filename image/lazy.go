package image

import (
	"maps"
	"slices"
	"strings"
)

// tocName is the name of the table of contents in an eStargz layer.
const tocName = "stargz.index.json"

// isLazy reports whether an annotation of a layer says where in it something is,
// as tools do that mount layers before they are there.
func isLazy(annotation string) bool {
	for _, prefix := range []string{"containerd.io/snapshot/stargz/", "io.containers.estargz.", "io.github.containers.zstd-chunked."} {
		if strings.HasPrefix(annotation, prefix) {
			return true
		}
	}
	return false
}

// lazy reports whether a layer has a table of contents.
func lazy(d Descriptor) bool {
	return slices.ContainsFunc(slices.Collect(maps.Keys(d.Annotations)), isLazy)
}
