package installer

import (
	"errors"
	"fmt"
	"io/fs"
	"path"
	"slices"

	"github.com/certgraft/certgraft/rootfs"
)

// A name on a disk is any bytes; io/fs has words for those in UTF-8 only. What
// has another name is neither read nor changed.

// notUTF8 returns the names in a directory that are passed over.
func (e *edit) notUTF8(dir string) []string {
	entries, _ := e.root.ReadDir(dir) // whoever wants to read it says why that fails
	var names []string
	for _, entry := range entries {
		if !fs.ValidPath(entry.Name()) {
			names = append(names, fmt.Sprintf("%q", entry.Name()))
		}
	}
	return names
}

// warnNotUTF8 warns of what is passed over in a directory.
func (e *edit) warnNotUTF8(dir string) {
	if names := e.notUTF8(dir); len(names) > 0 {
		e.warn("names that are not UTF-8 are passed over, and stay as they are, in /%s: %s; rename what is to be read", dir, some(names))
	}
}

// leadsToNotUTF8 reports whether a link leads to what is passed over.
func leadsToNotUTF8(root *rootfs.Overlay, name string) bool {
	real, err := root.Resolve(name)
	if err != nil || fs.ValidPath(real) {
		return errors.Is(err, fs.ErrInvalid)
	}
	entries, _ := root.ReadDir(path.Dir(real)) // one that cannot be read has nothing
	return slices.ContainsFunc(entries, func(e fs.DirEntry) bool { return e.Name() == path.Base(real) })
}
