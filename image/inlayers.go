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

	"github.com/certgraft/certgraft/image/internal/layer"
	"github.com/certgraft/certgraft/image/internal/oci"
	"github.com/certgraft/certgraft/internal/hint"
	"github.com/certgraft/certgraft/internal/order"
	"github.com/certgraft/certgraft/rootfs"
)

// inLayers puts each change into the layer that holds the changed name.
type inLayers struct {
	it      *item
	layers  []*layer.Listing // nil for a layer that was not read
	base    *tree
	copies  []string // for each layer: the path to which it only copies according to the history, or ""
	modTime time.Time

	changes map[string]rootfs.Change
	covers  map[string]bool         // changed directories that are removed or become files: entries below go
	places  []map[string]int        // changed names and their entries, by layer
	hidden  []map[string]int        // changed names and their whiteouts, by layer
	floor   map[string]int          // the lowest layer in which a name is visible
	links   map[string][]linkedName // hard links to changed names
	edits   map[int]*layer.Edit
	stale   map[string]bool // names that are removed because they describe the unedited layer
}

type linkedName struct {
	layer int
	name  string
}

// rewriteLayers puts changes into the layers that hold the changed names, and
// returns the new layers by place.
func (u *updater) rewriteLayers(ctx context.Context, it *item, base *tree, changes []rootfs.Change, n int) (map[int]*layer.Built, error) {
	p := &inLayers{it: it, base: base, copies: it.copies(), modTime: u.modTime(it), edits: map[int]*layer.Edit{}, stale: map[string]bool{}, layers: u.layersOf(it, n)}
	changes = visible(changes)
	if err := p.survey(changes); err != nil {
		return nil, err
	}
	for _, c := range changes {
		if err := p.place(c); err != nil {
			return nil, hint.Add(err, "use --layer append, which puts what changed on top")
		}
	}
	if err := p.finish(); err != nil {
		return nil, err
	}
	if err := p.check(); err != nil {
		return nil, hint.Add(err, "use --layer append, which puts what changed on top")
	}
	made := map[int]*layer.Built{}
	for i, edit := range p.edits {
		l := layer.Edited{From: u.from, Was: it.manifest.Layers[i], Edit: edit, Most: u.reader.Most()}
		var err error
		if made[i], err = l.Measure(ctx); err != nil {
			return nil, err
		}
		u.made[made[i].Desc.Digest] = l.Open
	}
	return made, nil
}

// survey notes each entry of the layers that is about a changed name.
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
			if err := l.Each(func(i int, e *layer.Entry) error { p.look(number, i, e, places, hidden); return nil }); err != nil {
				return err
			}
		}
		p.places, p.hidden = append(p.places, places), append(p.hidden, hidden)
	}
	return nil
}

func (p *inLayers) look(number, i int, e *layer.Entry, places, hidden map[string]int) {
	dir, base := path.Split(e.Name)
	switch {
	case base == layer.OpaqueWhiteout:
		for name := range p.changes {
			if dir == "" || strings.HasPrefix(name, dir) {
				p.floor[name] = number
			}
		}
	case strings.HasPrefix(base, layer.Whiteout):
		if name := dir + strings.TrimPrefix(base, layer.Whiteout); p.has(name) {
			hidden[name], p.floor[name] = i, number
		}
	case p.has(e.Name):
		places[e.Name] = i
	}
	if e.Type == tar.TypeLink {
		if target := layer.CleanName(e.Extra().Link); p.has(target) {
			p.links[target] = append(p.links[target], linkedName{number, e.Name})
		}
	}
	if p.below(e.Name) {
		p.edit(number).Instead[i] = nil
	}
}

func (p *inLayers) has(name string) bool { _, ok := p.changes[name]; return ok }

// below reports whether a name is below one that is removed or becomes a file.
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

func (p *inLayers) edit(number int) *layer.Edit {
	if p.edits[number] == nil {
		p.edits[number] = &layer.Edit{Instead: map[int]*layer.Made{}}
	}
	return p.edits[number]
}

// place decides which layer gets a change.
func (p *inLayers) place(c rootfs.Change) error {
	made := &layer.Made{Header: changeHeader(c, p.modTime), Data: c.Data}
	made.Header.Format = tar.FormatPAX
	if layer.Lookup(p.base.Root, c.Name) == nil {
		if c.Removed {
			return nil
		}
		home, err := p.home(c.Name)
		if err != nil {
			return err
		}
		edit := p.edit(home)
		edit.Added = append(edit.Added, *made)
		if i, ok := p.hidden[home][c.Name]; ok {
			edit.Instead[i] = nil // the whiteout of the name
		}
		return nil
	}
	number := len(p.places) - 1
	for ; number >= 0; number-- {
		if _, ok := p.places[number][c.Name]; ok {
			break
		}
	}
	if number < 0 {
		return fmt.Errorf("/%s is in no layer under this name, only through a link", c.Name)
	}
	for _, l := range p.links[c.Name] {
		if !p.has(l.name) {
			return fmt.Errorf("/%s has another name in a layer, /%s, which would change too", c.Name, l.name)
		}
	}
	if c.Removed && !p.lower(number, c.Name) {
		made = nil
	}
	p.edit(number).Instead[p.places[number][c.Name]] = made
	return nil
}

