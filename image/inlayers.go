package image

import (
	"archive/tar"
	"bufio"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"maps"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/certgraft/certgraft/image/internal/oci"
	"github.com/certgraft/certgraft/rootfs"
)

// inLayers is how changes are put into the layers that hold what they change.
type inLayers struct {
	it      *item
	layers  []*layer // nil is one that was not read
	base    *tree
	copies  []string // where each layer only copies to, as the history says, or ""
	modTime time.Time

	changes map[string]rootfs.Change
	covers  map[string]bool         // names below which nothing is to be left
	places  []map[string]int        // of the changed names, in each layer
	hidden  []map[string]int        // of the whiteouts of changed names, in each layer
	floor   map[string]int          // the lowest layer in which a name is not out of sight
	links   map[string][]linkedName // hard links to changed names
	edits   map[int]*layerEdit
	stale   map[string]bool // names that go since they are about the layer as it was
}

type linkedName struct {
	layer int
	name  string
}

// rewriteLayers puts changes into the layers that hold what they change, and
// returns what these become.
func (u *updater) rewriteLayers(ctx context.Context, it *item, base *tree, changes []rootfs.Change, n int) (map[int]*newLayer, error) {
	p := &inLayers{it: it, base: base, copies: it.copies(), modTime: u.modTime(it), edits: map[int]*layerEdit{}, stale: map[string]bool{}, layers: u.layersOf(it, n)}
	changes = visible(changes)
	if err := p.survey(changes); err != nil {
		return nil, err
	}
	for _, c := range changes {
		if err := p.place(c); err != nil {
			return nil, oci.WithHint(err, "use --layer append, which puts what changed on top")
		}
	}
	if err := p.finish(); err != nil {
		return nil, err
	}
	if err := p.check(); err != nil {
		return nil, oci.WithHint(err, "use --layer append, which puts what changed on top")
	}
	made := map[int]*newLayer{}
	for i, edit := range p.edits {
		l := editedLayer{from: u.from, was: it.manifest.Layers[i], edit: edit, most: u.reader.most()}
		var err error
		if made[i], err = l.measure(ctx); err != nil {
			return nil, err
		}
		u.streams[made[i].desc.Digest] = l.Open
	}
	return made, nil
}

// survey notes where in the layers something is said of the names that change.
func (p *inLayers) survey(changes []rootfs.Change) error {
	p.changes, p.covers, p.floor, p.links = map[string]rootfs.Change{}, map[string]bool{}, map[string]int{}, map[string][]linkedName{}
	for _, c := range changes {
		p.changes[c.Name] = c
		if c.Prior != nil && c.Prior.IsDir() && !c.Mode.IsDir() {
			p.covers[c.Name] = true
		}
	}
	for number, l := range p.layers {
		places, hidden := map[string]int{}, map[string]int{}
		if l != nil {
			if err := l.each(func(i int, e *entry) error { p.look(number, i, e, places, hidden); return nil }); err != nil {
				return err
			}
		}
		p.places, p.hidden = append(p.places, places), append(p.hidden, hidden)
	}
	return nil
}

func (p *inLayers) look(layer, i int, e *entry, places, hidden map[string]int) {
	dir, base := path.Split(e.Name)
	switch {
	case base == opaqueWhiteout:
		for name := range p.changes {
			if dir == "" || strings.HasPrefix(name, dir) {
				p.floor[name] = layer
			}
		}
	case strings.HasPrefix(base, whiteout):
		if name := dir + strings.TrimPrefix(base, whiteout); p.has(name) {
			hidden[name], p.floor[name] = i, layer
		}
	case p.has(e.Name):
		places[e.Name] = i
	}
	if e.Type == tar.TypeLink {
		if target := cleanName(e.more().Link); p.has(target) {
			p.links[target] = append(p.links[target], linkedName{layer, e.Name})
		}
	}
	if p.below(e.Name) {
		p.edit(layer).instead[i] = nil
	}
}

