// Package layer reads and edits the layers of images. [Reader] and [TOC] make
// the [Listing] of a layer, [Stack] makes a root of listings, [FS] shows the
// root as a file system, and an [Edit] changes the archive of a layer.
//
// See "Layer" in https://github.com/opencontainers/image-spec.
package layer

import (
	"archive/tar"
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/certgraft/certgraft/image/internal/oci"
	"github.com/certgraft/certgraft/internal/hint"
)

// Reader reads layers.
type Reader struct {
	Keep   func(name string) bool // files whose contents are kept
	Max    int64                  // limit of an unpacked layer
	Budget *Budget                // for all layers of an image together; nil is unlimited
}

// Most returns the limit of an unpacked layer.
func (lr Reader) Most() int64 {
	if lr.Max <= 0 {
		return DefaultMaxLayerSize
	}
	return lr.Max
}

// Read reads the layer of d from r to its end, and verifies it.
func (lr Reader) Read(ctx context.Context, r io.Reader, d oci.Descriptor) (*Listing, error) {
	listing, err := NewWriter()
	if err != nil {
		return nil, err
	}
	room := int64(MaxAllKept)
	err = Walk(ctx, r, d, lr.Most(), func(_ int, h *tar.Header, content io.Reader) (bool, error) {
		if !lr.Budget.forName(HeaderSize(h)) {
			return false, ErrTooManyNames
		}
		e := EntryOf(h)
		if e.Type == tar.TypeReg && h.Size <= min(MaxKept, room) && lr.Keep != nil && lr.Keep(e.Name) && lr.Budget.ForContent(h.Size) {
			room -= h.Size
			data, err := io.ReadAll(content)
			if err != nil {
				return false, err
			}
			e.keep(data)
		}
		listing.add(e)
		return true, nil
	})
	if err != nil {
		return nil, err
	}
	return listing.Listing()
}

// Walk calls visit for each entry of the layer of d, until visit returns false.
// It verifies the layer only if it reads to the end. It verifies the downloaded
// bytes; these determine the unpacked ones.
func Walk(ctx context.Context, r io.Reader, d oci.Descriptor, most int64, visit func(i int, h *tar.Header, content io.Reader) (more bool, err error)) error {
	packed, err := oci.NewVerifier(r, d)
	if err != nil {
		return err
	}
	unpacked, _, err := oci.Unpack(packed, d.MediaType)
	if err != nil {
		return ReadError(d, err)
	}
	defer unpacked.Close()
	bounded := Bound(oci.WithContext(ctx, unpacked), most)
	more, err := walkEntries(bounded, MaxHeaders, visit)
	if err != nil || !more {
		return ReadError(d, err)
	}
	if _, err := io.Copy(io.Discard, bounded); err != nil { // the bytes after the end of the archive
		return ReadError(d, err)
	}
	_, err = io.Copy(io.Discard, packed)
	return ReadError(d, err)
}

func walkEntries(r io.Reader, most int, visit func(i int, h *tar.Header, content io.Reader) (bool, error)) (more bool, err error) {
	archive := tar.NewReader(r)
	held, headers := 0, 0
	for i := 0; ; headers++ {
		h, err := archive.Next()
		switch {
		case errors.Is(err, io.EOF):
			return true, nil
		case err != nil:
			return false, err
		case headers >= maxEntries:
			return false, errTooManyEntries
		case h.Typeflag == tar.TypeXGlobalHeader:
			continue
		}
		if held += HeaderSize(h); held > most {
			return false, ErrTooManyNames
		}
		if len(h.Name) > maxName || len(h.Linkname) > maxName {
			return false, fmt.Errorf("a name in it, %.40q…, has %d bytes: systems take up to %d", h.Name, max(len(h.Name), len(h.Linkname)), maxName)
		}
		if more, err := visit(i, h, archive); err != nil || !more {
			return false, err
		}
		i++
	}
}

// HeaderSize estimates the memory that a header takes.
func HeaderSize(h *tar.Header) int {
	n := 100 + len(h.Name) + len(h.Linkname)
	for key, value := range h.PAXRecords {
		n += len(key) + len(value)
	}
	return n
}

// ReadError names the layer in an error; it is nil for nil.
func ReadError(d oci.Descriptor, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("read layer %s: %w", d.Digest, err)
}

// Bound returns a reader that fails after most bytes of an unpacked layer.
func Bound(r io.Reader, most int64) io.Reader { return &bounded{r: r, left: most} }

type bounded struct {
	r    io.Reader
	left int64
}

func (b *bounded) Read(p []byte) (int, error) {
	n, err := b.r.Read(p)
	if b.left -= int64(n); b.left < 0 {
		return 0, hint.Add(errors.New("it unpacks to more than the limit for a layer"), "if the image is meant to be that large, allow it with --max-layer-size")
	}
	return n, err
}
