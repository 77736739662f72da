// Package image edits the root file system of container images, where they are
// kept: in a registry, an OCI layout, an archive or a container engine.
//
// Start with [Update]: it shows an edit the root of each platform's image as a
// [rootfs.Overlay], and adds what the edit changes as one more layer. Nothing
// else of the image is touched: manifests and configs are edited as raw JSON,
// so that fields that this package does not know survive. [Locations] turns
// what users write (REGISTRY/REPO:TAG, oci:DIR, docker-archive:FILE …) into a
// [Location], from which an [Image] is got and to which it is put.
//
// The root of an image is what its layers come to, see [Root]. Each layer is
// read once, as a stream, several at a time; kept are what it says of each name
// and the contents of the few files that an edit is likely to read. An error
// while a layer is read is an error: it never passes for a file that is not
// there.
//
// See https://github.com/opencontainers/image-spec for manifests, layers and
// layouts, and https://github.com/opencontainers/distribution-spec for
// registries.
package image

import (
	"context"
	"fmt"
	"io"
	"slices"
	"strings"
)

// An Image is a manifest, or an index of several, and the place where what it
// names is read.
type Image struct {
	Name       string     // as its location was named
	Reference  string     // by which a registry has it; "" elsewhere
	Descriptor Descriptor // of the manifest or index
	Tags       []string   // by which a container engine knows it, where it came with some

	raw  []byte
	from blobs
}

// newImage returns an image without a name.
func newImage(d Descriptor, raw []byte, from blobs) *Image {
	return &Image{Descriptor: d, raw: raw, from: from}
}

// with returns an image of the same names with other content.
func (img *Image) with(d Descriptor, raw []byte, from blobs) *Image {
	other := newImage(d, raw, from)
	other.Name, other.Reference, other.Tags = img.Name, img.Reference, img.Tags
	return other
}

// Raw returns the bytes of the manifest or index. They must not be changed.
func (img *Image) Raw() []byte { return img.raw }

// contents calls visit for everything that the image is made of, once each,
// what is named before what names it.
func (img *Image) contents(ctx context.Context, visit func(d Descriptor, open func() (io.ReadCloser, error)) error) error {
	seen := map[Digest]bool{}
	var walk func(d Descriptor, raw []byte) error
	walk = func(d Descriptor, raw []byte) error {
		if seen[d.Digest] {
			return nil
		}
		seen[d.Digest] = true
		m, err := parseManifest(d.MediaType, raw)
		if err != nil {
			return err
		}
		for _, child := range m.Manifests {
			raw, err := read(ctx, img.from, child)
			if err != nil {
				return err
			}
			if err := walk(child, raw); err != nil {
				return err
			}
		}
		for _, blob := range blobsOf(m) {
			if seen[blob.Digest] {
				continue
			}
			seen[blob.Digest] = true
			if err := visit(blob, func() (io.ReadCloser, error) { return img.openVerified(ctx, blob) }); err != nil {
				return fmt.Errorf("copy %s: %w", blob.Digest, err)
			}
		}
		return visit(d, func() (io.ReadCloser, error) { return io.NopCloser(strings.NewReader(string(raw))), nil })
	}
	return walk(img.Descriptor, img.raw)
}

// openVerified opens a blob; reading it fails if it is not what its digest says.
func (img *Image) openVerified(ctx context.Context, d Descriptor) (io.ReadCloser, error) {
	body, err := img.from.open(ctx, d)
	if err != nil {
		return nil, err
	}
	v, err := newVerifier(body, d)
	if err != nil {
		body.Close()
		return nil, err
	}
	return readCloser{v, body}, nil
}

// blobsOf returns what an image's manifest names and a registry must have, each
// once.
func blobsOf(m *manifest) []Descriptor {
	var all []Descriptor
	if m.Config != nil {
		all = append(all, *m.Config)
	}
	for _, l := range m.Layers {
		if !isForeign(l.MediaType) && !slices.ContainsFunc(all, func(d Descriptor) bool { return d.Digest == l.Digest }) {
			all = append(all, l)
		}
	}
	return all
}
