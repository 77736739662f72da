package image

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

// layer is what is kept of a layer: what it says of each name, in its order, and
// the contents of some files. It is held as the caches keep it, packed: numbers as
// varints, each string and file behind its length, compressed with a checksum.
// Of an image with hundreds of thousands of files that is a few megabytes.
type layer struct {
	packed []byte
	marked bool // it is one of certgraft's own
	ranged bool // it is what a table of contents says: places are those in the table
}

// openLayer takes what was packed, once it was read to its end.
func openLayer(packed []byte) (*layer, error) {
	l := &layer{packed: packed}
	err := l.each(func(_ int, e *entry) error {
		l.marked = l.marked || e.Marked
		return nil
	})
	if err != nil {
		return nil, err
	}
	return l, nil
}

// each calls visit for each entry, which must not be kept: the next is read into
// it. What is in its More is its own.
func (l *layer) each(visit func(i int, e *entry) error) error {
	z, err := zstd.NewReader(bytes.NewReader(l.packed), zstd.WithDecoderConcurrency(1), zstd.WithDecoderLowmem(true), zstd.WithDecoderMaxWindow(8*factsWindow))
	if err != nil {
		return err
	}
	defer z.Close()
	r := factsReader{r: bufio.NewReaderSize(io.LimitReader(z, maxHeaders+maxAllKept), 16<<10)}
	var e entry
	for i := 0; i <= maxEntries; i++ {
		more := r.number()
		switch {
		case r.err != nil:
			return r.err
		case more == 0:
			if _, err := r.r.ReadByte(); !errors.Is(err, io.EOF) { // where the checksum is
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

// with returns the layer with the contents of files that were not kept, by the
// places of their entries.
func (l *layer) with(contents map[int32][]byte) (*layer, error) {
	w, err := newFactsWriter()
	if err != nil {
		return nil, err
	}
	err = l.each(func(i int, e *entry) error {
		if data, ok := contents[int32(i)]; ok {
			e.keep(data)
		}
		w.add(e)
		return nil
	})
	if err != nil {
		return nil, err
	}
	return w.layer()
}

var errDamaged = errors.New("it is damaged")

type factsReader struct {
	r   *bufio.Reader
	err error
}

func (r *factsReader) entry(e *entry) {
	*e = entry{Name: r.text()}
	e.Type, e.Mode, e.UID, e.GID = byte(r.number()), uint16(r.number()), uint32(r.number()), uint32(r.number())
	e.Size, e.Sec, e.Nsec = r.number(), r.number(), int32(r.number())
	bits := r.number()
	e.Marked, e.Kept = bits&1 != 0, bits&2 != 0
	if bits&4 != 0 {
		e.More = r.extra()
	}
}

func (r *factsReader) extra() *extra {
	more := &extra{Link: r.text()}
	for range r.number() {
		if r.err != nil {
			break
		}
		key := r.text()
		more.Xattrs = withRecord(more.Xattrs, key, r.text())
	}
	more.Data = r.bytes()
	return more
}

func (r *factsReader) number() int64 {
	if r.err != nil {
		return 0
	}
	v, err := binary.ReadVarint(r.r)
	r.fail(err)
	return v
}

// bytes reads what is behind its length. A length that is not so does not make
// room for it.
func (r *factsReader) bytes() []byte {
	n := r.number()
	if r.err != nil || n == 0 {
		return nil
	}
	if n < 0 || n > maxKept {
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

func (r *factsReader) text() string { return string(r.bytes()) }

func (r *factsReader) fail(err error) {
	if err != nil {
		r.err = errors.Join(errDamaged, err)
	}
}

func newFactsWriter() (*factsWriter, error) {
	w := &factsWriter{buf: make([]byte, 0, 64<<10)}
	var err error
	w.z, err = zstd.NewWriter(&w.packed, zstd.WithEncoderConcurrency(1), zstd.WithEncoderCRC(true), zstd.WithLowerEncoderMem(true), zstd.WithWindowSize(factsWindow))
	return w, err
}

// factsWriter packs what a layer says, entry by entry.
type factsWriter struct {
	packed bytes.Buffer
	z      *zstd.Encoder
	buf    []byte
	marked bool
	err    error
}

// factsWindow is how far back the compression looks. It is also what reading
// takes in memory.
const factsWindow = 1 << 20

// add packs one entry.
func (w *factsWriter) add(e *entry) {
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

// layer ends the packing.
func (w *factsWriter) layer() (*layer, error) {
	w.number(0)
	w.flush()
	if err := errors.Join(w.err, w.z.Close()); err != nil {
		return nil, err
	}
	return &layer{packed: slices.Clip(w.packed.Bytes()), marked: w.marked}, nil
}

func flags(e *entry) int64 {
	bits := int64(0)
	for i, set := range []bool{e.Marked, e.Kept, e.More != nil} {
		if set {
			bits |= 1 << i
		}
	}
	return bits
}

func (w *factsWriter) number(v int64) { w.buf = binary.AppendVarint(w.buf, v) }

func (w *factsWriter) text(s string) {
	w.number(int64(len(s)))
	w.buf = append(w.buf, s...)
	if len(w.buf) > 32<<10 {
		w.flush()
	}
}

func (w *factsWriter) flush() {
	if w.err == nil {
		_, w.err = w.z.Write(w.buf)
	}
	w.buf = w.buf[:0]
}
