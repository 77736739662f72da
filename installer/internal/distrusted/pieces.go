package distrusted

import (
	"bytes"
	"slices"
)

// Part is the stretch of a file that has one certificate and the text that belongs to
// it.
type Part struct {
	Start, End int
	Print      string // SHA-256 of the certificate
}

// Piece is a stretch that was cut out of a file, and its place.
type Piece struct {
	Certificate string   `json:"certificate"`
	Behind      []string `json:"behind,omitempty"` // the certificates before it, the nearest first
	Gap         int      `json:"gap,omitempty"`    // bytes between the two
	Was         []byte   `json:"was,omitempty"`
	Now         []byte   `json:"now,omitempty"` // the text in its place
	Ours        bool     `json:"ours,omitempty"`
	Explained   bool     `json:"explained,omitempty"`
}

// predecessors is the number of certificates before a piece that are kept.
const predecessors = 4

// Cut returns a file without the parts that gone accepts, and the pieces. If instead is
// not nil, its result replaces each part.
func Cut(data []byte, parts []Part, gone func(Part) bool, instead func(Part) []byte) (rest []byte, pieces []Piece) {
	at := 0
	for i, p := range parts {
		if !gone(p) {
			continue
		}
		piece := Piece{Certificate: p.Print, Gap: p.Start, Was: data[p.Start:p.End]}
		for _, before := range slices.Backward(parts[max(0, i-predecessors):i]) {
			piece.Behind = append(piece.Behind, before.Print)
		}
		if i > 0 {
			piece.Gap -= parts[i-1].End
		}
		if instead != nil {
			piece.Now = instead(p)
		}
		rest = append(append(rest, data[at:p.Start]...), piece.Now...)
		pieces, at = append(pieces, piece), p.End
	}
	return append(rest, data[at:]...), pieces
}

// Restore puts pieces back into a file. Each goes behind the certificate that stood
// before it, or behind the nearest one that is left. A certificate that the file has
// again is not added twice: the first of several copies is the tool's.
func Restore(data []byte, split func([]byte) []Part, pieces []Piece) []byte {
	data = bytes.Clone(data)
	there := map[string]int{}
	for _, p := range split(data) {
		there[p.Print]++
	}
	for _, p := range pieces {
		if back, ok := p.replace(data); ok {
			data = back
			continue
		}
		if there[p.Certificate] > 0 || len(p.Was) == 0 {
			there[p.Certificate]--
			continue
		}
		at := p.place(split(data), len(data))
		data = slices.Concat(ended(data[:at], p.Was), ended(p.Was, data[at:]), data[at:])
	}
	return data
}

// replace puts the piece back in place of its replacement. The replacement has a blank
// line before it unless it is the first.
func (p Piece) replace(data []byte) ([]byte, bool) {
	for _, blank := range []string{"", "\n"} {
		was, now := bytes.TrimPrefix(p.Was, []byte(blank)), bytes.TrimPrefix(p.Now, []byte(blank))
		if at := bytes.Index(data, now); len(now) > 0 && at >= 0 {
			return slices.Concat(data[:at], was, data[at+len(now):]), true
		}
	}
	return nil, false
}

// ended returns text with a line end if other text follows. The last block of a file
// may lack the line end, and then no program reads the next block.
func ended(text, follows []byte) []byte {
	if bytes.HasSuffix(text, []byte("-----")) && len(follows) > 0 {
		return append(slices.Clip(text), '\n')
	}
	return text
}

// place returns the offset of the piece in a file of that size.
func (p Piece) place(parts []Part, size int) int {
	for i, print := range p.Behind {
		at := slices.IndexFunc(parts, func(part Part) bool { return part.Print == print })
		if at < 0 {
			continue
		}
		next := size
		if at+1 < len(parts) {
			next = parts[at+1].Start
		}
		if i > 0 {
			return parts[at].End
		}
		return min(parts[at].End+p.Gap, next)
	}
	switch {
	case len(p.Behind) > 0:
		return size // no neighbour is left
	case len(parts) > 0:
		return min(p.Gap, parts[0].Start)
	}
	return min(p.Gap, size)
}

// Deselect puts an exclamation mark before the lines of /etc/ca-certificates.conf that
// select a file.
func Deselect(conf []byte, file string) []byte { return relabel(conf, file, "!"+file) }

// Select removes the exclamation mark.
func Select(conf []byte, file string) []byte { return relabel(conf, "!"+file, file) }

func relabel(conf []byte, was, now string) []byte {
	var out []byte
	for line := range bytes.Lines(conf) {
		if string(bytes.Trim(line, " \t\n")) == was {
			line = bytes.Replace(line, []byte(was), []byte(now), 1)
		}
		out = append(out, line...)
	}
	return out
}
