package certs

import (
	"errors"
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/crypto/cryptobyte"
	"golang.org/x/crypto/cryptobyte/asn1"
)

// name is a distinguished name: its encoding and its attributes.
type name struct {
	raw        []byte // DER, the outer sequence included
	attributes []attribute
}

// attribute is one type and value of a relative distinguished name.
type attribute struct {
	oid    []byte // content of the object identifier
	value  []byte // DER of the value
	tag    asn1.Tag
	text   string // the value as UTF-8, if it is a string
	string bool
	last   bool // last of its set, which may have several
}

// String types of X.520 names that cryptobyte does not define.
const (
	tagNumericString   = asn1.Tag(18)
	tagUniversalString = asn1.Tag(28)
	tagBMPString       = asn1.Tag(30)
)

// longestName is the limit of OpenSSL (X509_NAME_MAX in x_name.c).
const longestName = 1 << 20

// parseName reads a distinguished name. It fails if OpenSSL does: on damaged
// DER, and on strings that violate their type.
func parseName(der []byte) (name, error) {
	n := name{raw: der}
	in := cryptobyte.String(der)
	var rdns cryptobyte.String
	if !in.ReadASN1(&rdns, asn1.SEQUENCE) || !in.Empty() {
		return n, errors.New("damaged DER: not a name")
	}
	if len(der) > longestName {
		return n, errors.New("a name of more than 1 MiB" + byOpenSSL)
	}
	const usual = 6 // attributes in a name
	n.attributes = make([]attribute, 0, usual)
	for !rdns.Empty() {
		var set cryptobyte.String
		if !rdns.ReadASN1(&set, asn1.SET) {
			return n, errors.New("damaged DER: a part of the name")
		}
		for !set.Empty() {
			a, err := readAttribute(&set)
			if err != nil {
				return n, err
			}
			a.last = set.Empty()
			n.attributes = append(n.attributes, a)
		}
	}
	return n, nil
}

func readAttribute(set *cryptobyte.String) (attribute, error) {
	var a attribute
	var seq, oid, value, contents cryptobyte.String
	if !set.ReadASN1(&seq, asn1.SEQUENCE) || !seq.ReadASN1(&oid, asn1.OBJECT_IDENTIFIER) || !validOID(oid) ||
		!seq.ReadAnyASN1Element(&value, &a.tag) || !seq.Empty() {
		return a, errors.New("damaged DER: an attribute of the name")
	}
	a.oid, a.value = oid, value
	value.ReadAnyASN1(&contents, &a.tag)
	if !allowedInNames(a.tag) || !validAny(a.tag, contents) {
		return a, fmt.Errorf("a value of ASN.1 type %d in the name%s", a.tag&0x1f, byOpenSSL)
	}
	var err error
	a.text, a.string, err = decodeString(a.tag, contents)
	return a, err
}

// allowedInNames reports whether OpenSSL accepts a value of that type in a
// name: the types of B_ASN1_PRINTABLE, and types that it does not know (table
// tag2bit of tasn_dec.c).
func allowedInNames(tag asn1.Tag) bool {
	switch tag {
	case asn1.SEQUENCE, asn1.BIT_STRING, asn1.UTF8String, tagNumericString, asn1.PrintableString,
		asn1.T61String, asn1.IA5String, tagUniversalString, tagBMPString:
		return true
	case 7, 8, 9, 11, 13, 14, 15, 29:
		return true
	}
	return false
}

// decodeString returns a string as UTF-8, if OpenSSL converts its type for
// comparison; else the second result is false. T61String is read as Latin-1, as
// all readers do.
func decodeString(tag asn1.Tag, b []byte) (string, bool, error) {
	switch tag {
	case asn1.UTF8String:
		if !utf8.Valid(b) {
			return "", false, errors.New("invalid UTF-8 in a UTF8String" + byOpenSSL)
		}
		return string(b), true, nil
	case asn1.PrintableString, asn1.T61String, asn1.IA5String:
		return latin1(b), true, nil
	case tagBMPString:
		return wide(b, 2)
	case tagUniversalString:
		return wide(b, 4)
	}
	return "", false, nil
}

func latin1(b []byte) string {
	var s strings.Builder
	s.Grow(len(b))
	for _, c := range b {
		s.WriteRune(rune(c))
	}
	return s.String()
}

// wide decodes big-endian characters of size bytes. The length of b must be a
// multiple of size.
func wide(b []byte, size int) (string, bool, error) {
	var s strings.Builder
	for ; len(b) > 0; b = b[size:] {
		r := uint32(0)
		for _, c := range b[:size] {
			r = r<<8 | uint32(c)
		}
		if r > unicode.MaxRune || !utf8.ValidRune(rune(r)) {
			return "", false, errors.New("an impossible character in a string of the name" + byOpenSSL)
		}
		s.WriteRune(rune(r))
	}
	return s.String(), true, nil
}
