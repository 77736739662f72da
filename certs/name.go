package certs

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/crypto/cryptobyte"
	"golang.org/x/crypto/cryptobyte/asn1"
)

// name is a distinguished name: its encoding and the attributes in it.
type name struct {
	raw        []byte // DER, the outer sequence included
	attributes []attribute
}

// attribute is one type and value of a relative distinguished name.
type attribute struct {
	oid    []byte // contents of the object identifier
	value  []byte // DER of the value
	tag    asn1.Tag
	text   string // the value as UTF-8, where it is a string
	string bool
	last   bool // ends its set: more than one attribute may share one
}

// String types of X.520 names that cryptobyte has no constant for.
const (
	tagUniversalString = asn1.Tag(28)
	tagBMPString       = asn1.Tag(30)
)

// allowedInNames reports whether OpenSSL takes a value of that type in a name
// (B_ASN1_PRINTABLE and the table tag2bit of tasn_dec.c).
func allowedInNames(tag asn1.Tag) bool {
	switch {
	case tag == asn1.SEQUENCE, tag == asn1.BIT_STRING, tag == asn1.UTF8String, tag == tagUniversalString, tag == tagBMPString:
		return true
	case tag >= 7 && tag <= 15, tag == 29: // of no type that it knows
		return true
	}
	return tag == 18 || tag == asn1.PrintableString || tag == asn1.T61String || tag == asn1.IA5String
}

// parseName reads a distinguished name. It fails where OpenSSL does: on damaged
// DER and on strings that their type does not allow.
func parseName(der []byte) (name, error) {
	n := name{raw: der}
	in := cryptobyte.String(der)
	var rdns cryptobyte.String
	if !in.ReadASN1(&rdns, asn1.SEQUENCE) {
		return n, errors.New("damaged DER: not a name")
	}
	for !rdns.Empty() {
		var set cryptobyte.String
		if !rdns.ReadASN1(&set, asn1.SET) || set.Empty() {
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
	if !set.ReadASN1(&seq, asn1.SEQUENCE) || !seq.ReadASN1(&oid, asn1.OBJECT_IDENTIFIER) ||
		!seq.ReadAnyASN1Element(&value, &a.tag) || !seq.Empty() {
		return a, errors.New("damaged DER: an attribute of the name")
	}
	a.oid, a.value = oid, value
	value.ReadAnyASN1(&contents, &a.tag)
	if !allowedInNames(a.tag) {
		return a, fmt.Errorf("a value of ASN.1 type %d in the name: OpenSSL would refuse the whole bundle", a.tag&0x1f)
	}
	var err error
	a.text, a.string, err = decodeString(a.tag, contents)
	return a, err
}

// decodeString returns a value of one of the string types that OpenSSL
// converts for comparison as UTF-8; the second result is false for others.
// T61String is read as Latin-1, as all readers do.
func decodeString(tag asn1.Tag, b []byte) (string, bool, error) {
	switch tag {
	case asn1.UTF8String:
		if !utf8.Valid(b) {
			return "", false, errors.New("invalid UTF-8 in a UTF8String: OpenSSL would refuse the whole bundle")
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
	for _, c := range b {
		s.WriteRune(rune(c))
	}
	return s.String()
}

// wide decodes characters of size bytes each, big end first.
func wide(b []byte, size int) (string, bool, error) {
	if len(b)%size != 0 {
		return "", false, errors.New("a string of the name has half a character: OpenSSL would refuse the whole bundle")
	}
	var s strings.Builder
	for ; len(b) > 0; b = b[size:] {
		r := uint32(0)
		for _, c := range b[:size] {
			r = r<<8 | uint32(c)
		}
		if r > unicode.MaxRune || !utf8.ValidRune(rune(r)) {
			return "", false, errors.New("a string of the name has an impossible character: OpenSSL would refuse the whole bundle")
		}
		s.WriteRune(rune(r))
	}
	return s.String(), true, nil
}

// Attribute types that have a short name, by the encoding of their identifier.
var attributeNames = map[string]string{
	"\x55\x04\x03":                         "CN",
	"\x55\x04\x05":                         "serialNumber",
	"\x55\x04\x06":                         "C",
	"\x55\x04\x07":                         "L",
	"\x55\x04\x08":                         "ST",
	"\x55\x04\x09":                         "street",
	"\x55\x04\x0a":                         "O",
	"\x55\x04\x0b":                         "OU",
	"\x55\x04\x61":                         "organizationIdentifier",
	"\x2a\x86\x48\x86\xf7\x0d\x01\x09\x01": "emailAddress",
	"\x09\x92\x26\x89\x93\xf2\x2c\x64\x01\x19": "DC",
	"\x09\x92\x26\x89\x93\xf2\x2c\x64\x01\x01": "UID",
}

// String returns the name on one line, most specific part first.
func (n name) String() string {
	var s strings.Builder
	for i, a := range slices.Backward(n.attributes) {
		s.WriteString(a.label() + "=" + printable(a.display()))
		if i > 0 {
			if n.attributes[i-1].last {
				s.WriteByte(',')
			} else {
				s.WriteByte('+')
			}
		}
	}
	return s.String()
}

func (a attribute) label() string {
	if short, ok := attributeNames[string(a.oid)]; ok {
		return short
	}
	return fmt.Sprintf("OID.%x", a.oid)
}

func (a attribute) display() string {
	if a.string {
		return a.text
	}
	return fmt.Sprintf("#%x", a.value)
}

// friendly returns the attribute that people would call the certificate by.
func (n name) friendly() string {
	for _, want := range []string{"CN", "OU", "O"} {
		for _, a := range slices.Backward(n.attributes) {
			if a.string && a.text != "" && attributeNames[string(a.oid)] == want {
				return printable(a.text)
			}
		}
	}
	return ""
}

// printable replaces what could move a terminal's cursor or hide text.
func printable(s string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsPrint(r) {
			return r
		}
		return '\ufffd'
	}, s)
}
