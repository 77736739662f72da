package oci

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
)

// Blobs is where content is read by its descriptor. What is read is verified
// by the caller.
type Blobs interface {
	Open(ctx context.Context, d Descriptor) (io.ReadCloser, error)
}

// Ranger is where parts of blobs can be read.
type Ranger interface {
	OpenRange(ctx context.Context, d Descriptor, from, to int64) (io.ReadCloser, error)
}

// ErrNoRange is what a registry that sends all of a blob comes to.
var ErrNoRange = errors.New("it sends no parts of blobs")

// Read returns the content that d names, verified. It is for manifests and
// configs, which are small.
func Read(ctx context.Context, from Blobs, d Descriptor) ([]byte, error) {
	if d.Size > MaxDocument {
		return nil, fmt.Errorf("read %s: %d bytes are too many for a manifest or config", d.Digest, d.Size)
	}
	body, err := from.Open(ctx, d)
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", d.Digest, err)
	}
	defer body.Close()
	v, err := NewVerifier(body, d)
	if err != nil {
		return nil, err
	}
	data, err := io.ReadAll(v)
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", d.Digest, err)
	}
	return data, nil
}

// MaxDocument bounds manifests and configs, which are held whole.
const MaxDocument = 8 << 20

// Added is content of this program's own on top of other blobs.
type Added struct {
	Blobs
	Content map[Digest][]byte
	Streams map[Digest]func(context.Context) (io.ReadCloser, error)
}

// Open implements [Blobs].
func (a Added) Open(ctx context.Context, d Descriptor) (io.ReadCloser, error) {
	if open, ok := a.Streams[d.Digest]; ok {
		return open(ctx)
	}
	if data, ok := a.Content[d.Digest]; ok {
		return io.NopCloser(bytes.NewReader(data)), nil
	}
	return a.Blobs.Open(ctx, d)
}

// Below returns where blobs were read before something was added.
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
	for {
		a, ok := b.(Added)
		if !ok {
			return false
		}
		_, made := a.Content[digest]
		if _, edited := a.Streams[digest]; made || edited {
			return true
		}
		b = a.Blobs
	}
}
