package certs

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"time"

	"golang.org/x/crypto/cryptobyte"
	"golang.org/x/crypto/cryptobyte/asn1"
)

// fields are the parts of a certificate that a trust store needs.
type fields struct {
	version             int // as encoded: 0 is version 1, 2 is version 3
	issuer, subject     name
	notBefore, notAfter time.Time
	ca                  bool
	purposes            []string // extended key usages; nil without the extension
}

// errTrailing is what walk returns for bytes behind a certificate.
var errTrailing = errors.New("bytes after the certificate")

// walk reads the DER encoding of a certificate (RFC 5280, section 4.1), as
// strictly as the readers that lose a whole bundle over one certificate, and no
// stricter.
func walk(der []byte) (fields, error) {
	var f fields
	var outer, tbs cryptobyte.String
	in := cryptobyte.String(der)
	if !in.ReadASN1(&outer, asn1.SEQUENCE) {
		return f, errors.New("damaged DER: not one whole ASN.1 sequence")
	}
	if !in.Empty() {
		return f, errTrailing
	}
	var algorithm, signature cryptobyte.String
	if !outer.ReadASN1(&tbs, asn1.SEQUENCE) || !outer.ReadASN1Element(&algorithm, asn1.SEQUENCE) ||
		!outer.ReadASN1(&signature, asn1.BIT_STRING) || !outer.Empty() {
		return f, errors.New("damaged DER: not a certificate")
	}
	inner, err := f.walkTBS(tbs)
	if err == nil && !bytes.Equal(inner, algorithm) {
		err = errors.New("its two signature algorithms differ: GnuTLS would refuse the whole bundle")
	}
	return f, err
}

// walkTBS reads the signed part and returns the signature algorithm in it.
func (f *fields) walkTBS(tbs cryptobyte.String) (algorithm []byte, err error) {
	if err := f.readVersion(&tbs); err != nil {
		return nil, err
	}
	var alg, issuer, validity, subject, key cryptobyte.String
	if !tbs.SkipASN1(asn1.INTEGER) || !tbs.ReadASN1Element(&alg, asn1.SEQUENCE) ||
		!tbs.ReadASN1Element(&issuer, asn1.SEQUENCE) || !tbs.ReadASN1(&validity, asn1.SEQUENCE) ||
		!tbs.ReadASN1Element(&subject, asn1.SEQUENCE) || !tbs.ReadASN1(&key, asn1.SEQUENCE) {
		return nil, errors.New("damaged DER: a field of the certificate is missing")
	}
	if f.issuer, err = parseName(issuer); err != nil {
		return nil, fmt.Errorf("issuer: %w", err)
	}
	if f.subject, err = parseName(subject); err != nil {
		return nil, fmt.Errorf("subject: %w", err)
	}
	if err := f.readValidity(validity); err != nil {
		return nil, err
	}
	if !key.SkipASN1(asn1.SEQUENCE) || !key.SkipASN1(asn1.BIT_STRING) {
		return nil, errors.New("damaged DER: no public key")
	}
	return alg, f.readTail(tbs)
}

func (f *fields) readVersion(tbs *cryptobyte.String) error {
	var explicit cryptobyte.String
	var present bool
	if !tbs.ReadOptionalASN1(&explicit, &present, asn1.Tag(0).ContextSpecific().Constructed()) {
		return errors.New("damaged DER: version")
	}
	if !present {
		return nil
	}
	if !explicit.ReadASN1Integer(&f.version) || !explicit.Empty() {
		return errors.New("damaged DER: version")
	}
	if f.version <= 0 { // 0 is the default, which DER leaves out
		return errors.New("its version is none: GnuTLS would refuse the whole bundle")
	}
	return nil
}

func (f *fields) readValidity(in cryptobyte.String) error {
	var ok1, ok2 bool
	f.notBefore, ok1 = readTime(&in)
	f.notAfter, ok2 = readTime(&in)
	if !ok1 || !ok2 {
		return errors.New("its dates are malformed: GnuTLS would refuse the whole bundle")
	}
	return nil
}

func readTime(in *cryptobyte.String) (time.Time, bool) {
	var t time.Time
	if in.PeekASN1Tag(asn1.UTCTime) {
		return t, in.ReadASN1UTCTime(&t)
	}
	ok := in.ReadASN1GeneralizedTime(&t)
	return t, ok
}

// readTail reads what follows the public key: unique ids and extensions.
func (f *fields) readTail(tbs cryptobyte.String) error {
	for _, tag := range []asn1.Tag{1, 2} {
		if !tbs.SkipOptionalASN1(tag.ContextSpecific()) {
			return errors.New("damaged DER: unique id")
		}
	}
	var wrapped, list cryptobyte.String
	var present bool
	if !tbs.ReadOptionalASN1(&wrapped, &present, asn1.Tag(3).ContextSpecific().Constructed()) || !tbs.Empty() {
		return errors.New("damaged DER: extensions")
	}
	if !present {
		return nil
	}
	if !wrapped.ReadASN1(&list, asn1.SEQUENCE) || !wrapped.Empty() {
		return errors.New("damaged DER: extensions")
	}
	return f.readExtensions(list)
}

// Object identifiers of extensions, in their encoding.
const (
	oidBasicConstraints = "\x55\x1d\x13"
	oidExtendedKeyUsage = "\x55\x1d\x25"
)

func (f *fields) readExtensions(list cryptobyte.String) error {
	seen := map[string]bool{}
	for !list.Empty() {
		var ext, oid, value cryptobyte.String
		if !list.ReadASN1(&ext, asn1.SEQUENCE) || !ext.ReadASN1(&oid, asn1.OBJECT_IDENTIFIER) ||
			!ext.SkipOptionalASN1(asn1.BOOLEAN) || !ext.ReadASN1(&value, asn1.OCTET_STRING) || !ext.Empty() {
			return errors.New("damaged DER: an extension")
		}
		if seen[string(oid)] {
			return errors.New("an extension stands twice: GnuTLS would refuse the whole bundle")
		}
		seen[string(oid)] = true
		switch string(oid) {
		case oidBasicConstraints:
			f.ca = readCA(value)
		case oidExtendedKeyUsage:
			f.purposes = readOIDs(value)
		}
	}
	return nil
}

func readCA(value cryptobyte.String) bool {
	var seq cryptobyte.String
	var ca bool
	return value.ReadASN1(&seq, asn1.SEQUENCE) && seq.PeekASN1Tag(asn1.BOOLEAN) && seq.ReadASN1Boolean(&ca) && ca
}

// readOIDs returns the encodings of the identifiers in a sequence of them.
func readOIDs(value cryptobyte.String) []string {
	var seq, oid cryptobyte.String
	oids := []string{}
	if !value.ReadASN1(&seq, asn1.SEQUENCE) {
		return oids
	}
	for seq.ReadASN1(&oid, asn1.OBJECT_IDENTIFIER) {
		oids = append(oids, strings.Clone(string(oid)))
	}
	return oids
}