func (p *inLayers) has(name string) bool { _, ok := p.changes[name]; return ok }

// below reports whether a name is below one that goes or becomes a file.
func (p *inLayers) below(name string) bool {
	if len(p.covers) == 0 {
		return false
	}
	for dir := path.Dir(name); dir != "."; dir = path.Dir(dir) {
		if p.covers[dir] {
			return true
		}
	}
	return false
}

func (p *inLayers) edit(layer int) *layerEdit {
	if p.edits[layer] == nil {
		p.edits[layer] = &layerEdit{instead: map[int]*newEntry{}}
	}
	return p.edits[layer]
}

// place decides where one change goes.
func (p *inLayers) place(c rootfs.Change) error {
	made := &newEntry{header: changeHeader(c, p.modTime), data: c.Data}
	made.header.Format = tar.FormatPAX
	if lookup(p.base.root, c.Name) == nil {
		if c.Removed {
			return nil
		}
		home, err := p.home(c.Name)
		if err != nil {
			return err
		}
		edit := p.edit(home)
		edit.added = append(edit.added, *made)
		if i, ok := p.hidden[home][c.Name]; ok {
			edit.instead[i] = nil // a whiteout of what it now has
		}
		return nil
	}
	layer := len(p.places) - 1
	for ; layer >= 0; layer-- {
		if _, ok := p.places[layer][c.Name]; ok {
			break
		}
	}
	if layer < 0 {
		return fmt.Errorf("/%s is in no layer under this name, but by way of a link", c.Name)
	}
	for _, l := range p.links[c.Name] {
		if !p.has(l.name) {
			return fmt.Errorf("/%s has another name in a layer, /%s, which would change too", c.Name, l.name)
		}
	}
	if c.Removed && !p.lower(layer, c.Name) {
		made = nil
	}
	p.edit(layer).instead[p.places[layer][c.Name]] = made
	return nil
}

// lower reports whether a layer below has the name.
func (p *inLayers) lower(layer int, name string) bool {
	return slices.ContainsFunc(p.places[:layer], func(names map[string]int) bool { _, ok := names[name]; return ok })
}

// home returns the layer for a new name: the one that holds the directory. One
// that only copies elsewhere, as the history says, is none: it would not be read
// the next time.
func (p *inLayers) home(name string) (int, error) {
	home := p.floor[name]
	for dir := path.Dir(name); dir != "."; dir = path.Dir(dir) {
		if n := lookup(p.base.root, dir); n != nil && n.known {
			home = max(home, int(n.layer))
			break
		}
	}
	for i := home; i < len(p.layers); i++ {
		if p.fits(i) {
			return i, nil
		}
	}
	for i := home - 1; i >= p.floor[name]; i-- {
		if p.fits(i) {
			return i, nil
		}
	}
	return 0, fmt.Errorf("there is no layer that /%s could be put into", name)
}

func (p *inLayers) fits(i int) bool {
	return p.layers[i] != nil && !oci.IsForeign(p.it.manifest.Layers[i].MediaType) && (i >= len(p.copies) || p.copies[i] == "" || !aside(p.copies[i]))
}

// finish puts what is added in order, with the directories above that the layer
// does not have, as the image has them.
func (p *inLayers) finish() error {
	for number, edit := range p.edits {
		have := map[string]bool{}
		stale := lazy(p.it.manifest.Layers[number])
		if err := p.layers[number].each(func(i int, e *entry) error {
			if e.Type == tar.TypeDir && len(edit.added) > 0 {
				have[e.Name] = true
			}
			if stale && e.Name == tocName { // a table of contents that is none any more
				edit.instead[i], p.stale[e.Name] = nil, true
			}
			return nil
		}); err != nil {
			return err
		}
		for _, a := range slices.Clone(edit.added) {
			p.addParents(edit, a, have)
		}
		slices.SortFunc(edit.added, func(a, b newEntry) int { return strings.Compare(a.header.Name, b.header.Name) })
	}
	return nil
}

