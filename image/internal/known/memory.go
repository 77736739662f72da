package known

import (
	"sync"

	"github.com/certgraft/certgraft/image/internal/layer"
	"github.com/certgraft/certgraft/image/internal/oci"
)

// Memory is what is known of layers while a program runs. Several updates that
// share one read a layer once. The zero value is ready for use.
type Memory struct {
	mu    sync.Mutex
	known map[oci.Digest]*layer.Listing
}

func (m *Memory) layer(digest oci.Digest) *layer.Listing {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.known[digest]
}

func (m *Memory) keep(digest oci.Digest, l *layer.Listing) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.known == nil {
		m.known = map[oci.Digest]*layer.Listing{}
	}
	m.known[digest] = l
}
