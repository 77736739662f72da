package image

import (
	"archive/tar"
	"fmt"
	"path"
	"strings"
)

// Names by which a layer takes something away, see "Whiteouts" in the OCI image
// specification. Other names that start with .wh..wh. are aufs' own.
const (
	whiteout       = ".wh."
	opaqueWhiteout = ".wh..wh..opq"
	aufsPrefix     = ".wh..wh."
)

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
