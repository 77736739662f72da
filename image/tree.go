package image

import (
	"archive/tar"
	"fmt"
	"path"
	"strings"
)

// node is one name of a root, or of what one layer makes of it.
type node struct {
	head     *entry           // nil for a directory that no layer has an entry for
	layer    int              // that head is of, counted from the lowest
	children map[string]*node // of a directory, else nil

	// Only of what one layer makes of a root:
	gone      bool // a whiteout: what lower layers have here is out of sight
	opaque    bool // of a directory: what lower layers have in it is out of sight
	elsewhere bool // a hard link to what the layer itself does not have
}

func newDir() *node { return &node{children: map[string]*node{}} }

func (n *node) isDir() bool { return n.children != nil }

func (n *node) isLink() bool { return n.head != nil && n.head.Type == tar.TypeSymlink }

// Names by which a layer takes something away, see "Whiteouts" in the OCI image
// specification. Other names that start with .wh..wh. are aufs' own.
const (
	whiteout       = ".wh."
	opaqueWhiteout = ".wh..wh..opq"
	aufsPrefix     = ".wh..wh."
)

// stackLayers returns the root that layers, lowest first, come to. A nil layer
// was not read.
func stackLayers(layers []*layer) (*node, error) {
	root := newDir()
	for i, l := range layers {
		if l == nil {
			continue
		}
		upper, err := treeOf(l, i)
		if err != nil {
			return nil, err
		}
		s := stacker{root: root}
		if err := s.stack(root, upper); err != nil {
			return nil, err
		}
		s.finish()
	}
	return root, nil
}

// treeOf returns what a layer is unpacked to in an empty directory, which is
// what engines do: links in it are followed, links of lower layers are not.
func treeOf(l *layer, number int) (*node, error) {
	root := newDir()
	at, dir := "", root // archives have the names of a directory one after another
	for _, e := range l.Entries {
		dirName, base := path.Split(e.Name)
		if dirName != at {
			var err error
			if dir, err = mkdirs(root, dirName); err != nil {
				return nil, err
			}
			at = dirName
		}
		if err := add(root, dir, base, &node{head: e, layer: number}); err != nil {
			return nil, err
		}
	}
	return root, nil
}

// add enters n, of one entry, into the directory that it is in.
func add(root, dir *node, base string, n *node) error {
	e := n.head
	if e.Name == "." {
		if e.Type == tar.TypeDir {
			root.head, root.layer = e, n.layer
		}
		return nil
	}
	if strings.HasPrefix(base, whiteout) {
		hide(dir, base)
		return nil
	}
	old := dir.children[base]
	switch {
	case e.Type == tar.TypeLink:
		var err error
		if n, err = hardLink(root, e); err != nil {
			return err
		}
	case e.Type == tar.TypeDir && old != nil && old.isDir():
		old.head, old.layer = e, n.layer
		return nil
	case e.Type == tar.TypeDir:
		n.children = map[string]*node{}
		n.opaque = old != nil && old.gone
	}
	dir.children[base] = n
	return nil
}

// hide enters a whiteout. It takes away what lower layers have, never what its
// own layer has, wherever in the archive that is.
func hide(dir *node, base string) {
	if base == opaqueWhiteout {
		dir.opaque = true
		return
	}
	if strings.HasPrefix(base, aufsPrefix) {
		return
	}
	name := strings.TrimPrefix(base, whiteout)
	switch old := dir.children[name]; {
	case old == nil:
		dir.children[name] = &node{gone: true}
	case old.isDir():
		old.opaque = true
	}
}

func hardLink(root *node, e *entry) (*node, error) {
	target := cleanName(e.more().Link)
	found := lookup(root, target)
	switch {
	case found == nil || found.gone:
		return &node{head: e, elsewhere: true}, nil
	case found.isDir():
		return nil, fmt.Errorf("%s is a hard link to the directory %s", e.Name, e.more().Link)
	}
	return found, nil
}

// mkdirs returns the directory at name in what a layer makes, with its parents,
// following the layer's own links.
func mkdirs(root *node, name string) (*node, error) {
	at, trail := root, []*node{root}
	rest := strings.Split(name, "/")
	for links := 0; len(rest) > 0; {
		elem := rest[0]
		rest = rest[1:]
		switch elem {
		case "", ".":
			continue
		case "..":
			trail = trail[:max(1, len(trail)-1)]
			at = trail[len(trail)-1]
			continue
		}
		next := at.children[elem]
		switch {
		case next == nil || next.gone:
			opaque := next != nil
			next = newDir()
			next.opaque = opaque
			at.children[elem] = next
		case next.isLink():
			if links++; links > maxLinks {
				return nil, fmt.Errorf("%s leads through too many links", name)
			}
			if strings.HasPrefix(next.head.more().Link, "/") {
				at, trail = root, trail[:1]
			}
			rest = append(strings.Split(next.head.more().Link, "/"), rest...)
			continue
		case !next.isDir():
			return nil, fmt.Errorf("%s lies below a file of the same layer", name)
		}
		at, trail = next, append(trail, next)
	}
	return at, nil
}

// maxLinks is the kernel's limit on the links followed for one name.
const maxLinks = 40

// lookup returns what is at a name that is free of links, or nil.
func lookup(root *node, name string) *node {
	if name == "." {
		return root
	}
	at := root
	for elem := range strings.SplitSeq(name, "/") {
		if at = at.children[elem]; at == nil {
			return nil
		}
	}
	return at
}

// stacker lays what a layer makes over the layers below.
type stacker struct {
	root *node
	// Removals and additions wait until all of the layer was looked at: a hard
	// link may be to what the layer takes away.
	later []func()
}

func (s *stacker) finish() {
	for _, do := range s.later {
		do()
	}
}

func (s *stacker) stack(lower, upper *node) error {
	if upper.head != nil {
		lower.head, lower.layer = upper.head, upper.layer
	}
	if upper.opaque {
		s.later = append(s.later, func() {
			for base := range lower.children {
				if _, ours := upper.children[base]; !ours {
					delete(lower.children, base)
				}
			}
		})
	}
	for base, up := range upper.children {
		if err := s.place(lower, up, base, upper.opaque); err != nil {
			return err
		}
	}
	return nil
}

func (s *stacker) place(dir, up *node, base string, covered bool) error {
	down := dir.children[base]
	switch {
	case up.gone:
		s.later = append(s.later, func() { delete(dir.children, base) })
		return nil
	case up.isDir() && down != nil && down.isDir() && !covered && !up.opaque:
		return s.stack(down, up)
	case up.isDir():
		fresh := newDir()
		if up.opaque && up.head == nil && down != nil && !covered {
			fresh.head, fresh.layer = dirHead(down), down.layer
		}
		if err := s.stack(fresh, &node{head: up.head, layer: up.layer, children: up.children}); err != nil {
			return err
		}
		s.later = append(s.later, func() { dir.children[base] = fresh })
		return nil
	case up.elsewhere:
		to := cleanName(up.head.more().Link)
		target := lookup(s.root, to)
		if target == nil || target.isDir() {
			return fmt.Errorf("%s is a hard link to %s, which no layer has", up.head.Name, to)
		}
		up = target
	}
	s.later = append(s.later, func() { dir.children[base] = up })
	return nil
}

// dirHead is what is kept of a directory of which all content goes.
func dirHead(n *node) *entry {
	if n.isDir() {
		return n.head
	}
	return nil
}
