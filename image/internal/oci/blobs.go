package oci

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
)

// Blobs reads content by its descriptor. The caller verifies it.
type Blobs interface {
	Open(ctx context.Context, d Descriptor) (io.ReadCloser, error)
}

// Ranger reads parts of blobs.
type Ranger interface {
	OpenRange(ctx context.Context, d Descriptor, from, to int64) (io.ReadCloser, error)
}

// Haver knows, without reading, whether it has content.
type Haver interface {
	Has(d Descriptor) bool
}

// Announcer is told of content before it is opened, so that it knows the total
// size of a transfer.
type Announcer interface {
	Announce(d Descriptor)
}

// Has reports whether from has the content, if it can know without reading. A
// registry is assumed to have all content that its manifests name.
func Has(from Blobs, d Descriptor) bool {
	if IsAdded(from, d.Digest) {
		return true
	}
	h, ok := Below(from).(Haver)
	return !ok || h.Has(d)
}

// ErrNoRange is the error of a registry that sends only whole blobs.
var ErrNoRange = errors.New("it sends no parts of blobs")

// Read returns the content of d, verified. It is for manifests and configs,
// which are small.
func Read(ctx context.Context, from Blobs, d Descriptor) ([]byte, error) {
	if d.Size > MaxDocument {
		return nil, fmt.Errorf("read %s: %d bytes are too many for a manifest or config", d.Digest, d.Size)
	}
	body, err := OpenVerified(ctx, from, d)
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", d.Digest, err)
	}
	defer body.Close()
	data, err := io.ReadAll(body)
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", d.Digest, err)
	}
	return data, nil
}

// MaxDocument bounds manifests and configs, in bytes: memory holds each whole.
const MaxDocument = 8 << 20

// OpenVerified opens a blob. Reading fails if the content differs from the
// digest.
func OpenVerified(ctx context.Context, from Blobs, d Descriptor) (io.ReadCloser, error) {
	body, err := from.Open(ctx, d)
	if err != nil {
		return nil, err
	}
	v, err := NewVerifier(body, d)
	if err != nil {
		return nil, errors.Join(err, body.Close())
	}
	return ReadCloser{v, body}, nil
}

// Added is new content of this program on top of other blobs.
type Added struct {
	Blobs
	Made map[Digest]Opener
}

// An Opener opens content of this program, which may be made while it is read.
type Opener func(context.Context) (io.ReadCloser, error)

// Bytes opens data.
func Bytes(data []byte) Opener {
	return func(context.Context) (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(data)), nil }
}

// Open implements [Blobs].
func (a Added) Open(ctx context.Context, d Descriptor) (io.ReadCloser, error) {
	if open, ok := a.Made[d.Digest]; ok {
		return open(ctx)
	}
	return a.Blobs.Open(ctx, d)
}

// Below returns the blobs below all added content.
func Below(b Blobs) Blobs {
	for {
		a, ok := b.(Added)
		if !ok {
			return b
		}
		b = a.Blobs
	}
}

// IsAdded reports whether this program made the content.
func IsAdded(b Blobs, digest Digest) bool {
	a, ok := b.(Added)
	return ok && (a.Made[digest] != nil || IsAdded(a.Blobs, digest))
}
