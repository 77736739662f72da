package pemfile

import (
	"bytes"
	"cmp"
	encoding "encoding/asn1"
	"encoding/pem"
	"slices"

	"golang.org/x/crypto/cryptobyte"
	"golang.org/x/crypto/cryptobyte/asn1"

	"github.com/certgraft/certgraft/certs"
	"github.com/certgraft/certgraft/internal/order"
)

// Style is the way in which the tool of a distribution writes certificates into a
// bundle. The zero value writes only blocks.
type Style struct {
	After   string // text after each certificate
	Comment bool   // "# LABEL" before each certificate, and a blank line between two: trust extract --comment
	Trusted bool   // each block is a TRUSTED CERTIFICATE
}

// Append adds a certificate at the end of text.
func (s Style) Append(text []byte, c *certs.Certificate) []byte {
	if s.Comment {
		if len(text) > 0 {
			text = append(text, '\n')
		}
		text = append(text, s.heading(c)...)
	}
	if s.Trusted {
		text = append(text, trustedPEM(c)...)
	} else {
		text = c.AppendPEM(text)
	}
	return append(text, s.After...)
}

// Copy is one copy of a certificate in a file, with the text around it.
type Copy struct {
	Cert   *certs.Certificate
	Behind *certs.Certificate // the certificate before it, nil if it is the first
	Gap    int                // bytes between that and this one
	Plain  bool               // the text between is blank lines, or comments if the style has some
	Text   []byte             // the text between

	style      Style
	start, end int
	text       []byte
	last       bool // the last certificate in the file
}

// Copies returns every copy of every certificate in a file, in order.
func (r *Reader) Copies(data []byte, as Style) []Copy {
	var found []Copy
	var before *certs.Certificate
	at := 0
	for _, b := range r.certificateBlocks(data) {
		start, end := as.around(data, b)
		start = max(start, at)
		text := data[at:start]
		plain := len(bytes.TrimSpace(text)) == 0 || as.Comment && isComment(text)
		found = append(found, Copy{b.Cert, before, len(text), plain, text, as, start, end, data[start:end], end == len(data)})
		before, at = b.Cert, end
	}
	return found
}

// isComment reports whether text has only blank lines and lines that begin with #.
func isComment(text []byte) bool {
	for line := range bytes.Lines(text) {
		if line = bytes.TrimSpace(line); len(line) > 0 && line[0] != '#' {
			return false
		}
	}
	return true
}

// Start returns the offset of the copy's start.
func (c Copy) Start() int { return c.start }

// End returns the offset of the copy's end.
func (c Copy) End() int { return c.end }

// Exact reports whether the bytes are equal to the output of [Style.Append]. The
// last copy in a file may lack its line end.
func (c Copy) Exact() bool {
	want := c.style.Append(nil, c.Cert)
	if c.start > 0 && c.style.Comment {
		want = append([]byte("\n"), want...)
	}
	return bytes.Equal(c.text, want) || c.last && len(c.text) > 0 && bytes.HasPrefix(want, c.text) && len(bytes.TrimSpace(want[len(c.text):])) == 0
}

// certificateBlocks returns the blocks with certificates, even of a damaged file.
func (r *Reader) certificateBlocks(data []byte) []Block {
	blocks, err := r.Read(data)
	if err == nil && isClean(data, blocks) {
		return slices.DeleteFunc(slices.Clone(blocks), func(b Block) bool { return b.Cert == nil })
	}
	var found []Block
	for b := range certs.Blocks(data) {
		if b.Certificate != nil {
			found = append(found, Block{start: b.Start, end: b.End, Cert: b.Certificate})
		}
	}
	return found
}

// Without returns a file without some of its copies, and without the text around
// each.
func (s Style) Without(data []byte, copies []Copy) []byte {
	var cuts []Cut
	for _, c := range copies {
		cuts = append(cuts, Cut{Offset: c.start, Was: data[c.start:c.end]})
	}
	order.Sort(cuts, func(a, b Cut) int { return cmp.Compare(a.Offset, b.Offset) })
	return s.tidy(Patch(data, cuts), data)
}

func (s Style) heading(c *certs.Certificate) string { return "# " + FileLabel(c) + "\n" }

// around returns the range of a block with the text around it.
func (s Style) around(data []byte, b Block) (start, end int) {
	start, end = b.start, b.end
	if bytes.HasPrefix(data[end:], []byte(s.After)) {
		end += len(s.After)
	}
	if before, ok := bytes.CutSuffix(data[:start], []byte(s.heading(b.Cert))); s.Comment && ok {
		start = len(before)
		if bytes.HasSuffix(before, []byte("\n\n")) {
			start--
		}
	}
	return start, end
}

// tidy removes the blank line that stood between the first removed certificate and
// the next.
func (s Style) tidy(text, before []byte) []byte {
	if s.Comment && !bytes.HasPrefix(before, []byte("\n")) {
		return bytes.TrimPrefix(text, []byte("\n"))
	}
	return text
}

// Label is p11-kit's name for a certificate, or "".
func Label(c *certs.Certificate) string { return c.Name() }

// FileLabel is the label in a file, which p11-kit requires.
func FileLabel(c *certs.Certificate) string {
	if l := Label(c); l != "" {
		return l
	}
	return "certificate"
}

// trustedDER returns a certificate with the auxiliary data of OpenSSL
// (X509_CERT_AUX): its label, and the uses for which it is rejected. Without
// rejected uses it is trusted for all.
func trustedDER(c *certs.Certificate, rejected []encoding.ObjectIdentifier) []byte {
	var b cryptobyte.Builder
	b.AddBytes(c.Raw)
	b.AddASN1(asn1.SEQUENCE, func(b *cryptobyte.Builder) {
		if len(rejected) > 0 {
			b.AddASN1(asn1.Tag(0).ContextSpecific().Constructed(), func(b *cryptobyte.Builder) {
				for _, usage := range rejected {
					b.AddASN1ObjectIdentifier(usage)
				}
			})
		}
		if l := Label(c); l != "" {
			b.AddASN1(asn1.UTF8String, func(b *cryptobyte.Builder) { b.AddBytes([]byte(l)) })
		}
	})
	return b.BytesOrPanic() // a parsed certificate is not too long
}

func trustedPEM(c *certs.Certificate) []byte {
	return pem.EncodeToMemory(&pem.Block{Type: "TRUSTED CERTIFICATE", Bytes: trustedDER(c, nil)})
}

// Rejected returns a blocklisted certificate as trust extract writes it into a
// file that holds such certificates too. It is rejected for every use that p11-kit
// knows.
func Rejected(c *certs.Certificate) []byte {
	var usages []encoding.ObjectIdentifier
	for n := 1; n <= 8; n++ { // TLS servers and clients, code, email, three for IPsec, time stamps
		usages = append(usages, encoding.ObjectIdentifier{1, 3, 6, 1, 5, 5, 7, 3, n})
	}
	return pem.EncodeToMemory(&pem.Block{Type: "TRUSTED CERTIFICATE", Bytes: trustedDER(c, usages)})
}
