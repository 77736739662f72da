package image

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"maps"
	"slices"

	"github.com/klauspost/compress/zstd"
)

// encodeLayer writes a layer as the cache keeps it: its numbers as varints, and
// each string and file behind its length, compressed with a checksum.
func encodeLayer(w io.Writer, l *layer) error {
	z, err := zstd.NewWriter(w, zstd.WithEncoderConcurrency(1), zstd.WithEncoderCRC(true))
	if err != nil {
		return err
	}
	e := encoder{buf: make([]byte, 0, 64<<10), w: z}
	e.number(int64(len(l.Entries)))
	for _, n := range l.Entries {
		e.entry(n)
	}
	e.flush()
	return errors.Join(e.err, z.Close())
}

type encoder struct {
	w   io.Writer
	buf []byte
	err error
}

func (e *encoder) entry(n *entry) {
	e.text(n.Name)
	for _, v := range []int64{int64(n.Type), int64(n.Mode), int64(n.UID), int64(n.GID), n.Size, n.Sec, int64(n.Nsec), flags(n)} {
		e.number(v)
	}
	if n.More == nil {
		return
	}
	e.text(n.More.Link)
	e.number(int64(len(n.More.Xattrs)))
	for _, key := range slices.Sorted(maps.Keys(n.More.Xattrs)) {
		e.text(key)
		e.text(n.More.Xattrs[key])
	}
	e.text(string(n.More.Data))
}

func flags(n *entry) int64 {
	bits := int64(0)
	if n.Marked {
		bits |= 1
	}
	if n.Kept {
		bits |= 2
	}
	if n.More != nil {
		bits |= 4
	}
	return bits
}

func (e *encoder) number(v int64) { e.buf = binary.AppendVarint(e.buf, v) }

func (e *encoder) text(s string) {
	e.number(int64(len(s)))
	e.buf = append(e.buf, s...)
	if len(e.buf) > 32<<10 {
		e.flush()
	}
}

func (e *encoder) flush() {
	if e.err == nil {
		_, e.err = e.w.Write(e.buf)
	}
	e.buf = e.buf[:0]
}

// decodeLayer reads what encodeLayer wrote.
func decodeLayer(data []byte) (*layer, error) {
	z, err := zstd.NewReader(nil, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxMemory(maxHeaders))
	if err != nil {
		return nil, err
	}
	defer z.Close()
	plain, err := z.DecodeAll(data, nil)
	if err != nil {
		return nil, err
	}
	d := decoder{rest: plain}
	l := &layer{}
	n := d.number()
	if n < 0 || n > int64(len(plain)) {
		return nil, io.ErrUnexpectedEOF
	}
	l.Entries = slices.Grow(l.Entries, int(n))
	for range n {
		l.Entries = append(l.Entries, d.entry())
	}
	if d.failed || len(d.rest) > 0 {
		return nil, io.ErrUnexpectedEOF
	}
	return l, nil
}

type decoder struct {
	rest   []byte
	failed bool
}

func (d *decoder) entry() *entry {
	e := &entry{Name: d.text()}
	e.Type, e.Mode, e.UID, e.GID = byte(d.number()), uint32(d.number()), uint32(d.number()), uint32(d.number())
	e.Size, e.Sec, e.Nsec = d.number(), d.number(), int32(d.number())
	bits := d.number()
	e.Marked, e.Kept = bits&1 != 0, bits&2 != 0
	if bits&4 != 0 {
		e.More = d.extra()
	}
	return e
}

func (d *decoder) extra() *extra {
	more := &extra{Link: d.text()}
	for range d.number() {
		if d.failed {
			break
		}
		key := d.text()
		more.Xattrs = withRecord(more.Xattrs, key, d.text())
	}
	if data := d.bytes(); len(data) > 0 {
		more.Data = bytes.Clone(data)
	}
	return more
}

func (d *decoder) number() int64 {
	v, n := binary.Varint(d.rest)
	if n <= 0 {
		d.failed, d.rest = true, nil
		return 0
	}
	d.rest = d.rest[n:]
	return v
}

func (d *decoder) bytes() []byte {
	n := d.number()
	if n < 0 || n > int64(len(d.rest)) {
		d.failed, d.rest = true, nil
		return nil
	}
	data := d.rest[:n]
	d.rest = d.rest[n:]
	return data
}

func (d *decoder) text() string { return string(d.bytes()) }
