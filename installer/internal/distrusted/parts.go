package distrusted

import (
	"bytes"

	"github.com/certgraft/certgraft/installer/internal/edk2"
	"github.com/certgraft/certgraft/internal/pemfile"
)

// TextParts returns a function that finds the certificates in a text of a style.
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

// paragraph returns the start of the text directly above a certificate, with the blank
// line before it: this text describes the certificate. It does not count the text at
// the start of a file, which describes the file.
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

// FirmwareParts returns a function that finds the certificates in a list that EDK II
// firmware reads.
func FirmwareParts(reader *pemfile.Reader) func([]byte) []Part {
	return func(data []byte) (parts []Part) {
		lists, _ := edk2.Split(data) // the caller has read it already
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
