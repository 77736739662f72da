package known

import (
	"sync"

	"github.com/certgraft/certgraft/image/internal/layer"
	"github.com/certgraft/certgraft/image/internal/oci"
)

// Memory keeps listings of layers while a program runs. Several updates that
// share one read each layer once. The zero value is ready for use.
type Memory struct {
	mu    sync.Mutex
	known map[oci.Digest]*layer.Listing
	made  []packedLayer
}

// packedLayer is a new layer, by the digest of its unpacked archive.
type packedLayer struct {
	diffID oci.Digest
	kind   oci.Compression
	data   []byte
}

// mostMade bounds the new layers that are kept. It suffices for the platforms
// of one index.
const mostMade = 8

// Packed returns the result of pack, or of an earlier call for the same
// content: images with the same base get the same layer.
func (m *Memory) Packed(diffID oci.Digest, kind oci.Compression, pack func() ([]byte, error)) ([]byte, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, one := range m.made {
		if one.diffID == diffID && one.kind == kind {
			return one.data, nil
		}
	}
	data, err := pack()
	if err == nil {
		m.made = append(m.made[max(0, len(m.made)-mostMade+1):], packedLayer{diffID, kind, data})
	}
	return data, err
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
