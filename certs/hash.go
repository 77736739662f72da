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

// SubjectHash returns the hash of the subject that names the links in a
// directory of certificates, as X509_NAME_hash of OpenSSL 1.0.0 and later
// computes it (x509_cmp.c): the first four bytes, little end first, of the
// SHA-1 of the name in canonical form.
func (c *Certificate) SubjectHash() uint32 { return c.hash() }

func (n name) hash() uint32 {
	var sum [sha1.Size]byte
	// The hash is a file name, not a promise: allowed where FIPS 140 is enforced.
	fips140.WithoutEnforcement(func() { sum = sha1.Sum(n.canonical()) })
	return binary.LittleEndian.Uint32(sum[:4])
}

// SubjectHashOld returns the hash of OpenSSL 0.9.8 (openssl x509
// -subject_hash_old): of the MD5 of the name as it is encoded.
func (c *Certificate) SubjectHashOld() uint32 { return c.subject.hashOld() }

// IssuerHashes returns of the issuer's name what [Certificate.SubjectHash] and
// [Certificate.SubjectHashOld] do of the subject's.
func (c *Certificate) IssuerHashes() (hash, old uint32) { return c.issuer.hash(), c.issuer.hashOld() }

func (n name) hashOld() uint32 {
	var sum [md5.Size]byte
	fips140.WithoutEnforcement(func() { sum = md5.Sum(n.raw) })
	return binary.LittleEndian.Uint32(sum[:4])
}

// canonical returns the form in which OpenSSL compares names (x_name.c): each
// string becomes a UTF8String in lower case with white space folded; attributes
// that share a set are sorted by their encoding; the outer sequence has no
// header.
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

// clearUnused returns the contents of a bit string as OpenSSL writes them again
// (a_bitstr.c): the unused bits of the last byte are zero.
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

// fold strips white space at both ends, makes one space of each run of it, and
// lowers A to Z. Only ASCII counts: "Ü" stays as it is, which
// [strings.ToLower] would get wrong.
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
