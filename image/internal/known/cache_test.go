package known

import (
	"log/slog"
	"testing"
	"time"

	"github.com/certgraft/certgraft/image/internal/layer"
	"github.com/certgraft/certgraft/image/internal/oci"
)

func TestCacheIsBounded(t *testing.T) {
	cache, err := OpenCache(t.TempDir(), slog.New(slog.DiscardHandler))
	must(t, err)
	defer cache.Close()
	l := &layer.Listing{Packed: make([]byte, 3<<19+2048)}
	cache.max = 7 << 19
	for i, name := range []oci.Digest{"sha256:a", "sha256:b", "sha256:c"} {
		cache.store(name, l)
		at := time.Unix(int64(1000+i), 0)
		must(t, cache.root.Chtimes(cacheName(name), at, at))
	}
	cache.store("sha256:d", l)
	if cache.has("sha256:a") || cache.has("sha256:b") || !cache.has("sha256:d") {
		t.Error("what was not used for the longest time is still there, or what is new is not")
	}
	var none *Cache
	none.store("sha256:x", l)
	if none.load("sha256:x") != nil || none.Close() != nil {
		t.Error("no cache keeps something")
	}
}
