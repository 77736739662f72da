package image

import (
	"archive/tar"
	"bytes"
	"errors"
	"fmt"
	"io"
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
