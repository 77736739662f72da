package known

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"strings"
	"time"

	"github.com/certgraft/certgraft/image/internal/layer"
	"github.com/certgraft/certgraft/image/internal/oci"
	"github.com/certgraft/certgraft/internal/atomicfile"
	"github.com/certgraft/certgraft/internal/hint"
	"github.com/certgraft/certgraft/internal/order"
)

// Cache keeps listings of layers in a directory. A layer that any image had
// before is not downloaded again. Listings are named by the digests of layers,
// which never change, so the cache never goes stale. Several programs may share
// a cache. A damaged listing counts as missing. A nil Cache keeps nothing.
type Cache struct {
	root *os.Root
	log  *slog.Logger
	max  int64
}

// cacheVersion is part of the directory's name. A new format of [layer.Writer]
// needs a new version.
const cacheVersion = "layers-v2"

// DefaultCacheSize is the size to which a cache is pruned, in bytes.
const DefaultCacheSize = 512 << 20

// OpenCache opens the cache in dir, and creates dir if it is missing. It
// returns an error if the cache is unusable. A cache that fails later is logged
// and ignored.
func OpenCache(dir string, log *slog.Logger) (*Cache, error) {
	at := dir + "/" + cacheVersion
	if err := os.MkdirAll(at, 0o755); err != nil {
		return nil, hint.Add(fmt.Errorf("open the cache: %w", err), "name a directory that can be written to with --cache")
	}
	root, err := os.OpenRoot(at)
	if err != nil {
		return nil, fmt.Errorf("open the cache: %w", err)
	}
	return &Cache{root: root, log: log, max: DefaultCacheSize}, nil
}

// Close closes the cache.
func (c *Cache) Close() error {
	if c == nil {
		return nil
	}
	return c.root.Close()
}

// load returns the listing of a layer, or nil.
func (c *Cache) load(digest oci.Digest) *layer.Listing {
	if c == nil {
		return nil
	}
	data, err := c.root.ReadFile(cacheName(digest))
	if err != nil {
		return nil
	}
	l, err := layer.Open(data)
	if err != nil {
		c.log.Warn("ignore a damaged file of the cache", "layer", digest, "error", err)
		return nil
	}
	now := time.Now()
	_ = c.root.Chtimes(cacheName(digest), now, now) // pruning starts with the oldest
	return l
}

// has reports whether the cache probably has the listing of a layer.
func (c *Cache) has(digest oci.Digest) bool {
	if c == nil {
		return false
	}
	_, err := c.root.Stat(cacheName(digest))
	return err == nil
}

// store keeps the listing of a layer.
func (c *Cache) store(digest oci.Digest, l *layer.Listing) {
	if c == nil {
		return
	}
	err := atomicfile.In(c.root, cacheName(digest), func(w io.Writer) error { _, err := w.Write(l.Packed); return err })
	if err == nil {
		err = c.prune()
	}
	if err != nil {
		c.log.Warn("keep nothing in the cache", "layer", digest, "error", err)
	}
}

// prune removes the longest unused listings until the rest fits.
func (c *Cache) prune() error {
	entries, err := fs.ReadDir(c.root.FS(), ".")
	if err != nil {
		return err
	}
	var files []fs.FileInfo
	total := int64(0)
	for _, e := range entries {
		if info, err := e.Info(); err == nil {
			files, total = append(files, info), total+info.Size()
		}
	}
	order.Sort(files, func(a, b fs.FileInfo) int { return a.ModTime().Compare(b.ModTime()) })
	for _, f := range files {
		if total <= c.max {
			break
		}
		if err := c.root.Remove(f.Name()); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		total -= f.Size()
	}
	return nil
}

func cacheName(digest oci.Digest) string { return strings.ReplaceAll(string(digest), ":", "-") }
