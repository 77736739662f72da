package image

import (
	"context"
	"path"
	"strings"

	"github.com/certgraft/certgraft/image/internal/known"
	"github.com/certgraft/certgraft/image/internal/layer"
	"github.com/certgraft/certgraft/rootfs"
)

// tree returns the root that the first n layers of an image make.
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

// layersOf returns the listings of the first n layers of an image; nil for a
// layer that was not read.
func (u *updater) layersOf(it *item, n int) []*layer.Listing {
	layers := make([]*layer.Listing, n)
	for i, d := range it.manifest.Layers[:n] {
		if it.skipped[i] == "" {
			layers[i] = u.reader.Layer(d)
		}
	}
	return layers
}

// wanted returns the layers of an image to read, or all of them.
func (u *updater) wanted(it *item, all bool) []known.Wanted {
	var out []known.Wanted
	for i, d := range it.manifest.Layers {
		if all || it.skipped[i] == "" {
			out = append(out, known.Wanted{Descriptor: d, From: u.from})
		}
	}
	return out
}

// ownLayer returns 1 if an earlier Update added the topmost layer, else 0.
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

// tree is the root of an image. It notes when an edit touches the place of a
// skipped layer.
type tree struct {
	layer.FS
	skipped skippedPlaces
}

func newTree(root *layer.Node, skipped skippedPlaces, content func(*layer.Node) ([]byte, error)) *tree {
	t := &tree{layer.FS{Root: root, Content: content}, skipped}
	t.OnRead, t.OnLink = t.skipped.touch, func(name string) { t.skipped.lead(root, name) }
	return t
}

// touchFor notes the places that contain a change, or lie below it. It also
// notes a directory above the change if no read layer has an entry for it: a
// skipped layer may have one.
func (t *tree) touchFor(c rootfs.Change) {
	t.skipped.touch(c.Name)
	for dir := path.Dir(c.Name); dir != "."; dir = path.Dir(dir) {
		if n := layer.Lookup(t.Root, dir); n == nil || !n.Known {
			t.skipped.touch(dir)
		}
	}
}

// skippedPlaces holds the paths to which skipped layers copy, and notes which
// of them an edit touched: by a link that leads there or further, by reading a
// file that a skipped layer may replace, or by a change. The result of such an
// edit does not count. A lookup alone is harmless: places without trust stores
// are looked up too.
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

// touch notes that an edit touched a name.
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

// isIn reports whether name is dir or lies below it.
func isIn(name, dir string) bool {
	return dir == "." || name == dir || strings.HasPrefix(name, dir+"/")
}

// follow returns the target of the link at a name. Links in the existing part
// of the path are resolved; the rest stays as written.
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
