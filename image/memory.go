package image

import (
	"sync"
)

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
