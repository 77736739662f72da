package bundles

import (
	"bytes"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"os"

	"github.com/certgraft/certgraft/internal/atomicfile"
)

// cache keeps downloads in a directory, a file per URL: a line of JSON, then
// the body. Several processes may share it, since files are replaced whole. A
// damaged file counts as missing. A failure to write the cache is logged, not
// returned.
type cache struct {
	dir string
	log *slog.Logger
}

// entry is a download in the cache.
type entry struct {
	ETag         string `json:"etag,omitzero"`
	LastModified string `json:"lastModified,omitzero"`
	SHA256       string `json:"sha256"` // of the body
	body         []byte
}

func newCache(opt Options) *cache {
	return &cache{dir: opt.Cache, log: opt.log()}
}

// fileName hashes the URL, which may hold a token.
func fileName(address string) string { return digest([]byte(address)) + ".bundle" }

func (c *cache) read(address string) (entry, bool) {
	var e entry
	if c == nil || c.dir == "" {
		return e, false
	}
	root, err := os.OpenRoot(c.dir)
	if err != nil {
		return e, false
	}
	defer root.Close()
	f, err := root.Open(fileName(address))
	if err != nil {
		return e, false
	}
	defer f.Close()
	data, err := readBounded(f)
	if err != nil {
		return e, false
	}
	head, body, found := bytes.Cut(data, []byte("\n"))
	e.body = body
	ok := found && json.Unmarshal(head, &e) == nil && e.SHA256 == digest(body)
	return e, ok
}

// revalidate asks the server for the body only if it changed.
func (e entry) revalidate(h http.Header) {
	if e.ETag != "" {
		h.Set("If-None-Match", e.ETag)
	}
	if e.LastModified != "" {
		h.Set("If-Modified-Since", e.LastModified)
	}
}

func (c *cache) write(address string, h http.Header, body []byte) {
	if c.dir == "" {
		return
	}
	head, err := json.Marshal(entry{ETag: h.Get("ETag"), LastModified: h.Get("Last-Modified"), SHA256: digest(body)})
	if err == nil {
		err = c.replace(fileName(address), append(append(head, '\n'), body...))
	}
	if err != nil {
		c.log.Warn("the download is not cached", "error", err)
	}
}

// replace writes a temporary file and renames it.
func (c *cache) replace(name string, data []byte) error {
	if err := os.MkdirAll(c.dir, 0o755); err != nil {
		return err
	}
	root, err := os.OpenRoot(c.dir)
	if err != nil {
		return err
	}
	defer root.Close()
	return atomicfile.In(root, name, func(w io.Writer) error { _, err := w.Write(data); return err })
}
