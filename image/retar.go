package image

import (
	"archive/tar"
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
)

// layerEdit is what is done to the archive of one layer.
type layerEdit struct {
	instead map[int]*newEntry // of the entry at a place; nil has it left out
	added   []newEntry        // at the end
}

// newEntry is an entry that is made.
type newEntry struct {
	header *tar.Header
	data   []byte
}

// retar copies the archive of a layer with an edit. All that is not edited keeps
// its bytes: headers are not read and written anew, which would lose what the
// reader does not know.
func retar(w io.Writer, r io.Reader, edit *layerEdit) error {
	raw := &recorder{r: r}
	archive := tar.NewReader(raw)
	last := w // where the entry before goes
	for i := 0; ; {
		var head bytes.Buffer
		raw.to = &head
		padding := int(-raw.at & 511) // of the entry before, which Next reads
		h, err := archive.Next()
		if err != nil && !errors.Is(err, io.EOF) {
			return err
		}
		padding = min(padding, head.Len())
		if _, err := last.Write(head.Next(padding)); err != nil {
			return err
		}
		if err != nil {
			return endArchive(w, &head, r, edit.added)
		}
		last = w
		if h.Typeflag != tar.TypeXGlobalHeader {
			other, edited := edit.instead[i]
			if i++; edited {
				last = io.Discard
				if err := writeEntry(w, other); err != nil {
					return err
				}
			}
		}
		if _, err := last.Write(head.Bytes()); err != nil {
			return err
		}
		raw.to = last
		if _, err := io.Copy(io.Discard, archive); err != nil {
			return err
		}
	}
}

// endArchive writes what is added, and then the end of the archive as it was.
func endArchive(w io.Writer, trailer *bytes.Buffer, rest io.Reader, added []newEntry) error {
	for i := range added {
		if err := writeEntry(w, &added[i]); err != nil {
			return err
		}
	}
	if trailer.Len() == 0 {
		trailer.Write(make([]byte, 1024)) // it had none
	}
	_, err := io.Copy(w, io.MultiReader(trailer, rest))
	return err
}

func writeEntry(w io.Writer, e *newEntry) error {
	if e == nil {
		return nil
	}
	archive := tar.NewWriter(w)
	if err := archive.WriteHeader(e.header); err != nil {
		return fmt.Errorf("%s: %w", e.header.Name, err)
	}
	if _, err := archive.Write(e.data); err != nil {
		return fmt.Errorf("%s: %w", e.header.Name, err)
	}
	return archive.Flush()
}

// recorder copies what is read through it.
type recorder struct {
	r  io.Reader
	to io.Writer
	at int64
}

func (r *recorder) Read(p []byte) (int, error) {
	n, err := r.r.Read(p)
	r.at += int64(n)
	if _, werr := r.to.Write(p[:n]); werr != nil {
		return n, werr
	}
	return n, err
}

// editedLayer is a layer with an edit. It is made anew each time that it is
// read, so that nothing is held and nothing is on disk; it comes to the same
// bytes each time.
type editedLayer struct {
	from blobs
	was  Descriptor
	edit *layerEdit
	most int64 // to which the layer may unpack
}

func (l editedLayer) open(ctx context.Context) (io.ReadCloser, error) {
	r, w := io.Pipe()
	go func() {
		_, err := l.write(ctx, w)
		w.CloseWithError(err)
	}()
	return r, nil
}

// write writes the layer, compressed as it was, and returns the digest of what
// it unpacks to.
func (l editedLayer) write(ctx context.Context, w io.Writer) (Digest, error) {
	body, err := l.from.open(ctx, l.was)
	if err != nil {
		return "", err
	}
	defer body.Close()
	checked, err := newVerifier(body, l.was)
	if err != nil {
		return "", err
	}
	unpacked, kind, err := unpackKind(checked, l.was.MediaType)
	if err != nil {
		return "", err
	}
	defer unpacked.Close()
	packed, err := newPacker(w, kind)
	if err != nil {
		return "", err
	}
	h := sha256.New()
	err = retar(io.MultiWriter(h, packed), &bounded{r: withContext(ctx, unpacked), left: l.most}, l.edit)
	if err == nil {
		_, err = io.Copy(io.Discard, checked)
	}
	return Digest(fmt.Sprintf("sha256:%x", h.Sum(nil))), errors.Join(err, packed.Close())
}

// measure returns what the layer is named by.
func (l editedLayer) measure(ctx context.Context) (*newLayer, error) {
	h := sha256.New()
	size := counter(0)
	diffID, err := l.write(ctx, io.MultiWriter(h, &size))
	if err != nil {
		return nil, layerError(l.was, err)
	}
	return &newLayer{Descriptor{MediaType: l.was.MediaType, Digest: Digest(fmt.Sprintf("sha256:%x", h.Sum(nil))), Size: int64(size)}, diffID}, nil
}

type counter int64

func (c *counter) Write(p []byte) (int, error) {
	*c += counter(len(p))
	return len(p), nil
}

// newPacker compresses a stream. As in [pack], the same stream gives the same
// bytes.
func newPacker(w io.Writer, kind compression) (io.WriteCloser, error) {
	switch kind {
	case gzipped:
		return gzip.NewWriter(w), nil
	case zstandard:
		return zstd.NewWriter(w, zstd.WithEncoderConcurrency(1), zstd.WithLowerEncoderMem(true), zstd.WithWindowSize(1<<20))
	}
	return nopCloser{w}, nil
}

type nopCloser struct{ io.Writer }

func (nopCloser) Close() error { return nil }
