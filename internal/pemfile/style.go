package pemfile

import (
	"bytes"
	"encoding/pem"
	"slices"

	"golang.org/x/crypto/cryptobyte"
	"golang.org/x/crypto/cryptobyte/asn1"

	"github.com/certgraft/certgraft/certs"
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

// Without returns a file without the certificates in gone, each with what sets
// it apart. Of several copies the last one goes: the others are from
// someone else.
func (r *Reader) Without(data []byte, gone map[certs.Fingerprint]bool, as Style) []byte {
	blocks, err := r.Read(data)
	if err != nil || !isClean(data, blocks) {
		blocks = nil
		for b := range certs.Blocks(data) {
			blocks = append(blocks, Block{start: b.Start, end: b.End, Cert: b.Certificate})
		}
	}
	taken := map[certs.Fingerprint]bool{}
	var cuts []Cut
	for _, b := range slices.Backward(blocks) {
		if b.Cert == nil || !gone[b.Cert.Fingerprint()] || taken[b.Cert.Fingerprint()] {
			continue
		}
		taken[b.Cert.Fingerprint()] = true
		start, end := as.around(data, b)
		cuts = append(cuts, Cut{Offset: start, Was: data[start:end]})
	}
	slices.Reverse(cuts)
	return as.tidy(Patch(data, cuts), data)
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
// (X509_CERT_AUX): its label, and no limits to what it is trusted for.
func trustedDER(c *certs.Certificate) []byte {
	var b cryptobyte.Builder
	b.AddBytes(c.Raw)
	b.AddASN1(asn1.SEQUENCE, func(b *cryptobyte.Builder) {
		if l := Label(c); l != "" {
			b.AddASN1(asn1.UTF8String, func(b *cryptobyte.Builder) { b.AddBytes([]byte(l)) })
		}
	})
	return b.BytesOrPanic() // a certificate that was parsed is not too long
}

func trustedPEM(c *certs.Certificate) []byte {
	return pem.EncodeToMemory(&pem.Block{Type: "TRUSTED CERTIFICATE", Bytes: trustedDER(c)})
}
