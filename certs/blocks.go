package certs

import (
	"bytes"
	"iter"
)

// Block is one certificate of PEM text and where it stands.
type Block struct {
	Start, End  int          // text[Start:End] runs from BEGIN to the line end after END
	Certificate *Certificate // nil if it holds none
	Finding     *Finding     // what there is to say of it, or nil
}

// Blocks yields the blocks of PEM text in order, so that a bundle can be edited
// without touching what stands between them. Only blocks of one certificate
// each are read; private keys are blocks like any other that is none.
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

// take is an emitter.
func (b *Block) take(c *Certificate, f *Finding) bool {
	if b.Certificate != nil {
		b.Certificate, b.Finding = nil, skipped("not a certificate but several")
		return false
	}
	b.Certificate, b.Finding = c, f
	return true
}

// endOfLine returns the index behind the line that holds index i, or of the
// BEGIN that is glued to it.
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
