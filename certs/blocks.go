package certs

import (
	"bytes"
	"iter"
)

// Block is a block of PEM text with one certificate, and its place.
type Block struct {
	Start, End  int          // text[Start:End] runs from BEGIN to the line end after END
	Certificate *Certificate // nil if the block has none
	Finding     *Finding     // the finding about the block, or nil
}

// Blocks yields the blocks of PEM text in order, for an edit of a bundle that
// keeps the text between them. Certificate is nil in a block with several
// certificates, a private key or other content.
func Blocks(text []byte) iter.Seq[Block] {
	return func(yield func(Block) bool) {
		s := scanner{text: text, line: 1}
		for b := s.next(); b != nil; b = s.next() {
			out := Block{Start: b.start, End: endOfLine(text, b.stop)}
			reader{emit: out.take}.readBlock(b)
			if !yield(out) {
				return
			}
		}
	}
}

// take implements emitter.
func (b *Block) take(c *Certificate, f *Finding) bool {
	if b.Certificate != nil {
		b.Certificate, b.Finding = nil, skipped("not a certificate but several")
		return false
	}
	b.Certificate, b.Finding = c, f
	return true
}

// endOfLine returns the index after the line of index i. If a BEGIN follows on
// the same line, it returns the index of that.
func endOfLine(text []byte, i int) int {
	rest := text[i:]
	for next, ok := nextMark(text, i); ok; next, ok = nextMark(text, next.stop) {
		if next.begin {
			rest = text[i:next.start]
			break
		}
	}
	switch n := bytes.IndexAny(rest, "\r\n"); {
	case n < 0:
		return i + len(rest)
	case bytes.HasPrefix(rest[n:], []byte("\r\n")):
		return i + n + 2
	default:
		return i + n + 1
	}
}
