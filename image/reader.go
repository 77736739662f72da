package image

import (
	"context"
	"log/slog"

	"golang.org/x/sync/errgroup"

	"github.com/certgraft/certgraft/image/internal/layer"
	"github.com/certgraft/certgraft/image/internal/oci"
)

// reader reads the layers of images, each once, however many images have it.
type reader struct {
	layers layer.Reader
	cache  *Cache
	repo   *CacheRepo
	memory *Memory
	relay  *relay
	log    *slog.Logger
	jobs   int
	whole  bool  // no layer is read by its table of contents
	least  int64 // the size above which one is

	contents map[Digest]map[int32][]byte // of files that were read later, by the places of their entries
}

// most returns the size up to which an unpacked layer is read.
func (r *reader) most() int64 { return r.layers.Most() }

// wanted is a layer to be read.
type wanted struct {
	Descriptor
	from oci.Blobs
}

// readAll reads layers, several at a time. The first error ends it.
func (r *reader) readAll(ctx context.Context, all []wanted) error {
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(r.jobs)
	started := map[Digest]bool{}
	for _, w := range all {
		if started[w.Digest] {
			continue
		}
		started[w.Digest] = true
		group.Go(func() error { return r.read(ctx, w) })
	}
	return group.Wait()
}

func (r *reader) read(ctx context.Context, w wanted) error {
	if r.recall(ctx, w.Descriptor) || r.readContents(ctx, w) {
		return nil
	}
	body, err := w.from.Open(ctx, w.Descriptor)
	if err != nil {
		return layer.ReadError(w.Descriptor, err)
	}
	defer body.Close()
	through, end := r.relay.through(ctx, body, w.Descriptor)
	l, err := r.layers.Read(ctx, through, w.Descriptor)
	end(err)
	if err != nil {
		return err
	}
	r.learn(ctx, w.Digest, l)
	return nil
}

// inParts returns where parts of a layer with a table of contents are read, or
// nil: where all of it is to be read, where it is sent on meanwhile, and where it
// is small.
func (r *reader) inParts(w wanted) oci.Ranger {
	from, ok := oci.Below(w.from).(oci.Ranger)
	if _, lazy := layer.TOCKey(w.Descriptor); !ok || !lazy || r.whole || r.relay != nil || w.Size <= r.least {
		return nil
	}
	return from
}

// readContents reads a layer by its table of contents, and reports whether it
// could.
func (r *reader) readContents(ctx context.Context, w wanted) bool {
	from := r.inParts(w)
	if from == nil {
		return false
	}
	l, err := layer.TOC{From: from, Keep: r.layers.Keep, Layer: w.Descriptor}.Read(ctx)
	if err != nil {
		r.log.Debug("read a layer whole in spite of its table of contents", "layer", w.Digest, "error", err)
		return false
	}
	key, _ := layer.TOCKey(w.Descriptor)
	r.learn(ctx, key, l)
	return true
}

// learn keeps what was read of a layer wherever that is kept.
func (r *reader) learn(ctx context.Context, key Digest, l *layer.Listing) {
	r.memory.keep(key, l)
	r.cache.store(key, l)
	r.repo.store(ctx, key, l)
}

// recall takes what is known of a layer into memory, and reports whether
// anything is.
func (r *reader) recall(ctx context.Context, d Descriptor) bool {
	if r.layer(d) != nil {
		return true
	}
	for _, key := range r.keys(d) {
		l := r.cache.load(key)
		if l == nil {
			if l = r.repo.load(ctx, key); l == nil {
				continue
			}
			r.cache.store(key, l)
		}
		l.Ranged = key != d.Digest
		r.memory.keep(key, l)
		return true
	}
	return false
}

// knows says from where a layer can be had without reading it, or "".
func (r *reader) knows(ctx context.Context, d Descriptor) string {
	for _, key := range r.keys(d) {
		switch {
		case r.memory.layer(key) != nil:
			return "it was read before"
		case r.cache.has(key):
			return "it is in the cache"
		case r.repo.has(ctx, key):
			return "it is in the cache repository"
		}
	}
	return ""
}

// layer returns what is known of a layer, or nil.
func (r *reader) layer(d Descriptor) *layer.Listing {
	_, l := r.known(d)
	return l
}

// known also returns what it is kept as.
func (r *reader) known(d Descriptor) (Digest, *layer.Listing) {
	for _, key := range r.keys(d) {
		if l := r.memory.layer(key); l != nil {
			return key, l
		}
	}
	return "", nil
}

// keys returns what is known of a layer may be kept as. By its table of contents
// it is known only where that does.
func (r *reader) keys(d Descriptor) []Digest {
	if key, ok := layer.TOCKey(d); ok && !r.whole {
		return []Digest{d.Digest, key}
	}
	return []Digest{d.Digest}
}
