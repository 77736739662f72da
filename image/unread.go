package image

import (
	"archive/tar"
	"context"
	"path"
	"slices"
	"strings"

	"github.com/certgraft/certgraft/rootfs"
)

// unreadPlaces are where the layers of an image copy to that were not read, and
// which of these places an edit came upon: by a link that leads there, or past
// there, by reading a file that such a layer may replace, or by a change. What it
// made of them is then not to be believed. That something is looked for there is
// no harm: places without trust stores are asked for them, too.
type unreadPlaces struct {
	names   []string
	touched map[string]bool
}

// tree is the root of an image, which notes where an edit comes upon the place of
// a layer that was not read.
type tree struct {
	treeFS
	unread unreadPlaces
}

func newTree(root *node, unread unreadPlaces, content func(*node) ([]byte, error)) *tree {
	t := &tree{treeFS{root: root, content: content}, unread}
	t.onRead, t.onLink = t.unread.touch, func(name string) { t.unread.lead(root, name) }
	return t
}

func (it *item) unreadPlaces() unreadPlaces {
	p := unreadPlaces{touched: map[string]bool{}}
	for _, to := range it.plan {
		if to != "" {
			p.names = append(p.names, cleanName(to))
		}
	}
	return p
}

// touch notes that an edit came upon a name.
func (p *unreadPlaces) touch(name string) {
	for _, place := range p.names {
		if isIn(name, place) || isIn(place, name) {
			p.touched[place] = true
		}
	}
}

// lead notes that an edit followed a link.
func (p *unreadPlaces) lead(root *node, link string) {
	if len(p.names) > 0 {
		p.touch(follow(root, link))
	}
}

// isIn reports whether a name is that of dir or of something in it.
func isIn(name, dir string) bool {
	return dir == "." || name == dir || strings.HasPrefix(name, dir+"/")
}

// follow returns where the link at a name leads: as far as there is something,
// free of links, and beyond that as it is written.
func follow(root *node, name string) string {
	at, rest := ".", strings.Split(name, "/")
	for links := 0; len(rest) > 0; {
		elem := rest[0]
		rest = rest[1:]
		if elem == ".." || elem == "." || elem == "" {
			at = path.Join("/", at, elem)[1:]
			continue
		}
		at = path.Join(at, elem)
		n := lookup(root, at)
		if n == nil || !n.isLink() || links == maxLinks {
			continue
		}
		links++
		if at = path.Dir(at); path.IsAbs(n.more().Link) {
			at = "."
		}
		rest = append(strings.Split(n.more().Link, "/"), rest...)
	}
	return cleanName(at)
}

// editRun is an edit that was run on the root of an image.
type editRun struct {
	own             int // layers on top that the changes stand for
	base            *tree
	config          *Config
	before, changes []rootfs.Change // those of an earlier update, and all
}

// runEdit runs the edit on one image. Where it comes upon the place of a layer
// that was not read, that is read and the edit runs anew: it may have taken what
// is there for missing.
func (u *updater) runEdit(ctx context.Context, it *item) (*editRun, error) {
	for again := false; ; again = true {
		e, err := u.tryEdit(ctx, it, again)
		if e == nil {
			return nil, err
		}
		touched, readErr := u.readTouched(ctx, it, &e.base.unread)
		switch {
		case readErr != nil:
			return nil, readErr
		case !touched:
			return e, err
		}
	}
}

// tryEdit runs the edit with what was read. What it returns is nil if it did not
// come to that.
func (u *updater) tryEdit(ctx context.Context, it *item, again bool) (*editRun, error) {
	own := u.ownLayer(it)
	base, err := u.tree(ctx, it, len(it.manifest.Layers)-own)
	if err != nil {
		return nil, err
	}
	root := rootfs.NewOverlay(base)
	if err := u.replayOwn(ctx, it, own, root); err != nil {
		return nil, err
	}
	if err := u.touchOwn(it, own, base); err != nil {
		return nil, err
	}
	e := &editRun{own: own, base: base, before: slices.Collect(root.Changes())}
	e.config = &Config{Platform: it.platform(), Created: it.created(), Env: slices.Clone(it.config.Config.Env), Programs: it.programs(), Again: again}
	err = u.edit(root, e.config)
	e.changes = slices.Collect(root.Changes())
	for _, c := range e.changes {
		base.touchFor(c)
	}
	return e, err
}

// touchOwn notes the places that an earlier update changed something in: what it
// took away there is not seen to be away.
func (u *updater) touchOwn(it *item, own int, base *tree) error {
	if own == 0 {
		return nil
	}
	top := it.manifest.Layers[len(it.manifest.Layers)-1]
	return u.reader.layer(top).each(func(_ int, e *entry) error {
		if e.Type != tar.TypeDir {
			base.unread.touch(e.Name)
		}
		return nil
	})
}

// touchFor notes the places that a change is in or above. A directory above the
// change counts too if no layer that was read says whose it is: one that was not
// may.
func (t *tree) touchFor(c rootfs.Change) {
	t.unread.touch(c.Name)
	for dir := path.Dir(c.Name); dir != "."; dir = path.Dir(dir) {
		if n := lookup(t.root, dir); n == nil || !n.known {
			t.unread.touch(dir)
		}
	}
}

// readTouched reads the layers whose places an edit came upon, and reports
// whether there are any.
func (u *updater) readTouched(ctx context.Context, it *item, places *unreadPlaces) (bool, error) {
	if len(places.touched) == 0 {
		return false, nil
	}
	for i, to := range it.plan {
		if to != "" && places.touched[cleanName(to)] {
			u.opt.log().Debug("read a layer after all: what was read leads to its place", "layer", it.manifest.Layers[i].Digest, "place", to)
			it.plan[i] = ""
		}
	}
	return true, u.reader.readAll(ctx, u.wanted(it, false))
}
