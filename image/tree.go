package image

import (
	"archive/tar"
	"fmt"
	"path"
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
	b := builder{root: newDir(), shared: map[string]string{}, implied: maxImplied}
	at, dir := "", b.root // archives have the names of a directory one after another
	err := l.each(func(i int, e *entry) error {
		dirName, base := path.Split(e.Name)
		if dirName != at {
			dir.dir.trim()
			var err error
			if dir, err = b.mkdirs(dirName); err != nil {
				return err
			}
			at = dirName
		}
		n := b.node()
		n.attrs, n.place, n.layer, n.known = e.attrs, int32(i), int16(number), true
		return b.add(dir, b.text(base), e.Name, n)
	})
	return b.root, err
}

// builder makes the tree of one layer.
type builder struct {
	root   *node
	free   []node            // nodes are made many at a time
	shared map[string]string // names, many of which come again and again
	// How many more directories may be made that no entry names.
	implied int
}

func (b *builder) node() *node {
	if len(b.free) == 0 {
		b.free = make([]node, 256)
	}
	n := &b.free[0]
	b.free = b.free[1:]
	return n
}

// text returns a name that does not hold on to the path that it is of.
func (b *builder) text(name string) string {
	if old, ok := b.shared[name]; ok {
		return old
	}
	name = strings.Clone(name)
	if len(b.shared) < 4096 {
		b.shared[name] = name
	}
	return name
}

// add enters n, of one entry, into the directory that it is in.
func (b *builder) add(dir *node, base, name string, n *node) error {
	if name == "." {
		if n.Type == tar.TypeDir {
			b.root.describe(n)
		}
		return nil
	}
	if strings.HasPrefix(base, whiteout) {
		hide(dir, base)
		return nil
	}
	old := dir.dir.get(base)
	switch {
	case n.Type == tar.TypeLink:
		var err error
		if n, err = b.hardLink(name, n); err != nil {
			return err
		}
	case n.Type == tar.TypeDir && old != nil && old.isDir():
		old.describe(n)
		return nil
	case n.Type == tar.TypeDir:
		n.dir = newDir().dir
		n.opaque = old != nil && old.gone()
	}
	dir.dir.set(base, n)
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
	switch old := dir.dir.get(name); {
	case old == nil:
		dir.dir.set(name, &node{})
	case old.isDir():
		old.opaque = true
	}
}

func (b *builder) hardLink(name string, n *node) (*node, error) {
	target := cleanName(n.more().Link)
	found := lookup(b.root, target)
	switch {
	case found == nil || found.gone():
		return n, nil
	case found.isDir():
		return nil, fmt.Errorf("%s is a hard link to the directory %s", name, n.more().Link)
	}
	return found, nil
}

// mkdirs returns the directory at name in what a layer makes, with its parents,
// following the layer's own links. How many it may make is in implied.
func (b *builder) mkdirs(name string) (*node, error) {
	at, trail := b.root, []*node{b.root}
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
		next := at.dir.get(elem)
		switch {
		case next == nil || next.gone():
			if b.implied--; b.implied < 0 {
				return nil, errTooManyNames
			}
			opaque := next != nil
			next = b.node()
			next.dir = &dir{}
			next.opaque = opaque
			at.dir.set(b.text(elem), next)
		case next.isLink():
			if links++; links > maxLinks {
				return nil, fmt.Errorf("%s leads through too many links", name)
			}
			if strings.HasPrefix(next.more().Link, "/") {
				at, trail = b.root, trail[:1]
			}
			rest = append(strings.Split(next.more().Link, "/"), rest...)
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
		if at = at.dir.get(elem); at == nil {
			return nil
		}
	}
	return at
}

// stacker lays what a layer makes over the layers below. What it makes becomes
// part of the root.
type stacker struct {
	root *node
	// Removals and additions wait until all of the layer was looked at: a hard
	// link may be to what the layer takes away.
	later []placing
}

// placing is what is to be done with one name of a directory, or with all that
// an opaque directory does not have itself.
type placing struct {
	dir   *node
	base  string
	node  *node // nil takes what is there away
	cover *node // the opaque directory
}

func (s *stacker) finish() {
	for _, p := range s.later {
		switch {
		case p.cover != nil:
			var hidden []string
			for base := range p.dir.dir.all() {
				if p.cover.dir.get(base) == nil {
					hidden = append(hidden, base)
				}
			}
			for _, base := range hidden {
				p.dir.dir.remove(base)
			}
		case p.node == nil:
			p.dir.dir.remove(p.base)
		default:
			p.dir.dir.set(p.base, p.node)
		}
	}
}

func (s *stacker) stack(lower, upper *node) error {
	if upper.known {
		lower.describe(upper)
	}
	if upper.opaque {
		s.later = append(s.later, placing{dir: lower, cover: upper})
	}
	for base, up := range upper.dir.all() {
		if err := s.place(lower, up, base, upper.opaque); err != nil {
			return err
		}
	}
	return nil
}

func (s *stacker) place(dir, up *node, base string, covered bool) error {
	down := dir.dir.get(base)
	switch {
	case up.gone():
		s.later = append(s.later, placing{dir: dir, base: base})
		return nil
	case up.isDir() && down != nil && down.isDir() && !covered && !up.opaque:
		return s.stack(down, up)
	case up.isDir():
		if up.opaque && !up.known && down != nil && down.isDir() && !covered {
			up.describe(down)
		}
		if err := s.adopt(up); err != nil {
			return err
		}
	case up.elsewhere():
		var err error
		if up, err = s.target(up, base); err != nil {
			return err
		}
	}
	s.later = append(s.later, placing{dir: dir, base: base, node: up})
	return nil
}

// adopt makes a directory of the layer, below which there is nothing, one of the
// root.
func (s *stacker) adopt(dir *node) error {
	dir.opaque = false
	var gone []string
	linked := map[string]*node{}
	for base, n := range dir.dir.all() {
		switch {
		case n.gone():
			gone = append(gone, base)
		case n.isDir():
			if err := s.adopt(n); err != nil {
				return err
			}
		case n.elsewhere():
			target, err := s.target(n, base)
			if err != nil {
				return err
			}
			linked[base] = target
		}
	}
	for _, base := range gone {
		dir.dir.remove(base)
	}
	for base, n := range linked {
		dir.dir.set(base, n)
	}
	dir.dir.trim()
	return nil
}

// target returns what a hard link to a lower layer is to.
func (s *stacker) target(link *node, base string) (*node, error) {
	to := cleanName(link.more().Link)
	target := lookup(s.root, to)
	if target == nil || target.isDir() {
		return nil, fmt.Errorf("%s is a hard link to %s, which no layer has", base, to)
	}
	return target, nil
}
