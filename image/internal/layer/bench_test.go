package layer

import (
	"bytes"
	"strings"
	"testing"

	"github.com/certgraft/certgraft/image/internal/oci"
	"github.com/certgraft/certgraft/internal/roottest"
)

// BenchmarkReadLayer reads a layer, half of which compresses.
func BenchmarkReadLayer(b *testing.B) {
	var entries []roottest.Entry
	state := uint64(1)
	for i := range 64 {
		body := make([]byte, 1<<20)
		for j := range body {
			if state = state*6364136223846793005 + 1; j%32 < 16 {
				body[j] = byte(state >> 56)
			} else {
				body[j] = byte(i)
			}
		}
		entries = append(entries, roottest.File("usr/lib/"+strings.Repeat("x", i+1), string(body)))
	}
	archive := roottest.Tar(b, entries...)
	for _, packed := range []string{"gzip", "zstd"} {
		data := roottest.Pack(b, packed, archive)
		d := oci.Descriptor{MediaType: oci.LayerType, Digest: oci.DigestOf(data), Size: int64(len(data))}
		b.Run(packed, func(b *testing.B) {
			b.SetBytes(int64(len(archive)))
			for b.Loop() {
				if _, err := (Reader{}).Read(b.Context(), bytes.NewReader(data), d); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
