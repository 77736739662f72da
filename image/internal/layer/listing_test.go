package layer

import (
	"bytes"
	"io"
	"reflect"
	"strings"
	"testing"

	"github.com/certgraft/certgraft/image/internal/oci"
	"github.com/certgraft/certgraft/internal/roottest"
)

func FuzzLayer(f *testing.F) {
	for _, packed := range []string{"", "gzip", "zstd"} {
		f.Add(roottest.Pack(f, packed, roottest.Tar(f, roottest.Dir("etc"), roottest.File("etc/x", "x"), roottest.Hard("y", "etc/x"), roottest.File("etc/.wh.z", ""))))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		d := oci.Descriptor{MediaType: oci.LayerType, Digest: oci.DigestOf(data), Size: int64(len(data))}
		r := Reader{Keep: func(string) bool { return true }, Max: 1 << 22}
		l, err := r.Read(t.Context(), strings.NewReader(string(data)), d)
		if err != nil {
			return
		}
		if _, err := Stack([]*Listing{l, l}); err != nil {
			return
		}
		again, err := Open(l.Packed)
		must(t, err)
		same, err := l.With(nil)
		must(t, err)
		if !reflect.DeepEqual(again, l) || !reflect.DeepEqual(same, l) {
			t.Error("the cache keeps something else")
		}
	})
}

// FuzzListing: whatever a cache holds is read or refused.
func FuzzListing(f *testing.F) {
	w, err := NewWriter()
	must(f, err)
	w.add(&Entry{Name: "etc/x", Attrs: Attrs{Type: '0', Size: 3, Kept: true, More: &Extra{Data: []byte("abc"), Xattrs: map[string]string{"a": "b"}}}})
	l, err := w.Listing()
	must(f, err)
	plain, _, err := oci.Unpack(bytes.NewReader(l.Packed), "")
	must(f, err)
	data, err := io.ReadAll(plain)
	must(f, err)
	f.Add(data)
	f.Add([]byte{0})
	f.Fuzz(func(t *testing.T, data []byte) {
		packed := roottest.Pack(t, "zstd", data)
		if l, err := Open(packed); err == nil {
			_, err := l.With(map[int32][]byte{0: nil})
			must(t, err)
			_, _ = TreeOf(l, 0)
		}
		_, _ = Open(data)
	})
}
