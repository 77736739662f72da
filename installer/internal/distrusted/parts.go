package distrusted

import (
	"bytes"

	"github.com/certgraft/certgraft/installer/internal/edk2"
	"github.com/certgraft/certgraft/internal/pemfile"
)

// TextParts returns what finds the certificates in a text of a style.
func TextParts(reader *pemfile.Reader, as pemfile.Style) func([]byte) []Part {
	return func(data []byte) (parts []Part) {
		end := 0
		for _, c := range reader.Copies(data, as) {
			start := c.Start()
			if as == (pemfile.Style{}) {
				start = paragraph(data, end, start)
			}
			parts = append(parts, Part{Start: start, End: c.End(), Print: c.Cert.Fingerprint().String()})
			end = c.End()
		}
		return parts
	}
}

// paragraph returns where the text right above a certificate begins, with the blank
// line before it: it says which certificate that is. What a file begins with says
// something else.
func paragraph(data []byte, from, start int) int {
	at := start
	for at > from {
		line := from + 1 + bytes.LastIndexByte(data[from:at-1], '\n')
		text := bytes.TrimSpace(data[line:at])
		switch {
		case len(text) == 0 && at < start:
			return line
		case len(text) == 0, bytes.HasPrefix(text, []byte("-----")):
			return at
		}
		at = line
	}
	if at == 0 {
		return start
	}
	return at
}

// FirmwareParts returns what finds them in a list that EDK II firmware reads.
func FirmwareParts(reader *pemfile.Reader) func([]byte) []Part {
	return func(data []byte) (parts []Part) {
		lists, _ := edk2.Split(data) // it was read before
		at := 0
		for _, list := range lists {
			part := Part{Start: at, End: at + len(list)}
			if c, err := reader.Parse(edk2.Certificate(list)); err == nil {
				part.Print = c.Fingerprint().String()
			}
			parts, at = append(parts, part), part.End
		}
		return parts
	}
}
