package store

import (
	"context"
	"encoding/json"
	"errors"
	"io/fs"
	"maps"

	"github.com/certgraft/certgraft/image/internal/oci"
	"github.com/certgraft/certgraft/internal/hint"
)

// documents returns index.json and manifest.json. An archive of images must
// have one of them.
func (c *contents) documents(ctx context.Context) (index, list []byte, err error) {
	if index, err = c.read("index.json"); err == nil {
		list, err = c.read(savedFile)
	}
	if err == nil && index == nil && list == nil {
		err = hint.Add(errors.New("it is an archive of something else: it has neither index.json nor manifest.json"), "remove the file, or name another")
	}
	return index, list, errors.Join(err, ctx.Err())
}

// without returns the files that are no longer needed. It keeps the target of a
// link that stays.
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

// names returns the existing files that index.json and manifest.json need. It
// leaves out names that it cannot read.
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

// follow notes the files below a descriptor.
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

// classic returns the files of the images in manifest.json by their digests. It
// is for an archive without an OCI layout: before Docker 25, docker save named
// files differently.
func (c *contents) classic(ctx context.Context, list []byte) map[oci.Digest]string {
	all := map[oci.Digest]string{}
	var images []saved
	if json.Unmarshal(list, &images) != nil {
		return all
	}
	for _, s := range images {
		_, names, err := fromSaved(ctx, c, "", s)
		if err != nil {
			continue // keep its files unchanged
		}
		maps.Copy(all, names)
	}
	return all
}

// read returns a small file, or nil if it does not exist.
func (c *contents) read(name string) ([]byte, error) {
	raw, err := layout{c}.readSmall(name)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	return raw, err
}
