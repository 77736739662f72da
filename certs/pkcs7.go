package certs

import (
	"bytes"
	"strconv"

	"golang.org/x/crypto/cryptobyte"
	"golang.org/x/crypto/cryptobyte/asn1"
)

// oidSignedData is the content type of PKCS#7 signed data, 1.2.840.113549.1.7.2.
var oidSignedData = []byte("\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x07\x02")

// isPKCS7 recognises a ContentInfo of RFC 5652 with signed data.
func isPKCS7(data []byte) bool {
	body, ok := sequenceBody(data)
	return ok && bytes.HasPrefix(body, oidSignedData)
}

// readPKCS7 reads the certificates of PKCS#7 signed data (RFC 5652, section
// 5.1), a format of bundles for Windows. It does not check signatures.
func (r reader) readPKCS7(data []byte) bool {
	der, _, err := toDER(data, 0)
	if err != nil {
		return r.emit(nil, skipped("damaged PKCS#7: %s", err))
	}
	list, ok := certificateList(der)
	if !ok {
		return r.emit(nil, skipped("damaged PKCS#7: it is no signed data"))
	}
	if list.Empty() {
		return r.emit(nil, skipped("PKCS#7 without a certificate in it"))
	}
	for number := 1; !list.Empty(); number++ {
		var element cryptobyte.String
		var tag asn1.Tag
		if !list.ReadAnyASN1Element(&element, &tag) {
			return r.emit(nil, skipped("damaged PKCS#7: the list of certificates ends too early"))
		}
		one := r.within("certificate " + strconv.Itoa(number) + " of the PKCS#7")
		switch {
		case tag != asn1.SEQUENCE: // attribute certificate or PKCS#6 extended certificate
			ok = one.emit(nil, skipped("not a certificate for a key"))
		default:
			ok = one.readCertificate(element, repairs{})
		}
		if !ok {
			return false
		}
	}
	return true
}

// certificateList returns the certificates of signed data; the list may be
// empty.
func certificateList(der []byte) (list cryptobyte.String, ok bool) {
	in := cryptobyte.String(der)
	var info, explicit, signed cryptobyte.String
	tag := asn1.Tag(0).ContextSpecific().Constructed()
	var present bool
	ok = in.ReadASN1(&info, asn1.SEQUENCE) && info.SkipASN1(asn1.OBJECT_IDENTIFIER) &&
		info.ReadASN1(&explicit, tag) && explicit.ReadASN1(&signed, asn1.SEQUENCE) &&
		signed.SkipASN1(asn1.INTEGER) && signed.SkipASN1(asn1.SET) && signed.SkipASN1(asn1.SEQUENCE) &&
		signed.ReadOptionalASN1(&list, &present, tag)
	return list, ok
}
