package certs

import (
	"bytes"

	"golang.org/x/crypto/cryptobyte"
	"golang.org/x/crypto/cryptobyte/asn1"
)

// oidSignedData is the content type of PKCS#7 signed data, 1.2.840.113549.1.7.2.
var oidSignedData = []byte("\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x07\x02")

// isPKCS7 recognises a ContentInfo of RFC 5652 that holds signed data.
func isPKCS7(data []byte) bool {
	body, ok := sequenceBody(data)
	return ok && bytes.HasPrefix(body, oidSignedData)
}

// parsePKCS7 yields the certificates of PKCS#7 signed data (RFC 5652, section
// 5.1), which is how bundles are published for Windows. Signatures are not
// looked at.
func parsePKCS7(data []byte, emit emitter) bool {
	der, _, err := toDER(data, 0)
	if err != nil {
		return emit(nil, skipped("damaged PKCS#7: %s", err))
	}
	list, ok := certificateList(der)
	if !ok {
		return emit(nil, skipped("damaged PKCS#7: no signed data with certificates"))
	}
	for !list.Empty() {
		var element cryptobyte.String
		var tag asn1.Tag
		if !list.ReadAnyASN1Element(&element, &tag) {
			return emit(nil, skipped("damaged PKCS#7: the list of certificates ends too early"))
		}
		if tag != asn1.SEQUENCE {
			continue // an attribute certificate, or PKCS#6's extended one
		}
		if !emitDER(element, nil, emit, 0, 0) {
			return false
		}
	}
	return true
}

func certificateList(der []byte) (cryptobyte.String, bool) {
	in := cryptobyte.String(der)
	var info, explicit, signed, list cryptobyte.String
	explicitTag := asn1.Tag(0).ContextSpecific().Constructed()
	ok := in.ReadASN1(&info, asn1.SEQUENCE) && info.SkipASN1(asn1.OBJECT_IDENTIFIER) &&
		info.ReadASN1(&explicit, explicitTag) && explicit.ReadASN1(&signed, asn1.SEQUENCE) &&
		signed.SkipASN1(asn1.INTEGER) && signed.SkipASN1(asn1.SET) && signed.SkipASN1(asn1.SEQUENCE) &&
		signed.ReadASN1(&list, explicitTag)
	return list, ok
}
