package image

import (
	"fmt"
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