func (p *inLayers) addParents(edit *layerEdit, a newEntry, have map[string]bool) {
	name := cleanName(a.header.Name)
	have[name] = have[name] || a.header.Typeflag == tar.TypeDir
	for dir := path.Dir(name); dir != "." && !have[dir]; dir = path.Dir(dir) {
		have[dir] = true
		if n := lookup(p.base.root, dir); n != nil && n.isDir() && n.known {
			h := n.header(dir + "/")
			h.Format = tar.FormatPAX
			edit.added = append(edit.added, newEntry{header: h})
		}
	}
}

// check makes the root of the edited layers: the changes are in it, and all else
// is as it was.
func (p *inLayers) check() error {
	rest := p.rest(p.base.root)
	p.base = nil // there is room for one tree
	layers := slices.Clone(p.layers)
	for number, edit := range p.edits {
		if d := p.it.manifest.Layers[number]; oci.IsForeign(d.MediaType) {
			return fmt.Errorf("the layer %s may not be distributed (%s), so that it cannot be replaced", d.Digest, d.MediaType)
		}
		var err error
		if layers[number], err = edit.apply(layers[number]); err != nil {
			return err
		}
	}
	root, err := stackLayers(layers)
	if err != nil {
		return err
	}
	for _, name := range slices.Sorted(maps.Keys(p.changes)) {
		if !holds(lookup(root, name), p.changes[name]) {
			return fmt.Errorf("/%s cannot be changed in the layer that holds it: another hides it", name)
		}
	}
	if p.rest(root) != rest {
		return errors.New("in the layers something else would change, too")
	}
	return nil
}

// apply returns what a layer says after the edit.
func (edit *layerEdit) apply(l *layer) (*layer, error) {
	w, err := newFactsWriter()
	if err != nil {
		return nil, err
	}
	err = l.each(func(i int, e *entry) error {
		other, edited := edit.instead[i]
		switch {
		case !edited:
			w.add(e)
		case other != nil:
			w.add(other.entry())
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	for _, a := range edit.added {
		w.add(a.entry())
	}
	return w.layer()
}

func (n *newEntry) entry() *entry {
	e := newEntryOf(n.header)
	if e.Type == tar.TypeReg {
		e.keep(n.data)
	}
	return e
}

// holds reports whether a change is in a root.
func holds(n *node, c rootfs.Change) bool {
	switch {
	case c.Removed || n == nil:
		return c.Removed && n == nil
	case c.Mode.IsDir():
		return n.isDir()
	case c.Target != "":
		return n.isLink() && n.more().Link == c.Target
	}
	return !n.isDir() && n.Kept && string(n.more().Data) == string(c.Data)
}

// rest names all of a root that no change is about: two roots with the same rest
// are alike but for the changes. It is a digest, since of an image with hundreds
// of thousands of files two trees at a time are too many.
func (p *inLayers) rest(root *node) Digest {
	h := sha256.New()
	w := bufio.NewWriter(h)
	p.describe(w, root, ".")
	_ = w.Flush() // a hash takes everything
	return Digest(fmt.Sprintf("sha256:%x", h.Sum(nil)))
}

func (p *inLayers) describe(w *bufio.Writer, dir *node, at string) {
	for base, n := range dir.dir.all() {
		name := path.Join(at, base)
		c, changed := p.changes[name]
		switch {
		case p.stale[name], changed && !c.Mode.IsDir():
			continue
		case !changed:
			x, more := n.attrs, n.more()
			x.More = nil
			fmt.Fprintf(w, "%q %v %v %+v %q %d %x\n", name, n.isDir(), n.known, x, more.Link, len(more.Xattrs), sha256.Sum256(more.Data))
			for _, key := range slices.Sorted(maps.Keys(more.Xattrs)) {
				fmt.Fprintf(w, "%q %q\n", key, more.Xattrs[key])
			}
		}
		if n.isDir() {
			p.describe(w, n, name)
		}
	}
}
