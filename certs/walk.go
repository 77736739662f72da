package certs

import (
	"bytes"
	"errors"
	"fmt"
	"time"

	"golang.org/x/crypto/cryptobyte"
	"golang.org/x/crypto/cryptobyte/asn1"
)

// fields are the parts of a certificate for a trust store.
type fields struct {
	version             int // as encoded: 0 is version 1, 2 is version 3
	issuer, subject     name
	notBefore, notAfter time.Time
	ca                  bool
	serial              []byte            // content of the INTEGER
	key                 cryptobyte.String // DER of the SubjectPublicKeyInfo
	extensions          cryptobyte.String // list of extensions
}

// errTrailing is the error for bytes after a certificate.
var errTrailing = errors.New("bytes after the certificate")

// Reasons of several fields. Each names the strict reader.
const (
	byOpenSSL = ": OpenSSL would refuse the whole bundle"
	byGnuTLS  = ": GnuTLS would refuse the whole bundle"
)

// walk reads the DER encoding of a certificate (RFC 5280, section 4.1). It
// refuses a certificate that OpenSSL or GnuTLS refuse while loading, since both
// then refuse the whole bundle. It does not judge signatures, keys or
// extensions that they ignore while loading.
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
	switch {
	case err != nil:
		return f, err
	case !sameAlgorithm(inner, algorithm):
		return f, errors.New("its two signature algorithms differ" + byGnuTLS)
	case !validBitString(signature):
		return f, errors.New("its signature is malformed" + byOpenSSL)
	}
	return f, nil
}

// sameAlgorithm compares two algorithm identifiers. Missing parameters equal
// NULL, as in GnuTLS.
func sameAlgorithm(a, b cryptobyte.String) bool {
	var x, y cryptobyte.String
	null := []byte{byte(asn1.NULL), 0}
	return a.ReadASN1(&x, asn1.SEQUENCE) && b.ReadASN1(&y, asn1.SEQUENCE) &&
		bytes.Equal(bytes.TrimSuffix(x, null), bytes.TrimSuffix(y, null))
}

// walkTBS reads the signed part and returns the signature algorithm in it.
func (f *fields) walkTBS(tbs cryptobyte.String) (algorithm []byte, err error) {
	if err := f.readVersion(&tbs); err != nil {
		return nil, err
	}
	var serial, alg, issuer, validity, subject, key cryptobyte.String
	if !tbs.ReadASN1(&serial, asn1.INTEGER) || !tbs.ReadASN1Element(&alg, asn1.SEQUENCE) ||
		!tbs.ReadASN1Element(&issuer, asn1.SEQUENCE) || !tbs.ReadASN1(&validity, asn1.SEQUENCE) ||
		!tbs.ReadASN1Element(&subject, asn1.SEQUENCE) || !tbs.ReadASN1Element(&key, asn1.SEQUENCE) {
		return nil, errors.New("damaged DER: a field of the certificate is missing")
	}
	switch {
	case !validInteger(serial):
		return nil, errors.New("its serial number is malformed" + byOpenSSL)
	case !validAlgorithm(alg):
		return nil, errors.New("its signature algorithm is malformed" + byOpenSSL)
	case !validKey(key):
		return nil, errors.New("its public key is malformed" + byOpenSSL)
	}
	f.serial, f.key = serial, key
	if f.issuer, err = parseName(issuer); err != nil {
		return nil, fmt.Errorf("issuer: %w", err)
	}
	if f.subject = f.issuer; !bytes.Equal(subject, issuer) { // a root's subject and issuer are equal
		if f.subject, err = parseName(subject); err != nil {
			return nil, fmt.Errorf("subject: %w", err)
		}
	}
	if err := f.readValidity(validity); err != nil {
		return nil, err
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
	if f.version <= 0 || f.version > 127 { // 0 is the default, which DER omits
		return errors.New("its version is invalid" + byGnuTLS)
	}
	return nil
}

// validKey reports whether the content of a SubjectPublicKeyInfo is well
// formed, for any kind of key.
func validKey(key cryptobyte.String) bool {
	var alg, bits cryptobyte.String
	return key.ReadASN1(&key, asn1.SEQUENCE) && key.ReadASN1Element(&alg, asn1.SEQUENCE) && validAlgorithm(alg) &&
		key.ReadASN1(&bits, asn1.BIT_STRING) && validBitString(bits) && key.Empty()
}

func (f *fields) readValidity(in cryptobyte.String) error {
	var ok1, ok2 bool
	f.notBefore, ok1 = readTime(&in)
	f.notAfter, ok2 = readTime(&in)
	if !ok1 || !ok2 {
		return errors.New("its dates are malformed: some readers would refuse the whole bundle")
	}
	if !in.Empty() {
		return errors.New("damaged DER: validity")
	}
	return nil
}

// readTime reads a time that ends in Z, which GnuTLS requires.
func readTime(in *cryptobyte.String) (time.Time, bool) {
	var t time.Time
	var element cryptobyte.String
	var tag asn1.Tag
	if !in.ReadAnyASN1Element(&element, &tag) || element[len(element)-1] != 'Z' {
		return t, false
	}
	if tag == asn1.UTCTime {
		return t, element.ReadASN1UTCTime(&t)
	}
	ok := element.ReadASN1GeneralizedTime(&t)
	return t, ok
}

// readTail reads the fields after the public key: unique ids and extensions.
func (f *fields) readTail(tbs cryptobyte.String) error {
	for _, tag := range []asn1.Tag{1, 2} {
		var id cryptobyte.String
		var present bool
		if !tbs.ReadOptionalASN1(&id, &present, tag.ContextSpecific()) || present && !validBitString(id) {
			return errors.New("damaged DER: unique id")
		}
		if present && f.version < 1 {
			return errors.New("it is of version 1 and has a unique id" + byGnuTLS)
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
	if f.version < 2 {
		return fmt.Errorf("it is of version %d and has extensions"+byGnuTLS, f.version+1)
	}
	if !wrapped.ReadASN1(&list, asn1.SEQUENCE) || !wrapped.Empty() {
		return errors.New("damaged DER: extensions")
	}
	return f.readExtensions(list)
}
