package installer

import (
	"bytes"
	"encoding/pem"

	"golang.org/x/crypto/cryptobyte"
	"golang.org/x/crypto/cryptobyte/asn1"

	"github.com/certgraft/certgraft/certs"
)

// style is how the tool of a distribution writes the certificates of a bundle.
// The zero value is one block behind another.
type style struct {
	after   string // what stands behind each
	comment bool   // "# LABEL" stands before each, and a blank line between them: trust extract --comment
	trusted bool   // each is a TRUSTED CERTIFICATE
}

// append writes a certificate behind those in text.
func (s style) append(text []byte, c *certs.Certificate) []byte {
	if s.comment {
		if len(text) > 0 {
			text = append(text, '\n')
		}
		text = append(text, s.heading(c)...)
	}
	if s.trusted {
		text = append(text, trustedPEM(c)...)
	} else {
		text = c.AppendPEM(text)
	}
	return append(text, s.after...)
}

func (s style) heading(c *certs.Certificate) string { return "# " + fileLabel(c) + "\n" }

// around returns where a block starts and ends together with what sets it apart.
func (s style) around(data []byte, b block) (start, end int) {
	start, end = b.start, b.end
	if bytes.HasPrefix(data[end:], []byte(s.after)) {
		end += len(s.after)
	}
	if before, ok := bytes.CutSuffix(data[:start], []byte(s.heading(b.cert))); s.comment && ok {
		start = len(before)
		if bytes.HasSuffix(before, []byte("\n\n")) {
			start--
		}
	}
	return start, end
}

// tidy returns text, from which certificates were taken, without the blank line
// that stood between the first of them and the next.
func (s style) tidy(text, before []byte) []byte {
	if s.comment && !bytes.HasPrefix(before, []byte("\n")) {
		return bytes.TrimPrefix(text, []byte("\n"))
	}
	return text
}

// label is what p11-kit calls a certificate, "" for one without a name.
func label(c *certs.Certificate) string { return c.Name() }

// fileLabel is the label where p11-kit needs one.
func fileLabel(c *certs.Certificate) string {
	if l := label(c); l != "" {
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
		if l := label(c); l != "" {
			b.AddASN1(asn1.UTF8String, func(b *cryptobyte.Builder) { b.AddBytes([]byte(l)) })
		}
	})
	return b.BytesOrPanic() // a certificate that was parsed is not too long
}

func trustedPEM(c *certs.Certificate) []byte {
	return pem.EncodeToMemory(&pem.Block{Type: "TRUSTED CERTIFICATE", Bytes: trustedDER(c)})
}