// lower reports whether a lower layer has the name.
func (p *inLayers) lower(number int, name string) bool {
	return slices.ContainsFunc(p.places[:number], func(names map[string]int) bool { _, ok := names[name]; return ok })
}

// home returns the layer for a new name: the layer that holds the directory, or
// the nearest that fits. A layer that only copies elsewhere according to the
// history does not fit: the next run would skip it.
func (p *inLayers) home(name string) (int, error) {
	home := p.floor[name]
	for dir := path.Dir(name); dir != "."; dir = path.Dir(dir) {
		if n := layer.Lookup(p.base.Root, dir); n != nil && n.Known {
			home = max(home, int(n.Layer))
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
	return 0, fmt.Errorf("no layer can hold /%s", name)
}

func (p *inLayers) fits(i int) bool {
	return p.layers[i] != nil && !oci.IsForeign(p.it.manifest.Layers[i].MediaType) && (i >= len(p.copies) || p.copies[i] == "" || !aside(p.copies[i]))
}

// finish sorts the added entries. It also adds the directories above them that
// the layer lacks, as the image has them.
func (p *inLayers) finish() error {
	for number, edit := range p.edits {
		have := map[string]bool{}
		stale := layer.HasTOC(p.it.manifest.Layers[number])
		if err := p.layers[number].Each(func(i int, e *layer.Entry) error {
			if e.Type == tar.TypeDir && len(edit.Added) > 0 {
				have[e.Name] = true
			}
			if stale && e.Name == layer.TOCName { // the table of contents no longer describes the layer
				edit.Instead[i], p.stale[e.Name] = nil, true
			}
			return nil
		}); err != nil {
			return err
		}
		for _, a := range slices.Clone(edit.Added) {
			p.addParents(edit, a, have)
		}
		order.Sort(edit.Added, func(a, b layer.Made) int { return strings.Compare(a.Header.Name, b.Header.Name) })
	}
	return nil
}

func (p *inLayers) addParents(edit *layer.Edit, a layer.Made, have map[string]bool) {
	name := layer.CleanName(a.Header.Name)
	have[name] = have[name] || a.Header.Typeflag == tar.TypeDir
	for dir := path.Dir(name); dir != "." && !have[dir]; dir = path.Dir(dir) {
		have[dir] = true
		if n := layer.Lookup(p.base.Root, dir); n != nil && n.IsDir() && n.Known {
			h := n.Header(dir + "/")
			h.Format = tar.FormatPAX
			edit.Added = append(edit.Added, layer.Made{Header: h})
		}
	}
}

// check stacks the edited layers. The root must have all changes, and nothing
// else may differ.
func (p *inLayers) check() error {
	rest := p.rest(p.base.Root)
	p.base = nil // memory has room for one tree
	layers := slices.Clone(p.layers)
	for number, edit := range p.edits {
		if d := p.it.manifest.Layers[number]; oci.IsForeign(d.MediaType) {
			return fmt.Errorf("the layer %s may not be distributed (%s): it cannot be replaced", d.Digest, d.MediaType)
		}
		var err error
		if layers[number], err = edit.Apply(layers[number]); err != nil {
			return err
		}
	}
	root, err := layer.Stack(layers)
	if err != nil {
		return err
	}
	for _, name := range slices.Sorted(maps.Keys(p.changes)) {
		if !holds(layer.Lookup(root, name), p.changes[name]) {
			return fmt.Errorf("/%s cannot be changed in the layer that holds it: another hides it", name)
		}
	}
	if p.rest(root) != rest {
		return errors.New("another file in the layers would change too")
	}
	return nil
}

// holds reports whether a root has a change.
func holds(n *layer.Node, c rootfs.Change) bool {
	switch {
	case c.Removed || n == nil:
		return c.Removed && n == nil
	case c.Mode.IsDir():
		return n.IsDir()
	case c.Target != "":
		return n.IsLink() && n.Extra().Link == c.Target
	}
	return !n.IsDir() && n.Kept && string(n.Extra().Data) == string(c.Data)
}

// rest returns a digest of all names without a change. Two roots with the same
// digest differ only in the changes. A digest saves memory: two trees of
// hundreds of thousands of files are too large.
func (p *inLayers) rest(root *layer.Node) Digest {
	sum := oci.NewSum()
	w := bufio.NewWriter(sum)
	p.describe(w, root, ".")
	_ = w.Flush() // a hash never fails
	return sum.Digest()
}

func (p *inLayers) describe(w *bufio.Writer, dir *layer.Node, at string) {
	for base, n := range dir.Dir.All() {
		name := path.Join(at, base)
		c, changed := p.changes[name]
		switch {
		case p.stale[name], changed && !c.Mode.IsDir():
			continue
		case !changed:
			x, more := n.Attrs, n.Extra()
			x.More = nil
			fmt.Fprintf(w, "%q %v %v %+v %q %d %x\n", name, n.IsDir(), n.Known, x, more.Link, len(more.Xattrs), sha256.Sum256(more.Data))
			for _, key := range slices.Sorted(maps.Keys(more.Xattrs)) {
				fmt.Fprintf(w, "%q %q\n", key, more.Xattrs[key])
			}
		}
		if n.IsDir() {
			p.describe(w, n, name)
		}
	}
}
