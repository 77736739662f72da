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

// Style is how the tool of a distribution writes the certificates of a bundle.
// The zero value is one block behind another.
type Style struct {
	After   string // what stands behind each
	Comment bool   // "# LABEL" stands before each, and a blank line between them: trust extract --comment
	Trusted bool   // each is a TRUSTED CERTIFICATE
}

// Append writes a certificate behind those in text.
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

// Copy is one copy of a certificate in a file, with what sets it apart.
type Copy struct {
	Cert   *certs.Certificate
	Behind *certs.Certificate // the certificate before it, nil if it is the first
	Gap    int                // bytes between the two
	Plain  bool               // those are blank lines, or comments where the style has some
	Text   []byte             // those themselves

	style      Style
	start, end int
	text       []byte
	last       bool // in the file
}

// Copies returns every copy of every certificate in a file, in its order.
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

// isComment reports whether text is blank lines, and lines that begin with #.
func isComment(text []byte) bool {
	for line := range bytes.Lines(text) {
		if line = bytes.TrimSpace(line); len(line) > 0 && line[0] != '#' {
			return false
		}
	}
	return true
}

// Start returns where the copy starts in its file.
func (c Copy) Start() int { return c.start }

// End returns where the copy ends in its file.
func (c Copy) End() int { return c.end }

// Exact reports whether the bytes are what [Style.Append] writes of the
// certificate. What is last in a file may have lost its line end since.
func (c Copy) Exact() bool {
	want := c.style.Append(nil, c.Cert)
	if c.start > 0 && c.style.Comment {
		want = append([]byte("\n"), want...)
	}
	return bytes.Equal(c.text, want) || c.last && len(c.text) > 0 && bytes.HasPrefix(want, c.text) && len(bytes.TrimSpace(want[len(c.text):])) == 0
}

// certificateBlocks returns the blocks of a file that are certificates, of one
// that is damaged too.
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

// Without returns a file without copies that it has, each with what sets it
// apart.
func (s Style) Without(data []byte, copies []Copy) []byte {
	var cuts []Cut
	for _, c := range copies {
		cuts = append(cuts, Cut{Offset: c.start, Was: data[c.start:c.end]})
	}
	order.Sort(cuts, func(a, b Cut) int { return cmp.Compare(a.Offset, b.Offset) })
	return s.tidy(Patch(data, cuts), data)
}

func (s Style) heading(c *certs.Certificate) string { return "# " + FileLabel(c) + "\n" }

// around returns where a block starts and ends together with what sets it apart.
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

// tidy returns text, from which certificates were taken, without the blank line
// that stood between the first of them and the next.
func (s Style) tidy(text, before []byte) []byte {
	if s.Comment && !bytes.HasPrefix(before, []byte("\n")) {
		return bytes.TrimPrefix(text, []byte("\n"))
	}
	return text
}

// Label is what p11-kit calls a certificate, "" for one without a name.
func Label(c *certs.Certificate) string { return c.Name() }

// FileLabel is the label where p11-kit needs one.
func FileLabel(c *certs.Certificate) string {
	if l := Label(c); l != "" {
		return l
	}
	return "certificate"
}

// trustedDER returns a certificate with what OpenSSL calls auxiliary data
// (X509_CERT_AUX): its label, and no limits to what it is trusted for, or what it is
// not trusted for.
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
	return b.BytesOrPanic() // a certificate that was parsed is not too long
}

func trustedPEM(c *certs.Certificate) []byte {
	return pem.EncodeToMemory(&pem.Block{Type: "TRUSTED CERTIFICATE", Bytes: trustedDER(c, nil)})
}

// Rejected returns what trust extract writes of a certificate that is in a blocklist,
// in a file that has those too: it is trusted for nothing that p11-kit knows.
func Rejected(c *certs.Certificate) []byte {
	var usages []encoding.ObjectIdentifier
	for n := 1; n <= 8; n++ { // TLS servers and clients, code, email, three of IPsec, time stamps
		usages = append(usages, encoding.ObjectIdentifier{1, 3, 6, 1, 5, 5, 7, 3, n})
	}
	return pem.EncodeToMemory(&pem.Block{Type: "TRUSTED CERTIFICATE", Bytes: trustedDER(c, usages)})
}
