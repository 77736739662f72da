package image

import (
	"archive/tar"
	"context"
	"fmt"
	"io"
	"maps"
	"path"
	"sync"

	"golang.org/x/sync/errgroup"
)

// reader reads the layers of images, each once, however many images have it.
type reader struct {
	layers   layerReader
	cache    *Cache
	repo     *CacheRepo
	memory   *Memory
	relay    *relay
	contents map[Digest]map[int32][]byte // of files that were read later, by the places of their entries
	jobs     int
}

// Memory is what is known of layers while a program runs. Several updates that
// share one read a layer once. The zero value is ready for use.
type Memory struct {
	mu    sync.Mutex
	known map[Digest]*layer
}

func (m *Memory) layer(digest Digest) *layer {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.known[digest]
}

func (m *Memory) keep(digest Digest, l *layer) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.known == nil {
		m.known = map[Digest]*layer{}
	}
	m.known[digest] = l
}

func newReader(opt Options) *reader {
	jobs := opt.Jobs
	if jobs <= 0 {
		jobs = 4
	}
	memory := opt.Memory
	if memory == nil {
		memory = &Memory{}
	}
	return &reader{
		layers: layerReader{keep: opt.Reads, max: opt.MaxLayerSize},
		cache:  opt.Cache, repo: opt.CacheRepo, jobs: jobs, memory: memory, contents: map[Digest]map[int32][]byte{},
	}
}

// wanted is a layer to be read.
type wanted struct {
	Descriptor
	from blobs
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

func (r *reader) layer(digest Digest) *layer { return r.memory.layer(digest) }

// knows says from where a layer can be had without reading it, or "".
func (r *reader) knows(ctx context.Context, digest Digest) string {
	switch {
	case r.layer(digest) != nil:
		return "it was read before"
	case r.cache.has(digest):
		return "it is in the cache"
	case r.repo.has(ctx, digest):
		return "it is in the cache repository"
	}
	return ""
}

// recall takes what is known of a layer into memory, and reports whether
// anything is.
func (r *reader) recall(ctx context.Context, digest Digest) bool {
	if r.layer(digest) != nil {
		return true
	}
	l := r.cache.load(digest)
	if l == nil {
		if l = r.repo.load(ctx, digest); l == nil {
			return false
		}
		r.cache.store(digest, l)
	}
	r.memory.keep(digest, l)
	return true
}

// learn keeps what was read of a layer wherever that is kept.
func (r *reader) learn(ctx context.Context, digest Digest, l *layer) {
	r.memory.keep(digest, l)
	r.cache.store(digest, l)
	r.repo.store(ctx, digest, l)
}

func (r *reader) read(ctx context.Context, w wanted) error {
	if r.recall(ctx, w.Digest) {
		return nil
	}
	body, err := w.from.open(ctx, w.Descriptor)
	if err != nil {
		return layerError(w.Descriptor, err)
	}
	defer body.Close()
	through, end := r.relay.through(ctx, body, w.Descriptor)
	l, err := r.layers.read(ctx, through, w.Descriptor)
	end(err)
	if err != nil {
		return err
	}
	r.learn(ctx, w.Digest, l)
	return nil
}

// refetch reads the content of a file that was not kept, in a second pass over
// its layer. Small files of the same directory are likely to be read next, and
// are kept as well.
func (r *reader) refetch(ctx context.Context, w wanted, n *node) ([]byte, error) {
	if data, ok := r.contents[w.Digest][n.place]; ok {
		return data, nil
	}
	if n.Size > maxKept {
		return nil, fmt.Errorf("%d bytes are too many for a file that is held whole", n.Size)
	}
	l := r.layer(w.Digest)
	wanted, err := l.neighbours(n)
	if err != nil {
		return nil, layerError(w.Descriptor, err)
	}
	body, err := w.from.open(ctx, w.Descriptor)
	if err != nil {
		return nil, layerError(w.Descriptor, err)
	}
	defer body.Close()
	contents := map[int32][]byte{}
	err = walk(ctx, body, w.Descriptor, r.layers.most(), func(i int, _ *tar.Header, content io.Reader) (bool, error) {
		if !wanted[int32(i)] {
			return true, nil
		}
		var err error
		contents[int32(i)], err = io.ReadAll(content)
		return true, err
	})
	if err != nil {
		return nil, err
	}
	data, ok := contents[n.place]
	if !ok {
		return nil, fmt.Errorf("read layer %s: it changed while it was read", w.Digest)
	}
	return data, r.add(ctx, w.Digest, l, contents)
}

// add keeps contents that were read later.
func (r *reader) add(ctx context.Context, digest Digest, l *layer, contents map[int32][]byte) error {
	if r.contents[digest] == nil {
		r.contents[digest] = map[int32][]byte{}
	}
	maps.Copy(r.contents[digest], contents)
	l, err := l.with(contents)
	if err != nil {
		return err
	}
	r.learn(ctx, digest, l)
	return nil
}

// neighbours returns the places of a file and of small ones in its directory
// that were not kept.
func (l *layer) neighbours(n *node) (map[int32]bool, error) {
	dir := ""
	if err := l.each(func(i int, e *entry) error {
		if int32(i) == n.place {
			dir = path.Dir(e.Name)
		}
		return nil
	}); err != nil {
		return nil, err
	}
	places := map[int32]bool{n.place: true}
	return places, l.each(func(i int, e *entry) error {
		if !e.Kept && e.Type == tar.TypeReg && e.Size <= smallFile && path.Dir(e.Name) == dir {
			places[int32(i)] = true
		}
		return nil
	})
}

// smallFile is the size up to which a file is kept since its neighbour was read.
const smallFile = 64 << 10
