package image

import (
	"archive/tar"
	"context"
	"errors"
	"io"
	"maps"
	"slices"
)

// reread reads files of a layer of which more is known than their content, by
// their places.
func (r *reader) reread(ctx context.Context, w wanted, l *layer, places map[int32]bool) (map[int32][]byte, error) {
	if !l.ranged {
		return r.rescan(ctx, w, func(i int, _ *tar.Header) (int32, bool) { return int32(i), places[int32(i)] })
	}
	found, err := r.rereadParts(ctx, w, places)
	if err == nil || ctx.Err() != nil {
		return found, layerError(w.Descriptor, err)
	}
	r.log.Debug("read a layer whole, of which the table of contents is known", "layer", w.Digest, "error", err)
	return r.rereadWhole(ctx, w, l, places)
}

// rescan reads the files of a layer that want has a place for. Of several that
// have the same place it is the last one.
func (r *reader) rescan(ctx context.Context, w wanted, want func(i int, h *tar.Header) (place int32, ok bool)) (map[int32][]byte, error) {
	body, err := w.from.open(ctx, w.Descriptor)
	if err != nil {
		return nil, layerError(w.Descriptor, err)
	}
	defer body.Close()
	found := map[int32][]byte{}
	err = walk(ctx, body, w.Descriptor, r.layers.most(), func(i int, h *tar.Header, content io.Reader) (bool, error) {
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
func (r *reader) rereadParts(ctx context.Context, w wanted, places map[int32]bool) (map[int32][]byte, error) {
	from, ok := below(w.from).(ranger)
	if !ok {
		return nil, errNoRange
	}
	c := contents{from: from, d: w.Descriptor}
	files, err := c.survey(ctx, func(place int32, _ *entry) bool { return places[place] })
	if err != nil {
		return nil, err
	}
	return c.fetch(ctx, files)
}

// errOtherTable is a layer that does not hold what its table of contents says.
var errOtherTable = errors.New("a file in it is not the one that its table of contents names")

// rereadWhole reads files of a layer by their places in its table of contents in
// a pass over all of it. Its entries have other places, the table itself is one
// of them: files are found by their names, the last of each as in a root.
func (r *reader) rereadWhole(ctx context.Context, w wanted, l *layer, places map[int32]bool) (map[int32][]byte, error) {
	named, sizes := map[string]int32{}, map[int32]int64{}
	if err := l.each(func(i int, e *entry) error {
		if delete(named, e.Name); places[int32(i)] {
			named[e.Name], sizes[int32(i)] = int32(i), e.Size
		}
		return nil
	}); err != nil {
		return nil, layerError(w.Descriptor, err)
	}
	odd := map[int32]bool{}
	found, err := r.rescan(ctx, w, func(_ int, h *tar.Header) (int32, bool) {
		place, ok := named[cleanName(h.Name)]
		if ok {
			odd[place] = h.Size != sizes[place]
		}
		return place, ok && !odd[place]
	})
	if err == nil && slices.Contains(slices.Collect(maps.Values(odd)), true) {
		err = layerError(w.Descriptor, errOtherTable)
	}
	return found, err
}
