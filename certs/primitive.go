package certs

import (
	"math/bits"

	"golang.org/x/crypto/cryptobyte"
	"golang.org/x/crypto/cryptobyte/asn1"
)

// The functions of this file check the contents of primitive values as OpenSSL
// does while it decodes them (a_int.c, a_bitstr.c, a_object.c, tasn_dec.c), or
// as libtasn1 does if that is stricter.

// validInteger reports whether b is an integer without redundant bytes.
func validInteger(b []byte) bool {
	if len(b) < 2 {
		return len(b) == 1
	}
	padded := b[0] == 0 && b[1] < 0x80 || b[0] == 0xff && b[1] >= 0x80
	return !padded
}

// validBitString reports whether b starts with a valid count of unused bits.
func validBitString(b []byte) bool { return len(b) > 0 && b[0] < 8 }

// validOID reports whether b encodes an object identifier with numbers up to 64
// bits.
func validOID(b []byte) bool {
	if len(b) == 0 || b[len(b)-1] >= 0x80 {
		return false
	}
	number, first := uint64(0), true
	for _, c := range b {
		if first && c == 0x80 || bits.Len64(number) > 64-7 {
			return false
		}
		number, first = number<<7|uint64(c&0x7f), false
		if c < 0x80 {
			number, first = 0, true
		}
	}
	return true
}

// validAlgorithm reports whether der is an AlgorithmIdentifier.
func validAlgorithm(der cryptobyte.String) bool {
	var seq, oid, parameters cryptobyte.String
	var tag asn1.Tag
	if !der.ReadASN1(&seq, asn1.SEQUENCE) || !seq.ReadASN1(&oid, asn1.OBJECT_IDENTIFIER) || !validOID(oid) {
		return false
	}
	return seq.Empty() || seq.ReadAnyASN1(&parameters, &tag) && validAny(tag, parameters) && seq.Empty()
}

// validAny reports whether the contents are valid for the tag.
func validAny(tag asn1.Tag, contents []byte) bool {
	const class, constructed = 0xc0, 0x20
	if tag&class != 0 {
		return true
	}
	if tag&constructed != 0 {
		return tag == asn1.SEQUENCE || tag == asn1.SET
	}
	switch tag {
	case 0:
		return len(contents) > 0
	case asn1.BOOLEAN:
		return len(contents) == 1
	case asn1.INTEGER, asn1.ENUM:
		return validInteger(contents)
	case asn1.BIT_STRING:
		return validBitString(contents)
	case asn1.NULL:
		return len(contents) == 0
	case asn1.OBJECT_IDENTIFIER:
		return validOID(contents)
	case tagBMPString:
		return len(contents)%2 == 0
	case tagUniversalString:
		return len(contents)%4 == 0
	case asn1.SEQUENCE &^ constructed, asn1.SET &^ constructed:
		return false
	}
	return true
}
