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
	"bytes"
	"context"
	"fmt"
	"io"
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

// blobs is where content is read by its descriptor. What is read is verified
// by the caller.
type blobs interface {
	open(ctx context.Context, d Descriptor) (io.ReadCloser, error)
}

// added is content of this program's own on top of other blobs.
type added struct {
	blobs
	content map[Digest][]byte
	streams map[Digest]func(context.Context) (io.ReadCloser, error)
}

func (a added) open(ctx context.Context, d Descriptor) (io.ReadCloser, error) {
	if open, ok := a.streams[d.Digest]; ok {
		return open(ctx)
	}
	if data, ok := a.content[d.Digest]; ok {
		return io.NopCloser(bytes.NewReader(data)), nil
	}
	return a.blobs.open(ctx, d)
}

// below returns where blobs were read before something was added.
func below(b blobs) blobs {
	for {
		a, ok := b.(added)
		if !ok {
			return b
		}
		b = a.blobs
	}
}

// isAdded reports whether this program made the content.
func isAdded(b blobs, digest Digest) bool {
	for {
		a, ok := b.(added)
		if !ok {
			return false
		}
		_, made := a.content[digest]
		if _, edited := a.streams[digest]; made || edited {
			return true
		}
		b = a.blobs
	}
}

// read returns the content that d names, verified. It is for manifests and
// configs, which are small.
func read(ctx context.Context, from blobs, d Descriptor) ([]byte, error) {
	if d.Size > maxDocument {
		return nil, fmt.Errorf("read %s: %d bytes are too many for a manifest or config", d.Digest, d.Size)
	}
	body, err := from.open(ctx, d)
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", d.Digest, err)
	}
	defer body.Close()
	v, err := newVerifier(body, d)
	if err != nil {
		return nil, err
	}
	data, err := io.ReadAll(v)
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", d.Digest, err)
	}
	return data, nil
}

// maxDocument bounds manifests and configs, which are held whole.
const maxDocument = 8 << 20
