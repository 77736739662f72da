package pemfile

import (
	"bytes"
	"slices"
	"strings"

	"github.com/certgraft/certgraft/certs"
)

// Fault is what was wrong with a block, and what was done about it.
type Fault struct {
	Why   string // "its base64 is damaged"
	Done  string // "it was taken out, and the record keeps it"
	Fatal bool   // programs read nothing of the file
}

// Harm says what the block does to its file.
func (f Fault) Harm() string {
	if f.Fatal {
		return "keeps programs from reading any of it"
	}
	return "keeps some programs from reading it"
}

// faults returns the changes that make a bundle readable, and what each is for.
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

// isFatal reports whether OpenSSL reads nothing of a file, and what c changes may
// be why.
func (r *Reader) isFatal(data []byte, c Cut) bool {
	_, whole := r.Read(data)
	_, part := r.Read(c.Was)
	return whole != nil && (part != nil || len(c.Was) <= len("\ufeff"))
}

// gapFault returns the change that what stands between two blocks needs, "" if
// none: DER or UTF-16 that someone joined to the others with cat, at which
// OpenSSL stops.
func gapFault(data []byte, start, end int) (Cut, string) {
	if !endsEarly(data[start:end]) {
		return Cut{}, ""
	}
	first, last := binaryLines(data[start:end])
	c := Cut{Offset: start + first, Was: bytes.Clone(data[start+first : start+last])}
	found, _, _ := certs.ParseAll(c.Was) // where there is no certificate, nothing takes its place
	for _, f := range found {
		c.Now += string(f.AppendPEM(nil))
	}
	return c, "it is binary or UTF-16, and OpenSSL takes it for the end of the file"
}

// binaryLines returns where the first line of text that is binary starts, and
// where the last of them ends.
func binaryLines(text []byte) (first, last int) {
	isControl := func(c rune) bool { return c < ' ' && c != '\t' && c != '\n' && c != '\v' && c != '\f' && c != '\r' }
	first = 1 + bytes.LastIndexByte(text[:max(0, bytes.IndexFunc(text, isControl))], '\n')
	last = bytes.LastIndexFunc(text, isControl) + 1
	if i := bytes.IndexByte(text[last:], '\n'); i >= 0 {
		return first, last + i + 1
	}
	return first, len(text)
}

// fault returns the change that one block needs, with the reason, "" if none.
func (r *Reader) fault(data []byte, b certs.Block) (Cut, string) {
	before, text := data[:b.Start], unindented(data[b.Start:b.End])
	line, mark := bytes.CutSuffix(before[bytes.LastIndexByte(before, '\n')+1:], []byte("\ufeff"))
	starts, glued := len(line) == 0, bytes.HasPrefix(line, []byte("-----END "))
	switch reason := r.poison(b, text); {
	case glued && mark && reason == "": // no line but the first of a file begins with one
		return Cut{Offset: b.Start - len("\ufeff"), Was: []byte("\ufeff"), Now: "\n"}, "it stood on the END line of the one before"
	case glued && reason == "":
		return Cut{Offset: b.Start, Now: "\n"}, "it stood on the END line of the one before"
	case reason == "", !starts && !glued && b.Certificate != nil: // OpenSSL does not see it in the middle of a line
		return Cut{}, ""
	default:
		c := Cut{Offset: b.Start, Was: bytes.Clone(text)}
		if glued {
			c.Now = "\n"
		}
		if found := r.rescue(b, text); found != nil {
			c.Now += string(found.AppendPEM(nil))
		}
		if c.Now == "" && !lineStart(before) { // what follows is to start a line as before
			c.Was = c.Was[:len(c.Was)-lineEnd(c.Was)]
		}
		return c, reason
	}
}

// unindented returns a block that has no END line without what indents the BEGIN
// line of the next.
func unindented(text []byte) []byte {
	if short := bytes.TrimRight(text, " \t"); lineStart(short) {
		return short
	}
	return text
}

// lineStart reports whether what follows text starts a line.
func lineStart(text []byte) bool { return len(text) == 0 || text[len(text)-1] == '\n' }

// lineEnd returns the length of the line end that text ends with.
func lineEnd(text []byte) int { return len(text) - len(bytes.TrimRight(text, "\r\n")) }

// poison says why strict readers lose a file with that block in it, "" if they
// do not.
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

// rescue returns the certificate of a damaged block, nil if there is none to be
// had. One whose END line alone is missing is read by OpenSSL.
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

// claimsCertificate reports whether text looks to GnuTLS as if a certificate
// began there.
func claimsCertificate(text []byte) bool {
	label, _, _ := strings.Cut(strings.TrimPrefix(string(firstLine(text)), "-----BEGIN "), "-----")
	return slices.Contains([]string{"CERTIFICATE", "X509 CERTIFICATE"}, label)
}

func firstLine(text []byte) []byte {
	line, _, _ := bytes.Cut(text, []byte("\n"))
	return line
}
