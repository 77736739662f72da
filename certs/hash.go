package certs

import (
	"bytes"
	"crypto/fips140"
	"crypto/md5"
	"crypto/sha1"
	"encoding/binary"
	"strings"

	"golang.org/x/crypto/cryptobyte"
	"golang.org/x/crypto/cryptobyte/asn1"

	"github.com/certgraft/certgraft/internal/order"
)

// SubjectHash returns the hash of the subject in the names of hash links, as
// X509_NAME_hash of OpenSSL 1.0.0 and later (x509_cmp.c): the first four bytes,
// little-endian, of the SHA-1 of the canonical name.
func (c *Certificate) SubjectHash() uint32 { return c.hash() }

func (n name) hash() uint32 {
	var sum [sha1.Size]byte
	// The hash is a file name and not a security measure, so FIPS 140 allows
	// it.
	fips140.WithoutEnforcement(func() { sum = sha1.Sum(n.canonical()) })
	return binary.LittleEndian.Uint32(sum[:4])
}

// SubjectHashOld returns the hash of OpenSSL 0.9.8 (openssl x509
// -subject_hash_old): from the MD5 of the encoded name.
func (c *Certificate) SubjectHashOld() uint32 { return c.subject.hashOld() }

// IssuerHashes returns the hashes of [Certificate.SubjectHash] and
// [Certificate.SubjectHashOld] for the issuer's name.
func (c *Certificate) IssuerHashes() (hash, old uint32) { return c.issuer.hash(), c.issuer.hashOld() }

func (n name) hashOld() uint32 {
	var sum [md5.Size]byte
	fips140.WithoutEnforcement(func() { sum = md5.Sum(n.raw) })
	return binary.LittleEndian.Uint32(sum[:4])
}

// canonical returns the form in which OpenSSL compares names (x_name.c). Each
// string becomes a UTF8String in lower case with folded white space. Attributes
// of one set are sorted by their encoding. The outer sequence has no header.
func (n name) canonical() []byte {
	out := make([]byte, 0, 2*len(n.raw)) // Latin-1 may double
	var set [][]byte
	for _, a := range n.attributes {
		set = append(set, a.canonical())
		if a.last {
			order.Sort(set, bytes.Compare)
			out = appendElement(out, byte(asn1.SET), bytes.Join(set, nil))
			set = set[:0]
		}
	}
	return out
}

func (a attribute) canonical() []byte {
	pair := make([]byte, 0, len(a.oid)+2*len(a.value)+len("headers"))
	pair = appendElement(pair, byte(asn1.OBJECT_IDENTIFIER), a.oid)
	switch {
	case a.string:
		pair = appendElement(pair, byte(asn1.UTF8String), fold(a.text))
	case a.tag == asn1.BIT_STRING:
		pair = appendElement(pair, byte(asn1.BIT_STRING), clearUnused(a.value))
	default:
		pair = append(pair, a.value...)
	}
	return appendElement(nil, byte(asn1.SEQUENCE), pair)
}

// clearUnused clears the unused bits in the last byte of a bit string, as
// OpenSSL does when it writes one (a_bitstr.c).
func clearUnused(der cryptobyte.String) []byte {
	var bits cryptobyte.String
	der.ReadASN1(&bits, asn1.BIT_STRING)
	if len(bits) == 1 {
		return []byte{0}
	}
	cleared := bytes.Clone(bits)
	cleared[len(cleared)-1] &= 0xff << cleared[0]
	return cleared
}

const asciiSpace = " \t\n\v\f\r"

// fold trims white space, replaces each run of it by one space, and lowers A to
// Z. Only ASCII counts: "Ü" stays, unlike with [strings.ToLower].
func fold(s string) []byte {
	out := make([]byte, 0, len(s))
	space := false
	for _, c := range []byte(strings.Trim(s, asciiSpace)) {
		if strings.IndexByte(asciiSpace, c) >= 0 {
			space = true
			continue
		}
		if space {
			out, space = append(out, ' '), false
		}
		if 'A' <= c && c <= 'Z' {
			c += 'a' - 'A'
		}
		out = append(out, c)
	}
	return out
}
