package known

import (
	"archive/tar"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"path"
	"slices"

	"github.com/certgraft/certgraft/image/internal/layer"
	"github.com/certgraft/certgraft/image/internal/oci"
)

// Refetch reads a file whose content was not kept, in a second pass over its
// layer. It also keeps small files of the same directory: an edit is likely to
// read them next.
func (r *Reader) Refetch(ctx context.Context, w Wanted, n *layer.Node) ([]byte, error) {
	key, l := r.find(w.Descriptor)
	if data, ok := r.contents[key][n.Place]; ok {
		return data, nil
	}
	if n.Size > layer.MaxKept {
		return nil, fmt.Errorf("%d bytes are too many for a file that is held whole", n.Size)
	}
	places, err := neighbours(l, n, r.Layers.Budget)
	if err != nil {
		return nil, layer.ReadError(w.Descriptor, err)
	}
	found, err := r.reread(ctx, w, l, places)
	if err != nil {
		return nil, err
	}
	data, ok := found[n.Place]
	if !ok {
		return nil, fmt.Errorf("read layer %s: it changed while it was read", w.Digest)
	}
	return data, r.add(ctx, key, l, found)
}

// add keeps contents that were read later.
func (r *Reader) add(ctx context.Context, key oci.Digest, l *layer.Listing, found map[int32][]byte) error {
	if r.contents == nil {
		r.contents = map[oci.Digest]map[int32][]byte{}
	}
	if r.contents[key] == nil {
		r.contents[key] = map[int32][]byte{}
	}
	maps.Copy(r.contents[key], found)
	more, err := l.With(found)
	if err != nil {
		return err
	}
	more.Ranged = l.Ranged
	r.learn(ctx, key, more)
	return nil
}

// neighbours returns the places of a file and of the small files in its
// directory whose contents were not kept, up to the room that is left.
func neighbours(l *layer.Listing, n *layer.Node, all *layer.Budget) (map[int32]bool, error) {
	dir := ""
	if err := l.Each(func(i int, e *layer.Entry) error {
		if int32(i) == n.Place {
			dir = path.Dir(e.Name)
		}
		return nil
	}); err != nil {
		return nil, err
	}
	places, left := map[int32]bool{n.Place: true}, int64(layer.MaxAllKept)
	return places, l.Each(func(i int, e *layer.Entry) error {
		if !e.Kept && e.Type == tar.TypeReg && e.Size <= min(smallFile, left) && path.Dir(e.Name) == dir && all.ForContent(e.Size) {
			places[int32(i)] = true
			left -= e.Size
		}
		return nil
	})
}

// smallFile is the size up to which the neighbour of a file is kept.
const smallFile = 64 << 10

// reread reads files of a known layer by their places.
func (r *Reader) reread(ctx context.Context, w Wanted, l *layer.Listing, places map[int32]bool) (map[int32][]byte, error) {
	if !l.Ranged {
		return r.rescan(ctx, w, func(i int, _ *tar.Header) (int32, bool) { return int32(i), places[int32(i)] })
	}
	found, err := r.rereadParts(ctx, w, places)
	if err == nil || ctx.Err() != nil {
		return found, layer.ReadError(w.Descriptor, err)
	}
	r.Log.Debug("read a layer whole, although its table of contents is known", "layer", w.Digest, "error", err)
	return r.rereadWhole(ctx, w, l, places)
}

// rescan reads the files of a layer to which want gives a place. If several get
// the same place, the last one counts.
func (r *Reader) rescan(ctx context.Context, w Wanted, want func(i int, h *tar.Header) (place int32, ok bool)) (map[int32][]byte, error) {
	body, err := w.From.Open(ctx, w.Descriptor)
	if err != nil {
		return nil, layer.ReadError(w.Descriptor, err)
	}
	defer body.Close()
	found := map[int32][]byte{}
	err = layer.Walk(ctx, body, w.Descriptor, r.Layers.Most(), func(i int, h *tar.Header, content io.Reader) (bool, error) {
		place, ok := want(i, h)
		if !ok {
			return true, nil
		}
		var err error
		found[place], err = io.ReadAll(content)
		return true, err
	})
	return found, err
}

// rereadParts reads files of a layer by their places in its table of contents.
func (r *Reader) rereadParts(ctx context.Context, w Wanted, places map[int32]bool) (map[int32][]byte, error) {
	from, ok := oci.Below(w.From).(oci.Ranger)
	if !ok {
		return nil, oci.ErrNoRange
	}
	c := layer.TOC{From: from, Layer: w.Descriptor}
	files, err := c.Survey(ctx, func(place int32, _ *layer.Entry) bool { return places[place] })
	if err != nil {
		return nil, err
	}
	return c.Fetch(ctx, files)
}

// errOtherTable is the error of a layer that differs from its table of
// contents.
var errOtherTable = errors.New("a file in it is not the one that its table of contents names")

// rereadWhole finds files by their places in the table of contents, and reads
// the whole layer. Places differ in the archive, where the table is an entry
// too. So rereadWhole finds files by name. The last entry of a name counts, as
// in a root.
func (r *Reader) rereadWhole(ctx context.Context, w Wanted, l *layer.Listing, places map[int32]bool) (map[int32][]byte, error) {
	named, sizes := map[string]int32{}, map[int32]int64{}
	if err := l.Each(func(i int, e *layer.Entry) error {
		if delete(named, e.Name); places[int32(i)] {
			named[e.Name], sizes[int32(i)] = int32(i), e.Size
		}
		return nil
	}); err != nil {
		return nil, layer.ReadError(w.Descriptor, err)
	}
	odd := map[int32]bool{}
	found, err := r.rescan(ctx, w, func(_ int, h *tar.Header) (int32, bool) {
		place, ok := named[layer.CleanName(h.Name)]
		if ok {
			odd[place] = h.Size != sizes[place]
		}
		return place, ok && !odd[place]
	})
	if err == nil && slices.Contains(slices.Collect(maps.Values(odd)), true) {
		err = layer.ReadError(w.Descriptor, errOtherTable)
	}
	return found, err
}
