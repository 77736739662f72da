// Package certs reads certificates in whatever shape people have them, judges
// them, names them and writes them in the one form that every reader takes.
//
// Start with [Parse], or with [ParseAll] for a whole file: they take PEM, DER,
// PKCS#7, ZIP and the odd encodings that certificates arrive in, and account
// for everything that looks like one. What they return goes into a [Set], which
// holds each certificate once, and comes out through [Certificate.AppendPEM].
//
// A [Certificate] is more than its bytes deserve from crypto/x509: OpenSSL,
// GnuTLS and Java take certificates that Go refuses (negative serial numbers,
// Brainpool curves, odd strings in a name), and a trust store has to keep them.
// So the fields that a store needs are read by a DER walk of our own, and
// [Certificate.X509] returns nil where Go says no.
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
	"sync"
	"time"

	"golang.org/x/crypto/cryptobyte"
	"golang.org/x/crypto/cryptobyte/asn1"
)

// Certificate is one X.509 certificate.
type Certificate struct {
	Raw   []byte // DER, exactly one certificate
	Label string // friendly name that came with it, "" if none

	fields
	fingerprint Fingerprint
	vetted      bool // a test has seen that crypto/x509 takes it
	parse       func() (*x509.Certificate, error)
	hash        func() uint32
}

// ParseCertificate reads the DER encoding of one certificate, of which it keeps
// a copy. It fails where OpenSSL or GnuTLS would, since a bundle with such a
// certificate is lost to them as a whole.
func ParseCertificate(der []byte) (*Certificate, error) {
	der = bytes.Clone(der)
	f, err := walk(der)
	if err != nil {
		return nil, err
	}
	c := &Certificate{Raw: der, fields: f, fingerprint: sha256.Sum256(der)}
	// Most certificates only pass through: the second, costlier parse is made
	// when someone asks.
	c.parse = sync.OnceValues(func() (*x509.Certificate, error) { return x509.ParseCertificate(der) })
	c.hash = sync.OnceValue(c.subject.hash)
	return c, nil
}

// ParseVetted is [ParseCertificate] for a certificate that comes with the
// program, of which a test has seen that it has no [Certificate.Quirk]: to see
// that again at each run takes longer than to install it.
func ParseVetted(der []byte) (*Certificate, error) {
	c, err := ParseCertificate(der)
	if err != nil {
		return nil, err
	}
	c.vetted = true
	return c, nil
}

// X509 returns the certificate as crypto/x509 reads it, nil where it refuses
// what OpenSSL takes.
func (c *Certificate) X509() *x509.Certificate {
	parsed, err := c.parse()
	if err != nil {
		return nil
	}
	return parsed
}

// Fingerprint returns the SHA-256 of the DER encoding, the one thing that tells
// certificates apart: subjects, serial numbers and hashes of names are shared
// by different ones.
func (c *Certificate) Fingerprint() Fingerprint { return c.fingerprint }

// Subject returns the subject on one line, most specific part first, as RFC
// 2253 writes names. It is safe to print.
func (c *Certificate) Subject() string { return c.subject.String() }

// Issuer returns the issuer as [Certificate.Subject] does the subject.
func (c *Certificate) Issuer() string { return c.issuer.String() }

// Name returns the subject's common name, else its unit, else its
// organisation, else "". It is safe to print.
func (c *Certificate) Name() string { return c.subject.friendly() }

// CommonNames returns the subject's common names, as UTF-8, in their order. They
// are not fit to be printed as they are.
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

// Version returns the version: 3 for nearly all, 1 for old roots.
func (c *Certificate) Version() int { return c.version + 1 }

// IsCA reports whether the certificate may issue others: by its basic
// constraints, or as a self-issued one of version 1, which has none. This is
// what p11-kit calls category authority.
func (c *Certificate) IsCA() bool { return c.ca || c.version == 0 && c.SelfIssued() }

// SelfIssued reports whether subject and issuer are the same name.
func (c *Certificate) SelfIssued() bool { return bytes.Equal(c.subject.raw, c.issuer.raw) }

// IssuedBy reports whether c names parent's subject as its issuer. It says
// nothing about the signature.
func (c *Certificate) IssuedBy(parent *Certificate) bool {
	return bytes.Equal(c.issuer.raw, parent.subject.raw)
}

// ExtendedKeyUsage returns the object identifiers of the purposes that the
// certificate is limited to, in the usual form; limited is false for one that
// names none and is good for all.
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
// behind the other: what lists of distrusted certificates name them by.
func (c *Certificate) IssuerAndSerial() string {
	var b cryptobyte.Builder
	b.AddBytes(c.issuer.raw)
	b.AddASN1(asn1.INTEGER, func(b *cryptobyte.Builder) { b.AddBytes(c.serial) })
	return string(b.BytesOrPanic()) // parts of a certificate that was read
}

// PublicKey returns the DER encoding of the SubjectPublicKeyInfo.
func (c *Certificate) PublicKey() string { return string(c.key) }

// Quirk says why crypto/x509 refuses a certificate that OpenSSL takes; it is
// "" for most. Programs in Go pass over such a certificate in a bundle.
func (c *Certificate) Quirk() string {
	if c.vetted {
		return ""
	}
	if _, err := c.parse(); err != nil {
		return err.Error()
	}
	return ""
}

// EmptySubject reports whether the subject has no attribute at all: Java's
// readers refuse such certificates.
func (c *Certificate) EmptySubject() bool { return len(c.subject.attributes) == 0 }

// Fingerprint is the SHA-256 of a certificate's DER encoding.
type Fingerprint [sha256.Size]byte

// String returns the fingerprint in lower-case hexadecimal.
func (f Fingerprint) String() string { return hex.EncodeToString(f[:]) }

// ParseFingerprint reads what [Fingerprint.String] writes.
func ParseFingerprint(s string) (Fingerprint, error) {
	var f Fingerprint
	b, err := hex.DecodeString(s)
	if err != nil || len(b) != len(f) {
		return f, fmt.Errorf("fingerprint %q: want %d hexadecimal digits", s, 2*len(f))
	}
	return Fingerprint(b), nil
}
