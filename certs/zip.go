package certs

import (
	"archive/zip"
	"bytes"
	"io"
	"path"
	"slices"
	"strings"

	"github.com/certgraft/certgraft/internal/order"
)

// Bounds of a ZIP archive, against archives that would exhaust memory.
const (
	maxEntries   = 4096
	maxEntrySize = 8 << 20
	maxUnpacked  = 64 << 20 // in total, including nested archives
)

// readZIP reads the files of an archive in the order of their names. A file
// without a certificate is ignored, unless its extension promises one.
func (r reader) readZIP(data []byte) bool {
	archive, err := zip.NewReader(bytes.NewReader(data), int64(len(data)))
	switch {
	case err != nil:
		return r.emit(nil, skipped("damaged ZIP archive"))
	case len(archive.File) > maxEntries:
		return r.emit(nil, skipped("a ZIP archive of more than %d files", maxEntries))
	}
	order.Stable(archive.File, func(a, b *zip.File) int { return strings.Compare(a.Name, b.Name) })
	r.depth++
	for _, f := range archive.File {
		if f.FileInfo().IsDir() || strings.HasPrefix(f.Name, "__MACOSX/") {
			continue
		}
		if !r.within(f.Name).readEntry(f) {
			return false
		}
	}
	return true
}

func (r reader) readEntry(f *zip.File) bool {
	content, problem := r.unpack(f)
	if problem != "" {
		return r.emit(nil, skipped("%s", problem))
	}
	emit, silent := r.emit, true
	r.emit = func(c *Certificate, f *Finding) bool {
		silent = false
		return emit(c, f)
	}
	if !r.read(content) {
		return false
	}
	if silent && slices.Contains([]string{".crt", ".cer", ".pem", ".der", ".p7b", ".p7c"}, strings.ToLower(path.Ext(f.Name))) {
		return emit(nil, skipped("%s", nothing(content, nil)))
	}
	return true
}

// unpack returns the content of a file in an archive, or the problem with it.
func (r reader) unpack(f *zip.File) (content []byte, problem string) {
	const encrypted = 1
	if f.Flags&encrypted != 0 {
		return nil, "it is encrypted: unpack the archive first"
	}
	in, err := f.Open()
	if err != nil {
		return nil, "damaged in the ZIP archive"
	}
	defer in.Close()
	limit := min(maxEntrySize, *r.budget)
	content, err = io.ReadAll(io.LimitReader(in, int64(limit)+1))
	*r.budget -= min(len(content), limit)
	switch {
	case len(content) > limit:
		return nil, "too large for a file of certificates"
	case err != nil:
		return nil, "damaged in the ZIP archive"
	}
	return content, ""
}
