package layer

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"

	"github.com/certgraft/certgraft/image/internal/oci"
)

// Edited is a layer with an edit. It is made anew each time that it is
// read, so that nothing is held and nothing is on disk; it comes to the same
// bytes each time.
type Edited struct {
	From oci.Blobs
	Was  oci.Descriptor
	Edit *Edit
	Most int64 // to which the layer may unpack
}

// Open returns the edited layer, compressed as it was.
func (l Edited) Open(ctx context.Context) (io.ReadCloser, error) {
	r, w := io.Pipe()
	go func() {
		_, err := l.write(ctx, w)
		w.CloseWithError(err)
	}()
	return r, nil
}

// Measure returns what the layer is named by.
func (l Edited) Measure(ctx context.Context) (*Built, error) {
	h := sha256.New()
	size := counter(0)
	diffID, err := l.write(ctx, io.MultiWriter(h, &size))
	if err != nil {
		return nil, ReadError(l.Was, err)
	}
	return &Built{oci.Descriptor{MediaType: l.Was.MediaType, Digest: oci.Digest(fmt.Sprintf("sha256:%x", h.Sum(nil))), Size: int64(size)}, diffID}, nil
}

// Built is a layer that was made.
type Built struct {
	Desc   oci.Descriptor
	DiffID oci.Digest
}

type counter int64

func (c *counter) Write(p []byte) (int, error) {
	*c += counter(len(p))
	return len(p), nil
}

// write writes the layer, compressed as it was, and returns the digest of what
// it unpacks to.
func (l Edited) write(ctx context.Context, w io.Writer) (oci.Digest, error) {
	body, err := l.From.Open(ctx, l.Was)
	if err != nil {
		return "", err
	}
	defer body.Close()
	checked, err := oci.NewVerifier(body, l.Was)
	if err != nil {
		return "", err
	}
	unpacked, kind, err := oci.UnpackKind(checked, l.Was.MediaType)
	if err != nil {
		return "", err
	}
	defer unpacked.Close()
	packed, err := newPacker(w, kind)
	if err != nil {
		return "", err
	}
	h := sha256.New()
	err = retar(io.MultiWriter(h, packed), Bound(oci.WithContext(ctx, unpacked), l.Most), l.Edit)
	if err == nil {
		_, err = io.Copy(io.Discard, checked)
	}
	return oci.Digest(fmt.Sprintf("sha256:%x", h.Sum(nil))), errors.Join(err, packed.Close())
}

// newPacker compresses a stream. The same stream gives the same
// bytes.
func newPacker(w io.Writer, kind oci.Compression) (io.WriteCloser, error) {
	switch kind {
	case oci.Gzipped:
		return gzip.NewWriter(w), nil
	case oci.Zstandard:
		return zstd.NewWriter(w, zstd.WithEncoderConcurrency(1), zstd.WithLowerEncoderMem(true), zstd.WithWindowSize(1<<20))
	}
	return nopCloser{w}, nil
}

type nopCloser struct{ io.Writer }

func (nopCloser) Close() error { return nil }
