// Package oci holds manifests, indexes and configs of images, and reads content
// by its descriptor. It edits documents as raw JSON, see [Object]: members that
// it does not know keep their bytes.
//
// See https://github.com/opencontainers/image-spec.
package oci

import (
	"context"
	"fmt"
	"io"
	"slices"
	"strings"
)

// An Image is a manifest, or an index of several, and the place that holds its
// content.
type Image struct {
	Name       string     // as the user wrote its location
	Reference  string     // name in a registry; "" elsewhere
	Descriptor Descriptor // of the manifest or index
	Tags       []string   // names that a container engine gave it, if any

	raw  []byte
	from Blobs
}

// NewImage returns an image without a name.
func NewImage(d Descriptor, raw []byte, from Blobs) *Image {
	return &Image{Descriptor: d, raw: raw, from: from}
}

// NewDocument returns an image with a new manifest.
func NewDocument(m Manifest, from Blobs) (*Image, error) {
	raw, err := EncodeJSON(m)
	return NewImage(Describe(m.MediaType, raw), raw, from), err
}

// With returns an image with the same names and other content.
func (img *Image) With(d Descriptor, raw []byte, from Blobs) *Image {
	other := NewImage(d, raw, from)
	other.Name, other.Reference, other.Tags = img.Name, img.Reference, img.Tags
	return other
}

// Raw returns the bytes of the manifest or index. They must not be changed.
func (img *Image) Raw() []byte { return img.raw }

// Blobs returns the place of the image's content.
func (img *Image) Blobs() Blobs { return img.from }

// Contents calls visit once for each part of the image. A part comes before the
// document that names it.
func (img *Image) Contents(ctx context.Context, visit func(d Descriptor, open func() (io.ReadCloser, error)) error) error {
	seen := map[Digest]bool{}
	var walk func(d Descriptor, raw []byte) error
	walk = func(d Descriptor, raw []byte) error {
		if seen[d.Digest] {
			return nil
		}
		seen[d.Digest] = true
		m, err := ParseManifest(d.MediaType, raw)
		if err != nil {
			return err
		}
		for _, child := range m.Manifests {
			raw, err := Read(ctx, img.from, child)
			if err != nil {
				return err
			}
			if err := walk(child, raw); err != nil {
				return err
			}
		}
		for _, blob := range BlobsOf(m) {
			if seen[blob.Digest] {
				continue
			}
			seen[blob.Digest] = true
			if err := visit(blob, func() (io.ReadCloser, error) { return OpenVerified(ctx, img.from, blob) }); err != nil {
				return fmt.Errorf("copy %s: %w", blob.Digest, err)
			}
		}
		return visit(d, func() (io.ReadCloser, error) { return io.NopCloser(strings.NewReader(string(raw))), nil })
	}
	return walk(img.Descriptor, img.raw)
}

// BlobsOf returns the blobs that an image's manifest names and a registry must
// have, each once.
func BlobsOf(m *Manifest) []Descriptor {
	var all []Descriptor
	if m.Config != nil {
		all = append(all, *m.Config)
	}
	for _, l := range m.Layers {
		if !IsForeign(l.MediaType) && !slices.ContainsFunc(all, func(d Descriptor) bool { return d.Digest == l.Digest }) {
			all = append(all, l)
		}
	}
	return all
}
