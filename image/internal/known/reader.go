// Package known keeps listings of layers in memory, in a directory and in a
// repository. A [Reader] looks there before it reads a layer, so each layer is
// read once.
package known

import (
	"context"
	"log/slog"

	"golang.org/x/sync/errgroup"

	"github.com/certgraft/certgraft/image/internal/layer"
	"github.com/certgraft/certgraft/image/internal/oci"
)

// Reader reads each layer once, however many images have it.
type Reader struct {
	Layers layer.Reader
	Cache  *Cache
	Repo   *CacheRepo
	Memory *Memory
	Relay  *relay
	Log    *slog.Logger
	Jobs   int
	Whole  bool  // never read a layer by its table of contents
	Least  int64 // a layer must be larger to be read by its table of contents

	contents map[oci.Digest]map[int32][]byte // of files that were read later, by the places of their entries
}

// Most returns the limit of an unpacked layer.
func (r *Reader) Most() int64 { return r.Layers.Most() }

// Wanted is a layer to read.
type Wanted struct {
	oci.Descriptor
	From oci.Blobs
}

// ReadAll reads the unknown layers, several at a time, up to the first error.
// It announces all layers that it reads whole before it reads the first.
func (r *Reader) ReadAll(ctx context.Context, all []Wanted) error {
	unknown := r.unknown(ctx, all)
	for _, w := range unknown {
		if from, ok := oci.Below(w.From).(oci.Announcer); ok && r.InParts(w) == nil {
			from.Announce(w.Descriptor)
		}
	}
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(r.Jobs)
	for _, w := range unknown {
		group.Go(func() error { return r.read(ctx, w) })
	}
	return group.Wait()
}

// unknown loads the known listings into memory. It returns the other layers,
// each once.
func (r *Reader) unknown(ctx context.Context, all []Wanted) []Wanted {
	var group errgroup.Group
	group.SetLimit(r.Jobs)
	known := make([]bool, len(all))
	asked := map[oci.Digest]bool{}
	for i, w := range all {
		if known[i] = asked[w.Digest]; known[i] {
			continue
		}
		asked[w.Digest] = true
		group.Go(func() error { known[i] = r.recall(ctx, w.Descriptor); return nil })
	}
	_ = group.Wait() // no call fails
	var unknown []Wanted
	for i, w := range all {
		if !known[i] {
			unknown = append(unknown, w)
		}
	}
	return unknown
}

func (r *Reader) read(ctx context.Context, w Wanted) error {
	if r.readContents(ctx, w) {
		return nil
	}
	body, err := w.From.Open(ctx, w.Descriptor)
	if err != nil {
		return layer.ReadError(w.Descriptor, err)
	}
	defer body.Close()
	through, end := r.Relay.through(ctx, body, w.Descriptor)
	l, err := r.Layers.Read(ctx, through, w.Descriptor)
	end(err)
	if err != nil {
		return err
	}
	r.learn(ctx, w.Digest, l)
	return nil
}

// InParts returns the source for reading parts of a layer with a table of
// contents. It returns nil if the whole layer is wanted, if a relay sends the
// layer on, or if the layer is small.
func (r *Reader) InParts(w Wanted) oci.Ranger {
	from, ok := oci.Below(w.From).(oci.Ranger)
	if _, lazy := layer.TOCKey(w.Descriptor); !ok || !lazy || r.Whole || r.Relay != nil || w.Size <= r.Least {
		return nil
	}
	return from
}

// readContents reads a layer by its table of contents, and reports whether that
// succeeded.
func (r *Reader) readContents(ctx context.Context, w Wanted) bool {
	from := r.InParts(w)
	if from == nil {
		return false
	}
	l, err := layer.TOC{From: from, Keep: r.Layers.Keep, Layer: w.Descriptor}.Read(ctx)
	if err != nil {
		r.Log.Debug("read a layer whole in spite of its table of contents", "layer", w.Digest, "error", err)
		return false
	}
	key, _ := layer.TOCKey(w.Descriptor)
	r.learn(ctx, key, l)
	return true
}

// learn keeps a listing in memory and in the caches.
func (r *Reader) learn(ctx context.Context, key oci.Digest, l *layer.Listing) {
	r.Memory.keep(key, l)
	r.Cache.store(key, l)
	r.Repo.store(ctx, key, l)
}

// recall loads the listing of a layer into memory, and reports whether one
// exists.
func (r *Reader) recall(ctx context.Context, d oci.Descriptor) bool {
	if r.Layer(d) != nil {
		return true
	}
	for _, key := range r.keys(d) {
		l := r.Cache.load(key)
		if l == nil {
			if l = r.Repo.load(ctx, key); l == nil {
				continue
			}
			r.Cache.store(key, l)
		}
		l.Ranged = key != d.Digest
		r.Memory.keep(key, l)
		return true
	}
	return false
}

// Knows says where the listing of a layer is kept, or returns "".
func (r *Reader) Knows(ctx context.Context, d oci.Descriptor) string {
	for _, key := range r.keys(d) {
		switch {
		case r.Memory.layer(key) != nil:
			return "it was read before"
		case r.Cache.has(key):
			return "it is in the cache"
		case r.Repo.has(ctx, key):
			return "it is in the cache repository"
		}
	}
	return ""
}

// Layer returns the listing of a layer, or nil.
func (r *Reader) Layer(d oci.Descriptor) *layer.Listing {
	_, l := r.find(d)
	return l
}

// find returns the listing of a layer and its key.
func (r *Reader) find(d oci.Descriptor) (oci.Digest, *layer.Listing) {
	for _, key := range r.keys(d) {
		if l := r.Memory.layer(key); l != nil {
			return key, l
		}
	}
	return "", nil
}

// keys returns the keys that the listing of a layer may have. A listing from
// the table of contents is used only if whole layers are not wanted.
func (r *Reader) keys(d oci.Descriptor) []oci.Digest {
	if key, ok := layer.TOCKey(d); ok && !r.Whole {
		return []oci.Digest{d.Digest, key}
	}
	return []oci.Digest{d.Digest}
}
