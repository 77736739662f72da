// Package certs reads certificates in the formats that people have, judges and
// names them, and writes them in the one form that every reader accepts.
//
// Start with [Parse], or with [ParseAll] for a whole file. They read PEM, DER,
// PKCS#7, ZIP and the unusual encodings of certificates, and report everything
// that looks like a certificate. A [Set] holds each certificate once, and
// [Certificate.AppendPEM] writes it.
//
// OpenSSL, GnuTLS and Java accept certificates that crypto/x509 refuses: with
// negative serial numbers, Brainpool curves, or odd strings in a name. A trust
// store must keep them. So this package reads the fields that a store needs
// itself, and [Certificate.X509] returns nil for a certificate that Go refuses.
//
// The package does no I/O.
//
// The API may change before version 1.0.
package certs

import (
	"bytes"
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"fmt"
	"strings"
	"sync"
	"time"

	"golang.org/x/crypto/cryptobyte"
	"golang.org/x/crypto/cryptobyte/asn1"
)

// Certificate is one X.509 certificate.
type Certificate struct {
	Raw   []byte // DER, exactly one certificate
	Label string // friendly name in its file, or ""

	fields
	fingerprint Fingerprint
	vetted      bool // a test has shown that crypto/x509 accepts it
	parse       func() (*x509.Certificate, error)
	hash        func() uint32
}

// ParseCertificate reads the DER encoding of one certificate, and keeps a copy.
// It fails if OpenSSL or GnuTLS would: they refuse a whole bundle because of
// one such certificate.
func ParseCertificate(der []byte) (*Certificate, error) {
	der = bytes.Clone(der)
	f, err := walk(der)
	if err != nil {
		return nil, err
	}
	c := &Certificate{Raw: der, fields: f, fingerprint: sha256.Sum256(der)}
	// Most certificates need only the first parse. The second, slower parse
	// runs on demand.
	c.parse = sync.OnceValues(func() (*x509.Certificate, error) { return x509.ParseCertificate(der) })
	c.hash = sync.OnceValue(c.subject.hash)
	return c, nil
}

// ParseVetted is [ParseCertificate] for a certificate in this program. A test
// has shown that it has no [Certificate.Quirk]: checking that in each run takes
// longer than an install.
func ParseVetted(der []byte) (*Certificate, error) {
	c, err := ParseCertificate(der)
	if err != nil {
		return nil, err
	}
	c.vetted = true
	return c, nil
}

// X509 returns the certificate as crypto/x509 reads it. It is nil for a
// certificate that Go refuses and OpenSSL accepts.
func (c *Certificate) X509() *x509.Certificate {
	parsed, err := c.parse()
	if err != nil {
		return nil
	}
	return parsed
}

// Fingerprint returns the SHA-256 of the DER encoding. Only the fingerprint
// identifies a certificate: different certificates may share a subject, a
// serial number or a hash of the name.
func (c *Certificate) Fingerprint() Fingerprint { return c.fingerprint }

// Subject returns the subject on one line, most specific part first, in the
// format of RFC 2253. It is safe to print.
func (c *Certificate) Subject() string { return c.subject.String() }

// Issuer returns the issuer in the format of [Certificate.Subject].
func (c *Certificate) Issuer() string { return c.issuer.String() }

// Name returns the subject's common name, else its unit, else its
// organisation, else "". It is safe to print.
func (c *Certificate) Name() string { return c.subject.friendly() }

// CommonNames returns the subject's common names in order, as UTF-8. They are
// not safe to print.
func (c *Certificate) CommonNames() (names []string) {
	for _, a := range c.subject.attributes {
		if a.string && attributeNames[string(a.oid)] == "CN" {
			names = append(names, a.text)
		}
	}
	return names
}

// NotBefore returns the first moment at which the certificate is valid.
func (c *Certificate) NotBefore() time.Time { return c.notBefore }

// NotAfter returns the last moment at which the certificate is valid.
func (c *Certificate) NotAfter() time.Time { return c.notAfter }

// Version returns the version: mostly 3, and 1 for old roots.
func (c *Certificate) Version() int { return c.version + 1 }

// IsCA reports whether the certificate may issue others: by its basic
// constraints, or as a self-issued certificate of version 1, which has no
// constraints. p11-kit calls this category authority.
func (c *Certificate) IsCA() bool { return c.ca || c.version == 0 && c.SelfIssued() }

// SelfIssued reports whether subject and issuer are the same.
func (c *Certificate) SelfIssued() bool { return bytes.Equal(c.subject.raw, c.issuer.raw) }

// IssuedBy reports whether c names parent's subject as its issuer. It does not
// check the signature.
func (c *Certificate) IssuedBy(parent *Certificate) bool {
	return bytes.Equal(c.issuer.raw, parent.subject.raw)
}

// ExtendedKeyUsage returns the purposes to which the certificate is limited, as
// dotted object identifiers. limited is false if the certificate has no such
// limit.
func (c *Certificate) ExtendedKeyUsage() (purposes []string, limited bool) {
	usage, _ := c.extension(func(oid string) bool { return oid == oidExtendedKeyUsage })
	var list, oid cryptobyte.String
	if !usage.ReadASN1(&list, asn1.SEQUENCE) {
		return nil, false
	}
	for list.ReadASN1(&oid, asn1.OBJECT_IDENTIFIER) {
		purposes = append(purposes, dotted(oid))
	}
	return purposes, true
}

// IssuerAndSerial returns the DER encodings of issuer and serial number, one
// after the other. Lists of distrusted certificates use them as names.
func (c *Certificate) IssuerAndSerial() string {
	var b cryptobyte.Builder
	b.AddBytes(c.issuer.raw)
	b.AddASN1(asn1.INTEGER, func(b *cryptobyte.Builder) { b.AddBytes(c.serial) })
	return string(b.BytesOrPanic()) // the parts were read before
}

// PublicKey returns the DER encoding of the SubjectPublicKeyInfo.
func (c *Certificate) PublicKey() string { return string(c.key) }

// Quirk says why crypto/x509 refuses a certificate that OpenSSL accepts. It is
// "" for most certificates. Programs in Go skip a certificate with a quirk.
func (c *Certificate) Quirk() string {
	if c.vetted {
		return ""
	}
	if _, err := c.parse(); err != nil {
		return err.Error()
	}
	return ""
}

// EmptySubject reports whether the subject has no attribute. Java's readers
// refuse such certificates.
func (c *Certificate) EmptySubject() bool { return len(c.subject.attributes) == 0 }

// Fingerprint is the SHA-256 of a certificate's DER encoding.
type Fingerprint [sha256.Size]byte

// String returns the fingerprint in lower-case hexadecimal.
func (f Fingerprint) String() string { return hex.EncodeToString(f[:]) }

// ParseFingerprint parses the output of [Fingerprint.String].
func ParseFingerprint(s string) (Fingerprint, error) {
	var f Fingerprint
	b, err := hex.DecodeString(s)
	if err != nil || len(b) != len(f) {
		return f, fmt.Errorf("fingerprint %q: want %d hexadecimal digits", s, 2*len(f))
	}
	return Fingerprint(b), nil
}

// PlainFingerprint returns a fingerprint that a person wrote in the form of
// [Fingerprint.String]: without capitals, colons, and sha256: in front. It does not
// look whether the rest is a fingerprint.
func PlainFingerprint(s string) string {
	return strings.ReplaceAll(strings.TrimPrefix(strings.ToLower(s), "sha256:"), ":", "")
}
