package certs

import (
	"bytes"

	"golang.org/x/crypto/cryptobyte"
	"golang.org/x/crypto/cryptobyte/asn1"
)

// isPrivateKeyDER recognises private keys by their first fields: PKCS#1, DSA,
// SEC 1, PKCS#8 and encrypted PKCS#8. Other files that people mistake for
// certificates do not start so.
func isPrivateKeyDER(data []byte) bool {
	in := cryptobyte.String(data)
	var seq, algorithm cryptobyte.String
	if !in.ReadASN1(&seq, asn1.SEQUENCE) {
		return false
	}
	if seq.PeekASN1Tag(asn1.SEQUENCE) { // encrypted PKCS#8
		return seq.ReadASN1(&algorithm, asn1.SEQUENCE) && algorithm.PeekASN1Tag(asn1.OBJECT_IDENTIFIER) &&
			seq.PeekASN1Tag(asn1.OCTET_STRING)
	}
	if !seq.SkipASN1(asn1.INTEGER) {
		return false
	}
	switch {
	case seq.PeekASN1Tag(asn1.SEQUENCE): // PKCS#8
		return seq.SkipASN1(asn1.SEQUENCE) && seq.PeekASN1Tag(asn1.OCTET_STRING)
	case seq.PeekASN1Tag(asn1.OCTET_STRING): // SEC 1
		return true
	}
	return skipIntegers(&seq, 5) // DSA has 6, PKCS#1 9; a public key has 2
}

func skipIntegers(seq *cryptobyte.String, count int) bool {
	for range count {
		if !seq.SkipASN1(asn1.INTEGER) {
			return false
		}
	}
	return true
}

// kindOf names DER that is not a certificate, or returns "".
func kindOf(der []byte) string {
	in := cryptobyte.String(der)
	var seq, tbs cryptobyte.String
	switch {
	case isPKCS12(der):
		return "not a certificate but a PKCS#12 keystore"
	case !in.ReadASN1(&seq, asn1.SEQUENCE):
		return ""
	case isPublicKey(seq):
		return "not a certificate but a public key"
	case !seq.ReadASN1(&tbs, asn1.SEQUENCE):
		return ""
	case isRevocationList(tbs):
		return "not a certificate but a revocation list (CRL)"
	case isRequest(tbs):
		return "not a certificate but a request for one (CSR)"
	}
	return ""
}

// isPublicKey recognises a SubjectPublicKeyInfo (RFC 5280) and a public key of
// PKCS#1.
func isPublicKey(seq cryptobyte.String) bool {
	if seq.PeekASN1Tag(asn1.INTEGER) {
		return skipIntegers(&seq, 2) && seq.Empty()
	}
	return seq.SkipASN1(asn1.SEQUENCE) && seq.SkipASN1(asn1.BIT_STRING) && seq.Empty()
}

// isRevocationList recognises a TBSCertList (RFC 5280, section 5.1) by the date
// after the issuer.
func isRevocationList(tbs cryptobyte.String) bool {
	return tbs.SkipOptionalASN1(asn1.INTEGER) && tbs.SkipASN1(asn1.SEQUENCE) && tbs.SkipASN1(asn1.SEQUENCE) &&
		(tbs.PeekASN1Tag(asn1.UTCTime) || tbs.PeekASN1Tag(asn1.GeneralizedTime))
}

// isRequest recognises a CertificationRequestInfo (RFC 2986).
func isRequest(tbs cryptobyte.String) bool {
	return tbs.SkipASN1(asn1.INTEGER) && tbs.SkipASN1(asn1.SEQUENCE) && tbs.SkipASN1(asn1.SEQUENCE) &&
		(tbs.Empty() || tbs.PeekASN1Tag(asn1.Tag(0).ContextSpecific().Constructed()))
}

// isPKCS12 recognises a PFX of RFC 7292: a sequence that starts with version 3.
func isPKCS12(data []byte) bool {
	body, ok := sequenceBody(data)
	return ok && bytes.HasPrefix(body, []byte{0x02, 0x01, 0x03, 0x30})
}

// sequenceBody returns the content of a sequence, also of indefinite length.
func sequenceBody(data []byte) (body []byte, ok bool) {
	if len(data) < 2 || data[0] != 0x30 {
		return nil, false
	}
	switch n := data[1]; {
	case n <= 0x80:
		return data[2:], true
	case int(n&0x7f) <= 4 && len(data) >= 2+int(n&0x7f):
		return data[2+int(n&0x7f):], true
	}
	return nil, false
}
