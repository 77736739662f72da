package store

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/klauspost/compress/gzip"
	"golang.org/x/sync/errgroup"

	"github.com/certgraft/certgraft/image/internal/oci"
)

// Compress returns the image with its plain layers compressed, as an engine
// compresses them before a push: docker save writes plain layers. An index
// stays as it is. Each layer is compressed twice, once for its digest and once
// when it is read. So neither memory nor disk holds it. layers maps each plain
// layer to its compressed descriptor.
func Compress(ctx context.Context, img *oci.Image, jobs int) (made *oci.Image, layers map[oci.Digest]oci.Descriptor, err error) {
	if !oci.IsManifest(img.Descriptor.MediaType) {
		return img, nil, nil
	}
	m, err := oci.ParseManifest(img.Descriptor.MediaType, img.Raw())
	if err != nil {
		return nil, nil, err
	}
	source := compressor{Blobs: img.Blobs(), plain: map[oci.Digest]oci.Descriptor{}}
	packed := make([]oci.Descriptor, len(m.Layers))
	group, inner := errgroup.WithContext(ctx)
	group.SetLimit(max(jobs, 1))
	for i, l := range m.Layers {
		if l.MediaType != oci.LayerType && l.MediaType != oci.DockerLayer {
			continue
		}
		group.Go(func() error {
			var err error
			packed[i], err = source.measure(inner, l)
			return err
		})
	}
	if err := group.Wait(); err != nil {
		return nil, nil, fmt.Errorf("compress a layer: %w", err)
	}
	layers = map[oci.Digest]oci.Descriptor{}
	for i, d := range packed {
		if d.Digest != "" {
			source.plain[d.Digest], layers[m.Layers[i].Digest] = m.Layers[i], d
		}
	}
	if len(layers) == 0 {
		return img, nil, nil
	}
	made, err = withLayers(img, packed, source)
	return made, layers, err
}

// withLayers returns the image with other layers in its manifest, if they
// differ.
func withLayers(img *oci.Image, layers []oci.Descriptor, from oci.Blobs) (*oci.Image, error) {
	o, err := oci.ParseObject(img.Raw())
	if err != nil {
		return nil, err
	}
	entries, err := o.List("layers")
	if err != nil {
		return nil, err
	}
	for i, d := range layers {
		if d.Digest == "" {
			continue
		}
		entry, err := entries.Object(i)
		if err != nil {
			return nil, err
		}
		if err := errors.Join(entry.Redirect(d, nil), entries.Set(i, entry)); err != nil {
			return nil, err
		}
	}
	if err := o.Set("layers", entries); err != nil {
		return nil, err
	}
	raw := o.Encode()
	d := img.Descriptor
	d.Digest, d.Size = oci.DigestOf(raw), int64(len(raw))
	return img.With(d, raw, from), nil
}

// compressor compresses blobs while they are read.
type compressor struct {
	oci.Blobs
	plain map[oci.Digest]oci.Descriptor // by the digest of the compressed blob
}

func (p compressor) Open(ctx context.Context, d oci.Descriptor) (io.ReadCloser, error) {
	plain, ok := p.plain[d.Digest]
	if !ok {
		return p.Blobs.Open(ctx, d)
	}
	return p.compress(ctx, plain)
}

// compress returns the compressed blob. The encoder writes no time and no name,
// so the same blob gives the same bytes.
func (p compressor) compress(ctx context.Context, d oci.Descriptor) (io.ReadCloser, error) {
	body, err := oci.OpenVerified(ctx, p.Blobs, d)
	if err != nil {
		return nil, err
	}
	r, w := io.Pipe()
	go func() {
		z := gzip.NewWriter(w)
		_, err := io.Copy(z, body)
		if err == nil {
			err = z.Close()
		}
		body.Close()
		w.CloseWithError(err)
	}()
	return r, nil
}

// measure returns the descriptor of the compressed blob.
func (p compressor) measure(ctx context.Context, d oci.Descriptor) (oci.Descriptor, error) {
	r, err := p.compress(ctx, d)
	if err != nil {
		return oci.Descriptor{}, err
	}
	defer r.Close()
	sum := oci.NewSum()
	_, err = io.Copy(sum, r)
	suffix := "+gzip"
	if d.MediaType == oci.DockerLayer {
		suffix = ".gzip"
	}
	return sum.Describe(d.MediaType + suffix), err
}
