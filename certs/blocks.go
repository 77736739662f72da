package certs

import "bytes"

// Block is one certificate of PEM text and where it stands.
type Block struct {
	Start, End  int          // text[Start:End] runs from BEGIN to the line feed after END
	Certificate *Certificate // nil if it holds none
	Finding     *Finding     // what there is to say of it, or nil
}

// Blocks yields the blocks of PEM text in order, so that a bundle can be edited
// without touching what stands between them. Only blocks of one certificate
// each are read.
func Blocks(text []byte) func(yield func(Block) bool) {
	return func(yield func(Block) bool) {
		s := scanner{text: text, line: 1}
		for b := range s.blocks {
			out := Block{Start: b.start, End: endOfLine(text, b.stop)}
			if b.binary {
				out.Finding = skipped("binary data before it")
			}
			b.parse(func(c *Certificate, f *Finding) bool {
				if f != nil {
					out.Finding = f
				}
				out.Certificate = c
				return true
			})
			if !yield(out) {
				return
			}
		}
	}
}

// endOfLine returns the index behind the line that holds index i, or of the
// BEGIN that is glued to it.
func endOfLine(text []byte, i int) int {
	rest := text[i:]
	if n := bytes.IndexByte(rest, '\n'); n >= 0 {
		rest = rest[:n+1]
	}
	if glued := indexFold(rest, beginMark); glued >= 0 {
		rest = rest[:glued]
	}
	return i + len(rest)
}
