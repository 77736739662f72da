package certs

import (
	"bytes"

	"golang.org/x/crypto/cryptobyte"
	"golang.org/x/crypto/cryptobyte/asn1"
)

// parseDER reads one certificate, several in a row, or PKCS#7.
func parseDER(data []byte, emit emitter) bool {
	switch {
	case isPrivateKeyDER(data):
		return emit(nil, refusedKey())
	case isPKCS7(data):
		return parsePKCS7(data, emit)
	case isPKCS12(data):
		return emit(nil, skipped("it is a PKCS#12 keystore"))
	}
	for rest := data; ; {
		first, after, ok := firstElement(rest)
		if !ok {
			return emit(nil, skipped("damaged DER: it ends too early or is not DER"))
		}
		if !emitDER(first, nil, emit, 0, 0) {
			return false
		}
		rest = after
		switch {
		case len(bytes.Trim(rest, " \t\r\n\x00")) == 0:
			return true
		case rest[0] != 0x30:
			return emit(nil, skipped("%d bytes after the last certificate are none", len(rest)))
		}
	}
}

// firstElement cuts the first ASN.1 sequence off data.
func firstElement(data []byte) (first, rest []byte, ok bool) {
	in := cryptobyte.String(data)
	var element cryptobyte.String
	ok = in.ReadASN1Element(&element, asn1.SEQUENCE)
	return element, in, ok
}

// isPKCS12 recognises a PFX of RFC 7292: a sequence that starts with version 3.
func isPKCS12(data []byte) bool {
	body, ok := sequenceBody(data)
	return ok && bytes.HasPrefix(body, []byte{0x02, 0x01, 0x03, 0x30})
}

// isPrivateKeyDER recognises keys in PKCS#1, SEC 1, PKCS#8 and encrypted
// PKCS#8 by how they start; a certificate starts with a sequence that holds a
// sequence or an integer, never with an octet string next.
func isPrivateKeyDER(data []byte) bool {
	in := cryptobyte.String(data)
	var seq, algorithm, oid cryptobyte.String
	if !in.ReadASN1(&seq, asn1.SEQUENCE) {
		return false
	}
	if seq.PeekASN1Tag(asn1.SEQUENCE) { // encrypted PKCS#8
		ok := seq.ReadASN1(&algorithm, asn1.SEQUENCE) && algorithm.ReadASN1(&oid, asn1.OBJECT_IDENTIFIER)
		return ok && bytes.HasPrefix(oid, pkcsPrefix) && seq.PeekASN1Tag(asn1.OCTET_STRING)
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
	for range 8 { // PKCS#1
		if !seq.SkipASN1(asn1.INTEGER) {
			return false
		}
	}
	return true
}

// pkcsPrefix begins the identifiers of PKCS#5 and PKCS#12 encryption.
var pkcsPrefix = []byte("\x2a\x86\x48\x86\xf7\x0d\x01")

// sequenceBody returns the contents of a sequence whose length may be of BER's
// indefinite form.
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

// parseTrusted reads OpenSSL's TRUSTED CERTIFICATE: a certificate, and what it
// is trusted for (X509_CERT_AUX in x_x509a.c). A file that is not trusted for
// TLS servers must not become one that is.
func (b *block) parseTrusted(data []byte, emit emitter) bool {
	der, aux, ok := firstElement(data)
	if !ok {
		return emit(nil, skipped("damaged DER: not one whole ASN.1 sequence").at(b.line, b.number))
	}
	label, trusted := readAux(aux)
	if !trusted {
		return emit(nil, skipped("its trust settings say that it is not trusted for TLS servers").at(b.line, b.number))
	}
	if len(aux) > 0 {
		b.repairs = append(b.repairs, "its OpenSSL trust settings were dropped: it becomes trusted for everything")
	}
	labelled := func(c *Certificate, f *Finding) bool {
		if c != nil {
			c.Label = label
		}
		return emit(c, f)
	}
	return emitDER(der, b.repairs, labelled, b.line, b.number)
}

// Purposes in trust settings, by the encoding of their identifiers.
const (
	oidServerAuth = "\x2b\x06\x01\x05\x05\x07\x03\x01"
	oidAnyUsage   = "\x55\x1d\x25\x00"
)

// readAux returns the alias in trust settings and whether they trust the
// certificate for TLS servers.
func readAux(aux cryptobyte.String) (alias string, trusted bool) {
	var seq, text cryptobyte.String
	if len(aux) == 0 || !aux.ReadASN1(&seq, asn1.SEQUENCE) {
		return "", true
	}
	trusted = true
	rejectTag := asn1.Tag(0).ContextSpecific().Constructed()
	if seq.PeekASN1Tag(asn1.SEQUENCE) {
		var list cryptobyte.String
		seq.ReadASN1Element(&list, asn1.SEQUENCE)
		trusted = namesServers(readOIDs(list))
	}
	if seq.PeekASN1Tag(rejectTag) {
		var list cryptobyte.String
		seq.ReadASN1Element(&list, rejectTag)
		list[0] = byte(asn1.SEQUENCE) // an implicit tag
		trusted = trusted && !namesServers(readOIDs(list))
	}
	if seq.ReadASN1(&text, asn1.UTF8String) {
		alias = printable(string(text))
	}
	return alias, trusted
}

func namesServers(oids []string) bool {
	for _, oid := range oids {
		if oid == oidServerAuth || oid == oidAnyUsage {
			return true
		}
	}
	return false
}
