package certs

import (
	"bytes"
	"strconv"

	"golang.org/x/crypto/cryptobyte"
	"golang.org/x/crypto/cryptobyte/asn1"
)

// padding are bytes that editors, tools and transfers leave between elements.
const padding = " \t\r\n\v\f\x00\x1a"

// looksLikeDER reports whether data starts with an ASN.1 sequence, and not with
// the digit "0" of text.
func looksLikeDER(data []byte) bool {
	if len(data) < 3 || data[0] != 0x30 {
		return false
	}
	if data[1] >= 0x80 {
		return data[1] <= 0x84 // these bytes after "0" are not UTF-8
	}
	return isBinary(data[:min(len(data), 64)])
}

// readDER reads certificates or PKCS#7, also several in a row.
func (r reader) readDER(data []byte) bool {
	for number := 1; ; number++ {
		if data = bytes.TrimLeft(data, padding); len(data) == 0 {
			return true
		}
		if number > 1 && !looksLikeDER(data) {
			return r.readBehindDER(data)
		}
		element, rest, ok := cutElement(data)
		if !ok {
			return r.emit(nil, skipped("damaged DER: it ends too early or is not DER"))
		}
		one, next := r, bytes.TrimLeft(rest, padding)
		if number > 1 || len(next) > 0 {
			one = r.within("certificate " + strconv.Itoa(number))
		}
		var done repairs
		if len(next) < len(rest) {
			done = repairs{cutOff}
		}
		if !one.readElement(element, done) {
			return false
		}
		data = rest
	}
}

const cutOff = "bytes after the certificate are cut off"

// readElement reads one element: a certificate, PKCS#7 or other DER.
func (r reader) readElement(der []byte, done repairs) bool {
	switch {
	case isPrivateKeyDER(der):
		return r.emit(nil, refusedKey())
	case isPKCS7(der):
		return r.readPKCS7(der)
	}
	return r.readCertificate(der, done)
}

// readBehindDER reads data after DER that is not DER, for example PEM appended
// with cat.
func (r reader) readBehindDER(data []byte) bool {
	if _, ok := nextMark(data, 0); ok || keyIndex(data) >= 0 {
		r.depth++
		return r.readText(data)
	}
	return r.emit(nil, skipped("%d bytes behind the last certificate are not read", len(data)))
}

// cutElement cuts the first ASN.1 sequence off data. It converts BER's
// indefinite length.
func cutElement(data []byte) (first, rest []byte, ok bool) {
	if len(data) > 1 && data[1] == 0x80 {
		first, rest, err := toDER(data, 0)
		return first, rest, err == nil
	}
	return firstElement(data)
}

// firstElement cuts the first ASN.1 sequence in DER off data.
func firstElement(data []byte) (first, rest []byte, ok bool) {
	in := cryptobyte.String(data)
	var element cryptobyte.String
	ok = in.ReadASN1Element(&element, asn1.SEQUENCE)
	return element, in, ok
}
