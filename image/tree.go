package image

import (
	"context"
	"path"
	"strings"

	"github.com/certgraft/certgraft/image/internal/known"
	"github.com/certgraft/certgraft/image/internal/layer"
	"github.com/certgraft/certgraft/rootfs"
)

// tree returns the root that the first n layers of an image come to.
func (u *updater) tree(ctx context.Context, it *item, n int) (*tree, error) {
	root, err := layer.Stack(u.layersOf(it, n))
	if err != nil {
		return nil, err
	}
	all := u.wanted(it, true)
	return newTree(root, it.skippedPlaces(), func(n *layer.Node) ([]byte, error) {
		u.opt.log().Debug("read a layer again", "layer", all[n.Layer].Digest, "entry", n.Place)
		return u.reader.Refetch(ctx, all[n.Layer], n)
	}), nil
}

// layersOf returns what is known of the first n layers of an image; nil is one
// that is not read.
func (u *updater) layersOf(it *item, n int) []*layer.Listing {
	layers := make([]*layer.Listing, n)
	for i, d := range it.manifest.Layers[:n] {
		if it.skipped[i] == "" {
			layers[i] = u.reader.Layer(d)
		}
	}
	return layers
}

// wanted returns the layers of an image that are read, or all of them.
func (u *updater) wanted(it *item, all bool) []known.Wanted {
	var out []known.Wanted
	for i, d := range it.manifest.Layers {
		if all || it.skipped[i] == "" {
			out = append(out, known.Wanted{Descriptor: d, From: u.from})
		}
	}
	return out
}

// ownLayer returns 1 if the topmost layer is one that an earlier Update added,
// else 0.
func (u *updater) ownLayer(it *item) int {
	n := len(it.manifest.Layers)
	if n == 0 || it.skipped[n-1] != "" {
		return 0
	}
	if u.reader.Layer(it.manifest.Layers[n-1]).Own {
		return 1
	}
	return 0
}

// tree is the root of an image, which notes where an edit comes upon the place of
// a layer that was not read.
type tree struct {
	layer.FS
	skipped skippedPlaces
}

func newTree(root *layer.Node, skipped skippedPlaces, content func(*layer.Node) ([]byte, error)) *tree {
	t := &tree{layer.FS{Root: root, Content: content}, skipped}
	t.OnRead, t.OnLink = t.skipped.touch, func(name string) { t.skipped.lead(root, name) }
	return t
}

// touchFor notes the places that a change is in or above. A directory above the
// change counts too if no layer that was read says whose it is: one that was not
// may.
func (t *tree) touchFor(c rootfs.Change) {
	t.skipped.touch(c.Name)
	for dir := path.Dir(c.Name); dir != "."; dir = path.Dir(dir) {
		if n := layer.Lookup(t.Root, dir); n == nil || !n.Known {
			t.skipped.touch(dir)
		}
	}
}

// skippedPlaces are where the layers of an image copy to that were not read, and
// which of these places an edit came upon: by a link that leads there, or past
// there, by reading a file that such a layer may replace, or by a change. What it
// made of them is then not to be believed. That something is looked for there is
// no harm: places without trust stores are asked for them, too.
type skippedPlaces struct {
	names   []string
	touched map[string]bool
}

func (it *item) skippedPlaces() skippedPlaces {
	p := skippedPlaces{touched: map[string]bool{}}
	for _, to := range it.skipped {
		if to != "" {
			p.names = append(p.names, layer.CleanName(to))
		}
	}
	return p
}

// touch notes that an edit came upon a name.
func (p *skippedPlaces) touch(name string) {
	for _, place := range p.names {
		if isIn(name, place) || isIn(place, name) {
			p.touched[place] = true
		}
	}
}

// lead notes that an edit followed a link.
func (p *skippedPlaces) lead(root *layer.Node, link string) {
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
func follow(root *layer.Node, name string) string {
	at, rest := ".", strings.Split(name, "/")
	for links := 0; len(rest) > 0; {
		elem := rest[0]
		rest = rest[1:]
		if elem == ".." || elem == "." || elem == "" {
			at = path.Join("/", at, elem)[1:]
			continue
		}
		at = path.Join(at, elem)
		n := layer.Lookup(root, at)
		if n == nil || !n.IsLink() || links == layer.MaxLinks {
			continue
		}
		links++
		if at = path.Dir(at); path.IsAbs(n.Extra().Link) {
			at = "."
		}
		rest = append(strings.Split(n.Extra().Link, "/"), rest...)
	}
	return layer.CleanName(at)
}
