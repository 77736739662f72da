package layer

import (
	"archive/tar"
	"fmt"
	"path"
	"strings"
)

// Names by which a layer removes names of lower layers, see "Whiteouts" in the
// OCI image specification. Other names that start with .wh..wh. belong to aufs.
const (
	Whiteout       = ".wh."
	OpaqueWhiteout = ".wh..wh..opq"
	aufsPrefix     = ".wh..wh."
)

// TreeOf returns the tree that unpacking a layer into an empty directory makes,
// as engines unpack it. Links of the layer are followed, links of lower layers
// are not.
func TreeOf(l *Listing, number int) (*Node, error) {
	b := builder{root: newDir(), shared: map[string]string{}, implied: maxImplied, steps: maxSteps}
	at, dir := "", b.root // an archive mostly lists a directory's names in a row
	err := l.Each(func(i int, e *Entry) error {
		dirName, base := path.Split(e.Name)
		if dirName != at {
			dir.Dir.trim()
			var err error
			if dir, err = b.mkdirs(dirName); err != nil {
				return err
			}
			at = dirName
		}
		n := b.node()
		n.Attrs, n.Place, n.Layer, n.Known = e.Attrs, int32(i), int16(number), true
		return b.add(dir, b.text(base), e.Name, n)
	})
	return b.root, err
}

// builder makes the tree of one layer.
type builder struct {
	root   *Node
	free   []Node            // nodes are allocated 256 at a time
	shared map[string]string // frequent names
	// Directories without an entry that may still be made.
	implied int
	// Directories and links that may still be passed on the way to entries.
	steps int
}

func (b *builder) node() *Node {
	if len(b.free) == 0 {
		b.free = make([]Node, 256)
	}
	n := &b.free[0]
	b.free = b.free[1:]
	return n
}

// text returns a copy of a name: the name itself keeps its whole path in
// memory.
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

// add enters n, the node of one entry, into its directory.
func (b *builder) add(dir *Node, base, name string, n *Node) error {
	if name == "." {
		if n.Type == tar.TypeDir {
			b.root.describe(n)
		}
		return nil
	}
	if strings.HasPrefix(base, Whiteout) {
		hide(dir, base)
		return nil
	}
	old := dir.Dir.Get(base)
	switch {
	case n.Type == tar.TypeLink:
		var err error
		if n, err = b.hardLink(name, n); err != nil {
			return err
		}
	case n.Type == tar.TypeDir && old != nil && old.IsDir():
		old.describe(n)
		return nil
	case n.Type == tar.TypeDir:
		n.Dir = newDir().Dir
		n.opaque = old != nil && old.Gone()
	}
	dir.Dir.set(base, n)
	return nil
}

// hide enters a whiteout. A whiteout hides a name of lower layers, never of its
// own layer, wherever the archive has the name.
func hide(dir *Node, base string) {
	if base == OpaqueWhiteout {
		dir.opaque = true
		return
	}
	if strings.HasPrefix(base, aufsPrefix) {
		return
	}
	name := strings.TrimPrefix(base, Whiteout)
	switch old := dir.Dir.Get(name); {
	case old == nil:
		dir.Dir.set(name, &Node{})
	case old.IsDir():
		old.opaque = true
	}
}

func (b *builder) hardLink(name string, n *Node) (*Node, error) {
	target := CleanName(n.Extra().Link)
	found := Lookup(b.root, target)
	switch {
	case found == nil || found.Gone():
		return n, nil
	case found.IsDir():
		return nil, fmt.Errorf("%s is a hard link to the directory %s", name, n.Extra().Link)
	}
	return found, nil
}

// mkdirs returns the directory at name in the tree of a layer. It follows the
// layer's own links, and makes missing directories. implied bounds their
// number.
func (b *builder) mkdirs(name string) (*Node, error) {
	at, trail := b.root, []*Node{b.root}
	rest := strings.Split(name, "/")
	for links := 0; len(rest) > 0; {
		elem := rest[0]
		rest = rest[1:]
		if b.steps--; b.steps < 0 {
			return nil, ErrTooManyNames
		}
		switch elem {
		case "", ".":
			continue
		case "..":
			trail = trail[:max(1, len(trail)-1)]
			at = trail[len(trail)-1]
			continue
		}
		next := at.Dir.Get(elem)
		switch {
		case next == nil || next.Gone():
			if b.implied--; b.implied < 0 {
				return nil, ErrTooManyNames
			}
			opaque := next != nil
			next = b.node()
			next.Dir = &dir{}
			next.opaque = opaque
			at.Dir.set(b.text(elem), next)
		case next.IsLink():
			if links++; links > MaxLinks {
				return nil, fmt.Errorf("%s leads through too many links", name)
			}
			if strings.HasPrefix(next.Extra().Link, "/") {
				at, trail = b.root, trail[:1]
			}
			rest = append(strings.Split(next.Extra().Link, "/"), rest...)
			continue
		case !next.IsDir():
			return nil, fmt.Errorf("%s lies below a file of the same layer", name)
		}
		at, trail = next, append(trail, next)
	}
	return at, nil
}
