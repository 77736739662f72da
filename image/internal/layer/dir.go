package layer

import (
	"iter"
	"slices"
	"strings"

	"github.com/certgraft/certgraft/internal/order"
)

// dir holds the names in a directory. A map for each directory would take most
// of an image's memory. So names are kept sorted, as most archives have them.
// Names out of order wait in a map until there are many.
type dir struct {
	sorted  []named // a nil node was removed
	loose   map[string]*Node
	removed int  // entries of sorted
	trimmed bool // a directory that the archive returns to is copied only once
}

// named is a node under a name. Hard links give one node several names.
type named struct {
	name string
	node *Node
}

func (d *dir) search(name string) (int, bool) {
	return slices.BinarySearchFunc(d.sorted, name, func(n named, name string) int { return strings.Compare(n.name, name) })
}

// Get returns the node under a name, or nil.
func (d *dir) Get(name string) *Node {
	if d == nil {
		return nil
	}
	if n, ok := d.loose[name]; ok {
		return n
	}
	if i, ok := d.search(name); ok {
		return d.sorted[i].node
	}
	return nil
}

// set puts n under a name, and replaces the node there.
func (d *dir) set(name string, n *Node) {
	if len(d.sorted) == 0 || d.sorted[len(d.sorted)-1].name < name && d.loose[name] == nil {
		delete(d.loose, name)
		d.sorted = append(d.sorted, named{name, n})
		return
	}
	if i, ok := d.search(name); ok {
		if d.sorted[i].node == nil {
			d.removed--
		}
		d.sorted[i].node = n
		return
	}
	if d.loose == nil {
		d.loose = map[string]*Node{}
	}
	if d.loose[name] = n; len(d.loose) > max(16, len(d.sorted)) {
		d.merge()
	}
}

func (d *dir) remove(name string) {
	delete(d.loose, name)
	if i, ok := d.search(name); ok && d.sorted[i].node != nil {
		d.sorted[i].node = nil
		d.removed++
	}
}

// merge sorts all names.
func (d *dir) merge() {
	if d.removed > 0 {
		d.sorted = slices.DeleteFunc(d.sorted, func(n named) bool { return n.node == nil })
		d.removed = 0
	}
	if len(d.loose) == 0 {
		return
	}
	all := make([]named, 0, len(d.sorted)+len(d.loose))
	all = append(all, d.sorted...)
	for name, n := range d.loose {
		all = append(all, named{name, n})
	}
	order.Sort(all, func(a, b named) int { return strings.Compare(a.name, b.name) })
	d.sorted, d.loose = all, nil
}

// trim frees the spare room for more names.
func (d *dir) trim() {
	if d.trimmed {
		return
	}
	d.trimmed = true
	if cap(d.sorted)-len(d.sorted) > len(d.sorted)/8 {
		d.sorted = append(make([]named, 0, len(d.sorted)), d.sorted...)
	}
}

// All yields the nodes in order of their names. The loop must not add or remove
// a name; it may replace the node of one.
func (d *dir) All() iter.Seq2[string, *Node] {
	return func(yield func(string, *Node) bool) {
		if d == nil {
			return
		}
		d.merge()
		for _, n := range d.sorted {
			if !yield(n.name, n.node) {
				return
			}
		}
	}
}
