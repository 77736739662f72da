package layer

import (
	"archive/tar"
	"strings"
)

// Node is one name of a root, or of the tree of one layer.
type Node struct {
	Attrs
	Dir   *dir  // the content of a directory, else nil
	Place int32 // of its entry in the layer
	Layer int16 // of its entry, counted from the lowest
	Known bool  // an entry exists; a directory may exist without one

	// opaque is set only in the tree of one layer: the directory hides the names
	// that lower layers have in it.
	opaque bool
}

// Gone reports whether a node in the tree of one layer is a whiteout: it hides
// the name in lower layers.
func (n *Node) Gone() bool { return !n.Known && n.Dir == nil }

// elsewhere reports whether the node is a hard link to a file of a lower layer.
// A hard link within the layer shares the node of its target.
func (n *Node) elsewhere() bool { return n.Known && n.Type == tar.TypeLink }

func newDir() *Node { return &Node{Dir: &dir{}} }

// IsDir reports whether the node is a directory.
func (n *Node) IsDir() bool { return n.Dir != nil }

// IsLink reports whether the node is a symbolic link.
func (n *Node) IsLink() bool { return n.Known && n.Type == tar.TypeSymlink }

// describe copies the metadata of another node.
func (n *Node) describe(by *Node) {
	n.Attrs, n.Place, n.Layer, n.Known = by.Attrs, by.Place, by.Layer, by.Known
}

// Lookup returns the node at a name without links in it, or nil.
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
