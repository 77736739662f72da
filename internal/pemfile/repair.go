package pemfile

import (
	"bytes"
	"slices"
	"strings"

	"github.com/certgraft/certgraft/certs"
)

// Fault is a fault of a block, and its repair.
type Fault struct {
	Why   string // "its base64 is damaged"
	Done  string // "it was taken out, and the record keeps it"
	Fatal bool   // programs read no certificate of the file
}

// Harm says what the fault does to the file.
func (f Fault) Harm() string {
	if f.Fatal {
		return "keeps programs from reading any of it"
	}
	return "keeps some programs from reading it"
}

// faults returns the changes that make a bundle readable, each with its reason.
func (r *Reader) faults(data []byte) (cuts []Cut, faults []Fault) {
	after, end := 0, 0
	note := func(c Cut, reason string) {
		if reason != "" && c.Offset >= after {
			cuts, faults = append(cuts, c), append(faults, Fault{reason, c.done(), r.isFatal(data, c)})
			after = c.Offset + len(c.Was)
		}
	}
	for b := range certs.Blocks(data) {
		note(gapFault(data, end, b.Start))
		note(r.fault(data, b))
		end = b.End
	}
	note(gapFault(data, end, len(data)))
	return cuts, faults
}

// isFatal reports whether OpenSSL reads no certificate of a file, and the bytes
// that c changes may be the reason.
func (r *Reader) isFatal(data []byte, c Cut) bool {
	_, whole := r.Read(data)
	_, part := r.Read(c.Was)
	return whole != nil && (part != nil || len(c.Was) <= len("\ufeff"))
}

// gapFault returns the change for the text between two blocks, and the reason, or
// "". Some files have DER or UTF-16 there, joined by cat, at which OpenSSL stops.
func gapFault(data []byte, start, end int) (Cut, string) {
	if !endsEarly(data[start:end]) {
		return Cut{}, ""
	}
	first, last := binaryLines(data[start:end])
	c := Cut{Offset: start + first, Was: bytes.Clone(data[start+first : start+last])}
	found, _, _ := certs.ParseAll(c.Was) // without a certificate the text is only removed
	for _, f := range found {
		c.Now += string(f.AppendPEM(nil))
	}
	return c, "it is binary or UTF-16, and OpenSSL takes it for the end of the file"
}

// binaryLines returns the start of the first line with binary bytes, and the end
// of the last.
func binaryLines(text []byte) (first, last int) {
	isControl := func(c rune) bool { return c < ' ' && c != '\t' && c != '\n' && c != '\v' && c != '\f' && c != '\r' }
	first = 1 + bytes.LastIndexByte(text[:max(0, bytes.IndexFunc(text, isControl))], '\n')
	last = bytes.LastIndexFunc(text, isControl) + 1
	if i := bytes.IndexByte(text[last:], '\n'); i >= 0 {
		return first, last + i + 1
	}
	return first, len(text)
}

// fault returns the change for one block, and the reason, or "".
func (r *Reader) fault(data []byte, b certs.Block) (Cut, string) {
	before, text := data[:b.Start], unindented(data[b.Start:b.End])
	line, mark := bytes.CutSuffix(before[bytes.LastIndexByte(before, '\n')+1:], []byte("\ufeff"))
	starts, glued := len(line) == 0, bytes.HasPrefix(line, []byte("-----END "))
	switch reason := r.poison(b, text); {
	case glued && mark && reason == "": // only the first line of a file may begin with the mark
		return Cut{Offset: b.Start - len("\ufeff"), Was: []byte("\ufeff"), Now: "\n"}, "it stood on the END line of the one before"
	case glued && reason == "":
		return Cut{Offset: b.Start, Now: "\n"}, "it stood on the END line of the one before"
	case reason == "", !starts && !glued && b.Certificate != nil: // OpenSSL does not see a block in the middle of a line
		return Cut{}, ""
	default:
		c := Cut{Offset: b.Start, Was: bytes.Clone(text)}
		if glued {
			c.Now = "\n"
		}
		if found := r.rescue(b, text); found != nil {
			c.Now += string(found.AppendPEM(nil))
		}
		if c.Now == "" && !lineStart(before) { // the next text must still start a line
			c.Was = c.Was[:len(c.Was)-lineEnd(c.Was)]
		}
		return c, reason
	}
}

// unindented removes the indentation of the next BEGIN line from a block that has
// no END line.
func unindented(text []byte) []byte {
	if short := bytes.TrimRight(text, " \t"); lineStart(short) {
		return short
	}
	return text
}

// lineStart reports whether the byte after text starts a line.
func lineStart(text []byte) bool { return len(text) == 0 || text[len(text)-1] == '\n' }

// lineEnd returns the length of the line end at the end of text.
func lineEnd(text []byte) int { return len(text) - len(bytes.TrimRight(text, "\r\n")) }

// poison says why strict readers lose a file because of this block, or returns "".
func (r *Reader) poison(b certs.Block, text []byte) string {
	blocks, err := r.Read(text)
	switch {
	case err == nil && !slices.ContainsFunc(blocks, func(b Block) bool { return b.trailing }) && (b.Certificate != nil || !claimsCertificate(text)):
		return ""
	case b.Finding != nil:
		return b.Finding.Error()
	case err != nil:
		return err.Error()
	}
	return "it is not a certificate"
}

// rescue returns the certificate of a damaged block, or nil. OpenSSL can read a
// block of which only the END line is missing.
func (r *Reader) rescue(b certs.Block, text []byte) *certs.Certificate {
	if b.Certificate != nil {
		return b.Certificate
	}
	label, ok := beginLabel(bytes.TrimRight(firstLine(text), "\r\n"))
	if !ok {
		return nil
	}
	return r.Single(slices.Concat(bytes.TrimRight(text, "\r\n"), []byte("\n-----END "+label+"-----\n")))
}

// claimsCertificate reports whether GnuTLS sees the start of a certificate in
// text.
func claimsCertificate(text []byte) bool {
	label, _, _ := strings.Cut(strings.TrimPrefix(string(firstLine(text)), "-----BEGIN "), "-----")
	return slices.Contains([]string{"CERTIFICATE", "X509 CERTIFICATE"}, label)
}

func firstLine(text []byte) []byte {
	line, _, _ := bytes.Cut(text, []byte("\n"))
	return line
}
