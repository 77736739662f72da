package layer

import (
	"archive/tar"
	"strings"
)

// Node is one name of a root, or of what one layer makes of it.
type Node struct {
	Attrs
	Dir   *dir  // what is in a directory, else nil
	Place int32 // of the entry in its layer
	Layer int16 // that the entry is of, counted from the lowest
	Known bool  // there is an entry; a directory can be there without one

	// Only of what one layer makes of a root:
	opaque bool // of a directory: what lower layers have in it is out of sight
}

// Gone reports whether a node of what one layer makes is a whiteout: what lower
// layers have here is out of sight.
func (n *Node) Gone() bool { return !n.Known && n.Dir == nil }

// elsewhere reports whether it is a hard link to what the layer itself does not
// have: the others are the nodes that they are links to.
func (n *Node) elsewhere() bool { return n.Known && n.Type == tar.TypeLink }

func newDir() *Node { return &Node{Dir: &dir{}} }

// IsDir reports whether the node is a directory.
func (n *Node) IsDir() bool { return n.Dir != nil }

// IsLink reports whether the node is a symbolic link.
func (n *Node) IsLink() bool { return n.Known && n.Type == tar.TypeSymlink }

// describe takes over what is said of another node.
func (n *Node) describe(by *Node) {
	n.Attrs, n.Place, n.Layer, n.Known = by.Attrs, by.Place, by.Layer, by.Known
}

// Lookup returns what is at a name that is free of links, or nil.
func Lookup(root *Node, name string) *Node {
	if name == "." {
		return root
	}
	at := root
	for elem := range strings.SplitSeq(name, "/") {
		if at = at.Dir.Get(elem); at == nil {
			return nil
		}
	}
	return at
}

// MaxLinks is the kernel's limit on the links followed for one name.
const MaxLinks = 40
