// Package signed says who signed a certificate, with which algorithm and key, and
// whether the signature is valid. It reads these fields itself, because
// crypto/x509 refuses certificates that other programs accept. Package certs has
// already checked their shape.
package signed

import (
	"golang.org/x/crypto/cryptobyte"
	"golang.org/x/crypto/cryptobyte/asn1"

	"github.com/certgraft/certgraft/certs"
)

// Link is a certificate in a chain.
type Link struct {
	*certs.Certificate

	TBS       []byte // the signed bytes
	Algorithm Algorithm
	Signature []byte
	Key       Key

	SubjectKeyID, AuthorityKeyID []byte // set by [Link.ReadSubjectKeyID] and [Link.ReadAuthorityKeyID]
}

// New returns a certificate with its signed bytes, algorithm and key. It does not
// read the key identifiers, which are extensions.
func New(c *certs.Certificate) Link {
	l := Link{Certificate: c}
	in := cryptobyte.String(c.Raw)
	var outer, tbs, alg cryptobyte.String
	if !in.ReadASN1(&outer, asn1.SEQUENCE) || !outer.ReadASN1Element(&tbs, asn1.SEQUENCE) ||
		!outer.ReadASN1(&alg, asn1.SEQUENCE) || !outer.ReadASN1BitStringAsBytes(&l.Signature) {
		return l
	}
	l.TBS, l.Algorithm, l.Key = tbs, readAlgorithm(alg), readKey(cryptobyte.String(c.PublicKey()))
	return l
}

// ReadSubjectKeyID reads the value of the extension subjectKeyIdentifier.
func (l *Link) ReadSubjectKeyID(value cryptobyte.String) {
	var id cryptobyte.String
	if value.ReadASN1(&id, asn1.OCTET_STRING) {
		l.SubjectKeyID = id
	}
}

// ReadAuthorityKeyID reads the value of the extension authorityKeyIdentifier. It
// returns the rest of the value: the name of the issuer's issuer, and a serial
// number.
func (l *Link) ReadAuthorityKeyID(value cryptobyte.String) (rest cryptobyte.String) {
	var seq, id cryptobyte.String
	var present bool
	if !value.ReadASN1(&seq, asn1.SEQUENCE) || !seq.ReadOptionalASN1(&id, &present, asn1.Tag(0).ContextSpecific()) {
		return nil
	}
	if present {
		l.AuthorityKeyID = id
	}
	return seq
}

// Usage reads the value of the extension keyUsage. The lowest bit of usage is the
// first bit of the value.
func Usage(value cryptobyte.String) (usage int, ok bool) {
	var raw cryptobyte.String
	if !value.ReadASN1(&raw, asn1.BIT_STRING) || len(raw) < 2 {
		return 0, false
	}
	bits := raw[1:]
	for i := range min(9, 8*len(bits)) {
		if bits[i/8]&(0x80>>(i%8)) != 0 {
			usage |= 1 << i
		}
	}
	return usage, true
}
