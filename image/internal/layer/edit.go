package layer

import (
	"archive/tar"
	"bytes"
	"errors"
	"fmt"
	"io"
)

// Edit says how the archive of one layer changes.
type Edit struct {
	Instead map[int]*Made // replacements of entries, by place; nil removes the entry
	Added   []Made        // after the last entry
}

// Made is a new entry.
type Made struct {
	Header *tar.Header
	Data   []byte
}

func (n *Made) entry() *Entry {
	e := EntryOf(n.Header)
	if e.Type == tar.TypeReg {
		e.keep(n.Data)
	}
	return e
}

// Apply returns the listing of the edited layer.
func (edit *Edit) Apply(l *Listing) (*Listing, error) {
	w, err := NewWriter()
	if err != nil {
		return nil, err
	}
	err = l.Each(func(i int, e *Entry) error {
		other, edited := edit.Instead[i]
		switch {
		case !edited:
			w.add(e)
		case other != nil:
			w.add(other.entry())
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	for _, a := range edit.Added {
		w.add(a.entry())
	}
	return w.Listing()
}

// retar copies the archive of a layer with an edit. Unedited entries keep their
// bytes: parsing a header and writing it again would lose records that the
// reader does not know.
func retar(w io.Writer, r io.Reader, edit *Edit) error {
	raw := &recorder{r: r}
	archive := tar.NewReader(raw)
	last := w // destination of the previous entry
	for i := 0; ; {
		var head bytes.Buffer
		raw.to = &head
		padding := int(-raw.at & 511) // of the previous entry, which Next reads
		h, err := archive.Next()
		if err != nil && !errors.Is(err, io.EOF) {
			return err
		}
		padding = min(padding, head.Len())
		if _, err := last.Write(head.Next(padding)); err != nil {
			return err
		}
		if err != nil {
			return endArchive(w, &head, r, edit.Added)
		}
		last = w
		if h.Typeflag != tar.TypeXGlobalHeader {
			other, edited := edit.Instead[i]
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

// endArchive writes the added entries, and then the original end of the
// archive.
func endArchive(w io.Writer, trailer *bytes.Buffer, rest io.Reader, added []Made) error {
	for i := range added {
		if err := writeEntry(w, &added[i]); err != nil {
			return err
		}
	}
	if trailer.Len() == 0 {
		trailer.Write(make([]byte, 1024)) // the archive had no end marker
	}
	_, err := io.Copy(w, io.MultiReader(trailer, rest))
	return err
}

func writeEntry(w io.Writer, e *Made) error {
	if e == nil {
		return nil
	}
	archive := tar.NewWriter(w)
	if err := archive.WriteHeader(e.Header); err != nil {
		return fmt.Errorf("%s: %w", e.Header.Name, err)
	}
	if _, err := archive.Write(e.Data); err != nil {
		return fmt.Errorf("%s: %w", e.Header.Name, err)
	}
	return archive.Flush()
}

// recorder copies all bytes that are read through it.
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
