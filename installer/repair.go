package installer

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"

	"github.com/certgraft/certgraft/certs"
)

// bundle is a file of certificates, in a state that every reader passes.
type bundle struct {
	data   []byte
	blocks []block
	held   *certs.Set
	cuts   []cut   // what was changed to get it into that state
	faults []fault // why
}

// fault is what was wrong with a block, and what was done about it.
type fault struct {
	why   string
	done  string
	fatal bool // programs read nothing of the file
}

// harm says what it does to a file.
func (f fault) harm() string {
	if f.fatal {
		return "keeps programs from reading any of it"
	}
	return "keeps some programs from reading it"
}

// open reads a bundle. A block over which a strict reader loses the whole file
// is taken out; one that package certs can read is written anew. Everything
// else stays as it is, and what could be read before can be read afterwards.
func (r *reader) open(data []byte) (bundle, error) {
	b := bundle{data: data, held: &certs.Set{}} // none of a bundle that cannot be read
	var err error
	if b.blocks, err = r.read(data); err != nil || !clean(data, b.blocks) {
		b.mend(r)
		if b.blocks, err = r.read(b.data); err != nil {
			return b, err
		}
		if lost := r.lost(data, b.data); lost != nil {
			return b, fmt.Errorf("%s would be lost", lost.Subject())
		}
	}
	b.held = certificatesOf(b.blocks)
	return b, nil
}

// passes reports whether every reader passes a bundle as it is.
func (r *reader) passes(data []byte) bool {
	b, err := r.open(data)
	return err == nil && len(b.cuts) == 0
}

// mend makes the changes that make the bundle readable. What one leaves can be
// damaged in its own right: a block without an END line hides what follows it.
func (b *bundle) mend(r *reader) {
	const most = 16 // more than any file needs that was not made to need them
	for range most {
		cuts, faults := r.faults(b.data)
		if len(cuts) == 0 {
			return
		}
		b.cuts, b.faults = compose(b.data, b.cuts, cuts), append(b.faults, faults...)
		b.data = patch(b.data, cuts)
	}
}

// lost returns a certificate that was read of a file, by OpenSSL up to the block
// over which it gives up or by package certs, and is not read so any more; nil
// if there is none.
func (r *reader) lost(was, is []byte) *certs.Certificate {
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
func (r *reader) programsRead(data []byte) *certs.Set {
	blocks, _ := r.read(data)
	return certificatesOf(blocks)
}

func certificatesOf(blocks []block) *certs.Set {
	set := &certs.Set{}
	for _, b := range blocks {
		if b.cert != nil {
			set.Add(b.cert, "")
		}
	}
	return set
}

// clean reports whether OpenSSL saw every block and all that is behind them, so
// that nothing is left for other readers to trip over.
func clean(data []byte, blocks []block) bool {
	return bytes.Count(data, []byte("-----BEGIN ")) == len(blocks) && !endsEarly(data) &&
		!slices.ContainsFunc(blocks, func(b block) bool { return b.trailing })
}

// endsEarly reports whether OpenSSL takes a line for the end of the file. fgets
// gives it at most 254 bytes of a line at once.
func endsEarly(data []byte) bool {
	const most = 254
	for bytes.IndexByte(data, 0) >= 0 {
		line := data[:min(most, len(data))]
		if line[0] == 0 {
			return true
		}
		if i := bytes.IndexByte(line, '\n'); i >= 0 {
			line = line[:i+1]
		}
		data = data[len(line):]
	}
	return false
}

// faults returns the changes that make a bundle readable, and what each is for.
func (r *reader) faults(data []byte) (cuts []cut, faults []fault) {
	after, end := 0, 0
	note := func(c cut, reason string) {
		if reason != "" && c.Offset >= after {
			cuts, faults = append(cuts, c), append(faults, fault{reason, c.done(), r.isFatal(data, c)})
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
func (r *reader) isFatal(data []byte, c cut) bool {
	_, whole := r.read(data)
	_, part := r.read(c.Was)
	return whole != nil && (part != nil || len(c.Was) <= len("\ufeff"))
}

// gapFault returns the change that what stands between two blocks needs, "" if
// none: DER or UTF-16 that someone joined to the others with cat, at which
// OpenSSL stops.
func gapFault(data []byte, start, end int) (cut, string) {
	if !endsEarly(data[start:end]) {
		return cut{}, ""
	}
	first, last := binaryLines(data[start:end])
	c := cut{Offset: start + first, Was: bytes.Clone(data[start+first : start+last])}
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
func (r *reader) fault(data []byte, b certs.Block) (cut, string) {
	before, text := data[:b.Start], unindented(data[b.Start:b.End])
	line, mark := bytes.CutSuffix(before[bytes.LastIndexByte(before, '\n')+1:], []byte("\ufeff"))
	starts, glued := len(line) == 0, bytes.HasPrefix(line, []byte("-----END "))
	switch reason := r.poison(b, text); {
	case glued && mark && reason == "": // no line but the first of a file begins with one
		return cut{Offset: b.Start - len("\ufeff"), Was: []byte("\ufeff"), Now: "\n"}, "it stood on the END line of the one before"
	case glued && reason == "":
		return cut{Offset: b.Start, Now: "\n"}, "it stood on the END line of the one before"
	case reason == "", !starts && !glued && b.Certificate != nil: // OpenSSL does not see it in the middle of a line
		return cut{}, ""
	default:
		c := cut{Offset: b.Start, Was: bytes.Clone(text)}
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
func (r *reader) poison(b certs.Block, text []byte) string {
	blocks, err := r.read(text)
	switch {
	case err == nil && !slices.ContainsFunc(blocks, func(b block) bool { return b.trailing }) && (b.Certificate != nil || !claimsCertificate(text)):
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
func (r *reader) rescue(b certs.Block, text []byte) *certs.Certificate {
	if b.Certificate != nil {
		return b.Certificate
	}
	label, ok := beginLabel(bytes.TrimRight(firstLine(text), "\r\n"))
	if !ok {
		return nil
	}
	return r.single(slices.Concat(bytes.TrimRight(text, "\r\n"), []byte("\n-----END "+label+"-----\n")))
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

// without returns a file without the certificates in gone, each with what sets
// it apart. Of several copies the last one goes: the others are from
// someone else.
func (r *reader) without(data []byte, gone map[certs.Fingerprint]bool, as style) []byte {
	blocks, err := r.read(data)
	if err != nil || !clean(data, blocks) {
		blocks = blocks[:0]
		for b := range certs.Blocks(data) {
			blocks = append(blocks, block{start: b.Start, end: b.End, cert: b.Certificate})
		}
	}
	taken := map[certs.Fingerprint]bool{}
	var cuts []cut
	for _, b := range slices.Backward(blocks) {
		if b.cert == nil || !gone[b.cert.Fingerprint()] || taken[b.cert.Fingerprint()] {
			continue
		}
		taken[b.cert.Fingerprint()] = true
		start, end := as.around(data, b)
		cuts = append(cuts, cut{Offset: start, Was: data[start:end]})
	}
	slices.Reverse(cuts)
	return as.tidy(patch(data, cuts), data)
}

// digest identifies the content of a file.
func digest(data []byte) string {
	sum := sha256.Sum256(data)
	return hex.EncodeToString(sum[:])
}
