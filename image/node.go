package image

import (
	"archive/tar"
	"strings"
)

// node is one name of a root, or of what one layer makes of it.
type node struct {
	attrs
	dir   *dir  // what is in a directory, else nil
	place int32 // of the entry in its layer
	layer int16 // that the entry is of, counted from the lowest
	known bool  // there is an entry; a directory can be there without one

	// Only of what one layer makes of a root:
	opaque bool // of a directory: what lower layers have in it is out of sight
}

// gone reports whether a node of what one layer makes is a whiteout: what lower
// layers have here is out of sight.
func (n *node) gone() bool { return !n.known && n.dir == nil }

// elsewhere reports whether it is a hard link to what the layer itself does not
// have: the others are the nodes that they are links to.
func (n *node) elsewhere() bool { return n.known && n.Type == tar.TypeLink }

func newDir() *node { return &node{dir: &dir{}} }

func (n *node) isDir() bool { return n.dir != nil }

func (n *node) isLink() bool { return n.known && n.Type == tar.TypeSymlink }

// describe takes over what is said of another node.
func (n *node) describe(by *node) {
	n.attrs, n.place, n.layer, n.known = by.attrs, by.place, by.layer, by.known
}

// lookup returns what is at a name that is free of links, or nil.
func lookup(root *node, name string) *node {
	if name == "." {
		return root
	}
	at := root
	for elem := range strings.SplitSeq(name, "/") {
		if at = at.dir.get(elem); at == nil {
			return nil
		}
	}
	return at
}

// maxLinks is the kernel's limit on the links followed for one name.
const maxLinks = 40
