package layer

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"maps"
	"slices"

	"github.com/klauspost/compress/zstd"
)

// Listing keeps the metadata of a layer's entries, in their order, and the
// contents of some files. It is packed as the caches keep it: numbers as
// varints, each string and file after its length, compressed with a checksum.
// The listing of hundreds of thousands of files takes a few megabytes.
type Listing struct {
	Packed []byte
	Own    bool // it lists a layer of certgraft's own
	Ranged bool // it comes from a table of contents: places are places in the table
}

// Open returns the listing in packed bytes, which it reads to the end first.
func Open(packed []byte) (*Listing, error) {
	l := &Listing{Packed: packed}
	err := l.Each(func(_ int, e *Entry) error {
		l.Own = l.Own || e.Marked
		return nil
	})
	if err != nil {
		return nil, err
	}
	return l, nil
}

// Each calls visit for each entry. The next call reuses the entry, but not its
// More, so visit must copy an entry to keep it.
func (l *Listing) Each(visit func(i int, e *Entry) error) error {
	z, err := zstd.NewReader(bytes.NewReader(l.Packed), zstd.WithDecoderConcurrency(1), zstd.WithDecoderLowmem(true), zstd.WithDecoderMaxWindow(8*window))
	if err != nil {
		return err
	}
	defer z.Close()
	r := listingReader{r: bufio.NewReaderSize(io.LimitReader(z, MaxHeaders+MaxAllKept), 16<<10)}
	var e Entry
	for i := 0; i <= maxEntries; i++ {
		more := r.number()
		switch {
		case r.err != nil:
			return r.err
		case more == 0:
			if _, err := r.r.ReadByte(); !errors.Is(err, io.EOF) { // reading the end verifies the checksum
				return errors.Join(errDamaged, err)
			}
			return nil
		case more != 1:
			return errDamaged
		}
		if r.entry(&e); r.err != nil {
			return r.err
		}
		if err := visit(i, &e); err != nil {
			return err
		}
	}
	return errDamaged
}

// With returns the listing with the contents of more files, by the places of
// their entries.
func (l *Listing) With(contents map[int32][]byte) (*Listing, error) {
	w, err := NewWriter()
	if err != nil {
		return nil, err
	}
	err = l.Each(func(i int, e *Entry) error {
		if data, ok := contents[int32(i)]; ok {
			e.keep(data)
		}
		w.add(e)
		return nil
	})
	if err != nil {
		return nil, err
	}
	return w.Listing()
}

var errDamaged = errors.New("it is damaged")

type listingReader struct {
	r   *bufio.Reader
	err error
}

func (r *listingReader) entry(e *Entry) {
	*e = Entry{Name: r.text()}
	e.Type, e.Mode, e.UID, e.GID = byte(r.number()), uint16(r.number()), uint32(r.number()), uint32(r.number())
	e.Size, e.Sec, e.Nsec = r.number(), r.number(), int32(r.number())
	bits := r.number()
	e.Marked, e.Kept = bits&1 != 0, bits&2 != 0
	if bits&4 != 0 {
		e.More = r.extra()
	}
}

func (r *listingReader) extra() *Extra {
	more := &Extra{Link: r.text()}
	for range r.number() {
		if r.err != nil {
			break
		}
		key := r.text()
		more.Xattrs = WithRecord(more.Xattrs, key, r.text())
	}
	more.Data = r.bytes()
	return more
}

func (r *listingReader) number() int64 {
	if r.err != nil {
		return 0
	}
	v, err := binary.ReadVarint(r.r)
	r.fail(err)
	return v
}

// bytes reads a length and as many bytes. It does not allocate room for a false
// length.
func (r *listingReader) bytes() []byte {
	n := r.number()
	if r.err != nil || n == 0 {
		return nil
	}
	if n < 0 || n > MaxKept {
		r.err = errDamaged
		return nil
	}
	var data []byte
	if n <= 64<<10 {
		data = make([]byte, n)
		_, err := io.ReadFull(r.r, data)
		r.fail(err)
		return data
	}
	data, err := io.ReadAll(io.LimitReader(r.r, n))
	if err == nil && int64(len(data)) < n {
		err = io.ErrUnexpectedEOF
	}
	r.fail(err)
	return slices.Clip(data)
}

func (r *listingReader) text() string { return string(r.bytes()) }

func (r *listingReader) fail(err error) {
	if err != nil {
		r.err = errors.Join(errDamaged, err)
	}
}

// NewWriter returns a writer of one listing.
func NewWriter() (*Writer, error) {
	w := &Writer{buf: make([]byte, 0, 64<<10)}
	var err error
	w.z, err = zstd.NewWriter(&w.packed, zstd.WithEncoderConcurrency(1), zstd.WithEncoderCRC(true), zstd.WithLowerEncoderMem(true), zstd.WithWindowSize(window))
	return w, err
}

// Writer packs a listing, entry by entry.
type Writer struct {
	packed bytes.Buffer
	z      *zstd.Encoder
	buf    []byte
	marked bool
	err    error
}

// window is the distance that the compression looks back. Reading takes as much
// memory.
const window = 1 << 20

// add packs one entry.
func (w *Writer) add(e *Entry) {
	w.number(1)
	w.text(e.Name)
	for _, v := range []int64{int64(e.Type), int64(e.Mode), int64(e.UID), int64(e.GID), e.Size, e.Sec, int64(e.Nsec), flags(e)} {
		w.number(v)
	}
	w.marked = w.marked || e.Marked
	if e.More == nil {
		return
	}
	w.text(e.More.Link)
	w.number(int64(len(e.More.Xattrs)))
	for _, key := range slices.Sorted(maps.Keys(e.More.Xattrs)) {
		w.text(key)
		w.text(e.More.Xattrs[key])
	}
	w.text(string(e.More.Data))
}

// Listing ends the packing and returns the listing.
func (w *Writer) Listing() (*Listing, error) {
	w.number(0)
	w.flush()
	if err := errors.Join(w.err, w.z.Close()); err != nil {
		return nil, err
	}
	return &Listing{Packed: slices.Clip(w.packed.Bytes()), Own: w.marked}, nil
}

func flags(e *Entry) int64 {
	bits := int64(0)
	for i, set := range []bool{e.Marked, e.Kept, e.More != nil} {
		if set {
			bits |= 1 << i
		}
	}
	return bits
}

func (w *Writer) number(v int64) { w.buf = binary.AppendVarint(w.buf, v) }

func (w *Writer) text(s string) {
	w.number(int64(len(s)))
	w.buf = append(w.buf, s...)
	if len(w.buf) > 32<<10 {
		w.flush()
	}
}

func (w *Writer) flush() {
	if w.err == nil {
		_, w.err = w.z.Write(w.buf)
	}
	w.buf = w.buf[:0]
}
