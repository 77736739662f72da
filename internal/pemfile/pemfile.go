// Package pemfile reads, repairs and extends files of certificates in PEM.
//
// Start with [NewReader] and [Reader.Open]. A [Reader] reads a file as programs
// do; package certs reads as much as it can. Open returns the file in a state that
// every program reads, with the changes that led there. [Style.Append] adds a
// certificate as the tool of a distribution would. [Style.Without] removes copies
// that [Reader.Copies] found.
//
// The package knows no paths: files go in and come out as bytes.
package pemfile

import (
	"bytes"
	"fmt"
	"slices"

	"github.com/certgraft/certgraft/certs"
)

// File is a file of certificates in a state that every program reads.
type File struct {
	Data   []byte
	Held   *certs.Set // its certificates, each once, in order
	Steps  [][]Cut    // the changes, in steps: each step applies to the result of the step before
	Faults []Fault    // the reasons for the changes
}

// Open reads a file. A block that makes a strict reader lose the whole file is
// removed, or written anew if package certs can read it. All other bytes stay, and
// every certificate that could be read before can be read afterwards. The error is
// about a file that cannot be made readable without a loss.
func (r *Reader) Open(data []byte) (File, error) {
	b := File{Data: data, Held: &certs.Set{}} // empty for a bundle that cannot be read
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

// Held returns the certificates of the file, after [Reader.Open] has repaired it.
func (r *Reader) Held(data []byte) *certs.Set {
	file, _ := r.Open(data) // a file that cannot be repaired holds none
	return file.Held
}

// Passes reports whether every program reads a file without a change.
func (r *Reader) Passes(data []byte) bool {
	b, err := r.Open(data)
	return err == nil && len(b.Steps) == 0
}

// Clean reports whether every program reads a file without a change, and no text
// between blocks looks like the start of one.
func (r *Reader) Clean(data []byte) bool {
	blocks, err := r.Read(data)
	return err == nil && isClean(data, blocks)
}

// mend makes the changes that make the file readable. The result of a step can be
// damaged too: a block without an END line hides the damage after it.
func (b *File) mend(r *Reader) {
	const most = 16 // only a file made for the purpose needs more
	for range most {
		cuts, faults := r.faults(b.Data)
		if len(cuts) == 0 {
			return
		}
		b.Steps, b.Faults = append(b.Steps, cuts), append(b.Faults, faults...)
		b.Data = Patch(b.Data, cuts)
	}
}

// lost returns a certificate that a program could read in was and cannot read in
// is. It counts what OpenSSL reads up to the block at which it gives up, and what
// package certs reads. It returns nil if no certificate is lost.
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

// programsRead returns what OpenSSL reads up to the block at which it gives up.
// Node uses these certificates even then.
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

// isClean reports whether OpenSSL saw every block and the text after the last.
// Other readers then find no other block.
func isClean(data []byte, blocks []Block) bool {
	return bytes.Count(data, []byte("-----BEGIN ")) == len(blocks) && !endsEarly(data) &&
		!slices.ContainsFunc(blocks, func(b Block) bool { return b.trailing })
}
