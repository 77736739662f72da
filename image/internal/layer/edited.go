package layer

import (
	"context"
	"errors"
	"io"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"

	"github.com/certgraft/certgraft/image/internal/oci"
)

// Edited is a layer with an edit. Each read makes it again, so neither memory
// nor disk holds it. It has the same bytes each time.
type Edited struct {
	From oci.Blobs
	Was  oci.Descriptor
	Edit *Edit
	Most int64 // limit of the unpacked layer
}

// Open returns the edited layer, with the compression of the original.
func (l Edited) Open(ctx context.Context) (io.ReadCloser, error) {
	r, w := io.Pipe()
	go func() {
		_, err := l.write(ctx, w)
		w.CloseWithError(err)
	}()
	return r, nil
}

// Measure returns the descriptor and the DiffID of the layer.
func (l Edited) Measure(ctx context.Context) (*Built, error) {
	sum := oci.NewSum()
	diffID, err := l.write(ctx, sum)
	if err != nil {
		return nil, ReadError(l.Was, err)
	}
	return &Built{sum.Describe(l.Was.MediaType), diffID}, nil
}

// Built is a new layer.
type Built struct {
	Desc   oci.Descriptor
	DiffID oci.Digest
}

// write writes the layer, with the compression of the original, and returns the
// digest of the unpacked archive.
func (l Edited) write(ctx context.Context, w io.Writer) (oci.Digest, error) {
	body, err := oci.OpenVerified(ctx, l.From, l.Was)
	if err != nil {
		return "", err
	}
	defer body.Close()
	unpacked, kind, err := oci.Unpack(body, l.Was.MediaType)
	if err != nil {
		return "", err
	}
	defer unpacked.Close()
	packed, err := newPacker(w, kind)
	if err != nil {
		return "", err
	}
	sum := oci.NewSum()
	err = retar(io.MultiWriter(sum, packed), Bound(oci.WithContext(ctx, unpacked), l.Most), l.Edit)
	if err == nil {
		_, err = io.Copy(io.Discard, body)
	}
	return sum.Digest(), errors.Join(err, packed.Close())
}

// newPacker compresses a stream. The same stream gives the same bytes.
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
