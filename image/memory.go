package image

import (
	"sync"

	"github.com/certgraft/certgraft/image/internal/layer"
)

// Memory is what is known of layers while a program runs. Several updates that
// share one read a layer once. The zero value is ready for use.
type Memory struct {
	mu    sync.Mutex
	known map[Digest]*layer.Listing
}

func (m *Memory) layer(digest Digest) *layer.Listing {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.known[digest]
}

func (m *Memory) keep(digest Digest, l *layer.Listing) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.known == nil {
		m.known = map[Digest]*layer.Listing{}
	}
	m.known[digest] = l
}
