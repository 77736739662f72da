package layer

import (
	"fmt"
)

// Stack returns the root that layers make, lowest first. A nil layer was not
// read.
func Stack(layers []*Listing) (*Node, error) {
	root := newDir()
	for i, l := range layers {
		if l == nil {
			continue
		}
		upper, err := TreeOf(l, i)
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

// stacker stacks the tree of a layer onto the layers below. The nodes of the
// tree become part of the root.
type stacker struct {
	root *Node
	// Removals and additions wait for the end of the layer: a hard link may
	// point to a file that the layer removes.
	later []placing
}

// placing is the change of one name in a directory, or the removal of all names
// that an opaque directory lacks.
type placing struct {
	dir   *Node
	base  string
	node  *Node // nil removes the name
	cover *Node // the opaque directory
}

func (s *stacker) stack(lower, upper *Node) error {
	if upper.Known {
		lower.describe(upper)
	}
	if upper.opaque {
		s.later = append(s.later, placing{dir: lower, cover: upper})
	}
	for base, up := range upper.Dir.All() {
		if err := s.place(lower, up, base, upper.opaque); err != nil {
			return err
		}
	}
	return nil
}

func (s *stacker) place(dir, up *Node, base string, covered bool) error {
	down := dir.Dir.Get(base)
	switch {
	case up.Gone():
		s.later = append(s.later, placing{dir: dir, base: base})
		return nil
	case up.IsDir() && down != nil && down.IsDir() && !covered && !up.opaque:
		return s.stack(down, up)
	case up.IsDir():
		if up.opaque && !up.Known && down != nil && down.IsDir() && !covered {
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

// adopt moves a directory of the layer into the root, where no lower directory
// exists.
func (s *stacker) adopt(dir *Node) error {
	dir.opaque = false
	var gone []string
	linked := map[string]*Node{}
	for base, n := range dir.Dir.All() {
		switch {
		case n.Gone():
			gone = append(gone, base)
		case n.IsDir():
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
		dir.Dir.remove(base)
	}
	for base, n := range linked {
		dir.Dir.set(base, n)
	}
	dir.Dir.trim()
	return nil
}

// target returns the target of a hard link to a lower layer.
func (s *stacker) target(link *Node, base string) (*Node, error) {
	to := CleanName(link.Extra().Link)
	target := Lookup(s.root, to)
	if target == nil || target.IsDir() {
		return nil, fmt.Errorf("%s is a hard link to %s, which no layer has", base, to)
	}
	return target, nil
}

func (s *stacker) finish() {
	for _, p := range s.later {
		switch {
		case p.cover != nil:
			var hidden []string
			for base := range p.dir.Dir.All() {
				if p.cover.Dir.Get(base) == nil {
					hidden = append(hidden, base)
				}
			}
			for _, base := range hidden {
				p.dir.Dir.remove(base)
			}
		case p.node == nil:
			p.dir.Dir.remove(p.base)
		default:
			p.dir.Dir.set(p.base, p.node)
		}
	}
}
