package image

import (
	"bytes"
	"context"
	"fmt"
	"io"
)

// blobs is where content is read by its descriptor. What is read is verified
// by the caller.
type blobs interface {
	open(ctx context.Context, d Descriptor) (io.ReadCloser, error)
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
