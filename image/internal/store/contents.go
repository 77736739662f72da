package store

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"io/fs"
	"maps"
	"os"

	"github.com/certgraft/certgraft/image/internal/oci"
	"github.com/certgraft/certgraft/internal/hint"
)

// contents is what an archive holds.
type contents struct {
	*tarFiles
	kind oci.Compression
	info os.FileInfo // of the file; nil is a stream
	of   *Archive    // that was got from; nil is an engine
}

// contentsOf returns what the archive holds that an image was got from, or nil.
func contentsOf(img *oci.Image) *contents {
	blobs := oci.Below(img.Blobs())
	if packed, ok := blobs.(compressor); ok {
		blobs = oci.Below(packed.Blobs)
	}
	switch from := blobs.(type) {
	case layout:
		c, _ := from.files.(*contents)
		return c
	case savedBlobs:
		return from.contents
	}
	return nil
}

// indexed returns what the archive in a file holds.
func indexed(ctx context.Context, f *os.File) (*contents, error) {
	t, err := indexArchive(ctx, f)
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return &contents{tarFiles: t}, nil
}

// spooled is indexed for what cannot be read from anywhere.
func spooled(ctx context.Context, r io.Reader) (*contents, error) {
	f, kind, err := spool(ctx, r)
	if err != nil {
		return nil, err
	}
	c, err := indexed(ctx, f)
	if err == nil {
		c.kind = kind
	}
	return c, err
}

func (c *contents) close() error { return c.file.Close() }

// isOf reports whether these are the contents of a file as it is now.
func (c *contents) isOf(now os.FileInfo) bool {
	return c.info != nil && os.SameFile(c.info, now) && c.info.Size() == now.Size() && c.info.ModTime().Equal(now.ModTime())
}

// empty reports whether the archive holds no file at all.
func (c *contents) empty() bool { return len(c.sizes) == 0 }

// read returns a small file, or nil if it is not there.
func (c *contents) read(name string) ([]byte, error) {
	raw, err := layout{c}.readSmall(name)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	return raw, err
}

// documents returns index.json and manifest.json, one of which an archive of
// images must have.
func (c *contents) documents(ctx context.Context) (index, list []byte, err error) {
	if index, err = c.read("index.json"); err == nil {
		list, err = c.read(savedFile)
	}
	if err == nil && index == nil && list == nil {
		err = hint.Add(errors.New("it is an archive of something else: it has neither index.json nor manifest.json"), "remove the file, or name another")
	}
	return index, list, errors.Join(err, ctx.Err())
}

// without returns the files that are needed no more. A file that a link which
// stays leads to stays, too.
func (c *contents) without(was, now map[string]bool, needed map[string]oci.Descriptor) map[string]bool {
	gone := map[string]bool{}
	for name := range was {
		if _, ok := needed[name]; !ok && !now[name] {
			gone[name] = true
		}
	}
	for name := range c.links {
		if !gone[name] {
			c.eachLink(name, func(at string) { delete(gone, at) })
		}
	}
	return gone
}

// names returns the files that an index.json and a manifest.json need, of those
// that are there: what one of them names and cannot be read is left out.
func (c *contents) names(index, list []byte) map[string]bool {
	all := map[string]bool{}
	var of oci.Manifest
	if json.Unmarshal(index, &of) == nil {
		for _, d := range of.Manifests {
			c.follow(d, all)
		}
	}
	var images []saved
	if json.Unmarshal(list, &images) == nil {
		for _, s := range images {
			for _, name := range append(s.Layers, s.Config) {
				c.eachLink(name, func(at string) { all[at] = true })
			}
		}
	}
	return all
}

// follow notes the files of what a descriptor names.
func (c *contents) follow(d oci.Descriptor, all map[string]bool) {
	if _, err := d.Digest.NewHash(); err != nil || all[d.Digest.Path()] {
		return
	}
	c.eachLink(d.Digest.Path(), func(at string) { all[at] = true })
	if !oci.IsIndex(d.MediaType) && !oci.IsManifest(d.MediaType) {
		return
	}
	raw, err := layout{c}.readSmall(d.Digest.Path())
	var m oci.Manifest
	if err != nil || json.Unmarshal(raw, &m) != nil {
		return
	}
	if m.Config != nil {
		c.follow(*m.Config, all)
	}
	for _, child := range append(m.Layers, m.Manifests...) {
		c.follow(child, all)
	}
}

// classic returns the files of the images in a manifest.json by their digests,
// where the archive has no OCI layout: docker save before Docker 25 named files
// otherwise.
func (c *contents) classic(ctx context.Context, list []byte) map[oci.Digest]string {
	all := map[oci.Digest]string{}
	var images []saved
	if json.Unmarshal(list, &images) != nil {
		return all
	}
	for _, s := range images {
		_, names, err := fromSaved(ctx, c, "", s)
		if err != nil {
			continue // it stays as it is
		}
		maps.Copy(all, names)
	}
	return all
}
