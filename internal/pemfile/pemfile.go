// Package pemfile reads, repairs and extends a file of certificates in PEM.
//
// Start with [NewReader] and [Reader.Open]. A [Reader] finds out what programs
// make of a file; package certs makes the best of what people have. Open returns
// the file in a state that every program reads, and the changes that led there.
// [Style.Append] adds a certificate as the tool of a distribution would, and
// [Style.Without] takes out what [Reader.Copies] finds.
//
// Nothing here knows where a file is: it goes in and comes out as bytes.
package pemfile

import (
	"bytes"
	"fmt"
	"slices"

	"github.com/certgraft/certgraft/certs"
)

// File is a file of certificates, in a state that every program reads.
type File struct {
	Data   []byte
	Held   *certs.Set // its certificates, each once, in its order
	Steps  [][]Cut    // what was changed to get it into that state, each step in what the one before left
	Faults []Fault    // why
}

// Open reads a file. A block over which a strict reader loses the whole file is
// taken out; one that package certs can read is written anew. Everything
// else stays as it is, and what could be read before can be read afterwards. The
// error is of a file that cannot be made readable without a loss.
func (r *Reader) Open(data []byte) (File, error) {
	b := File{Data: data, Held: &certs.Set{}} // none of a bundle that cannot be read
	blocks, err := r.Read(data)
	if err != nil || !isClean(data, blocks) {
		b.mend(r)
		if blocks, err = r.Read(b.Data); err != nil {
			return b, err
		}
		if lost := r.lost(data, b.Data); lost != nil {
			return b, fmt.Errorf("%s would be lost", lost.Subject())
		}
	}
	b.Held = certificatesOf(blocks)
	return b, nil
}

// Held returns the certificates of the file that [Reader.Open] returns.
func (r *Reader) Held(data []byte) *certs.Set {
	file, _ := r.Open(data) // what cannot be made readable holds nothing
	return file.Held
}

// Passes reports whether every program reads a file as it is.
func (r *Reader) Passes(data []byte) bool {
	b, err := r.Open(data)
	return err == nil && len(b.Steps) == 0
}

// Clean reports whether every program reads a file as it is, and no text in it
// looks like the beginning of a block.
func (r *Reader) Clean(data []byte) bool {
	blocks, err := r.Read(data)
	return err == nil && isClean(data, blocks)
}

// mend makes the changes that make the file readable. What a step leaves can be
// damaged in its own right: a block without an END line hides what follows it.
func (b *File) mend(r *Reader) {
	const most = 16 // more than any file needs that was not made to need them
	for range most {
		cuts, faults := r.faults(b.Data)
		if len(cuts) == 0 {
			return
		}
		b.Steps, b.Faults = append(b.Steps, cuts), append(b.Faults, faults...)
		b.Data = Patch(b.Data, cuts)
	}
}

// lost returns a certificate that was read of a file, by OpenSSL up to the block
// over which it gives up or by package certs, and is not read so any more; nil
// if there is none.
func (r *Reader) lost(was, is []byte) *certs.Certificate {
	strict, lenient := r.programsRead(is), &certs.Set{}
	for b := range certs.Blocks(is) {
		if b.Certificate != nil {
			lenient.Add(b.Certificate, "")
		}
	}
	for c := range r.programsRead(was).All() {
		if !strict.Has(c.Fingerprint()) {
			return c
		}
	}
	for b := range certs.Blocks(was) {
		if c := b.Certificate; c != nil && !strict.Has(c.Fingerprint()) && !lenient.Has(c.Fingerprint()) {
			return c
		}
	}
	return nil
}

// programsRead returns what OpenSSL reads of a file up to the block over which it
// gives up. Node has that much even then.
func (r *Reader) programsRead(data []byte) *certs.Set {
	blocks, _ := r.Read(data)
	return certificatesOf(blocks)
}

func certificatesOf(blocks []Block) *certs.Set {
	set := &certs.Set{}
	for _, b := range blocks {
		if b.Cert != nil {
			set.Add(b.Cert, "")
		}
	}
	return set
}

// isClean reports whether OpenSSL saw every block and all that is behind them, so
// that nothing is left for other readers to trip over.
func isClean(data []byte, blocks []Block) bool {
	return bytes.Count(data, []byte("-----BEGIN ")) == len(blocks) && !endsEarly(data) &&
		!slices.ContainsFunc(blocks, func(b Block) bool { return b.trailing })
}
