package keystore

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/sha512"
	"crypto/subtle"
	"crypto/x509/pkix"
	"encoding/asn1"
	"fmt"
	"hash"
	"math/big"

	"golang.org/x/crypto/cryptobyte"
	der "golang.org/x/crypto/cryptobyte/asn1"
)

// longestDerivation bounds the iterations of a key derivation, and the sum for
// all parts of a file. Java writes 10,000.
const longestDerivation = 10_000_000

// digests returns the hash function with an object identifier, also that of an
// HMAC for PBKDF2.
func digests(oid asn1.ObjectIdentifier) func() hash.Hash {
	switch oid.String() {
	case "1.3.14.3.2.26", "1.2.840.113549.2.7":
		return sha1.New
	case "2.16.840.1.101.3.4.2.4", "1.2.840.113549.2.8":
		return sha256.New224
	case "2.16.840.1.101.3.4.2.1", "1.2.840.113549.2.9":
		return sha256.New
	case "2.16.840.1.101.3.4.2.2", "1.2.840.113549.2.10":
		return sha512.New384
	case "2.16.840.1.101.3.4.2.3", "1.2.840.113549.2.11":
		return sha512.New
	}
	return nil
}

// mac is the MacData of a file.
type mac struct {
	algorithm []byte // AlgorithmIdentifier, DER
	sum       []byte
	rest      []byte // salt and iterations, DER
	hash      func() hash.Hash
	key       func(password string) ([]byte, error)
}

func readMAC(in *cryptobyte.String) (*mac, error) {
	m := &mac{}
	iterations := 1
	var data, info, algorithm, sum, salt cryptobyte.String
	if !in.ReadASN1(&data, der.SEQUENCE) || !data.ReadASN1(&info, der.SEQUENCE) ||
		!info.ReadASN1Element(&algorithm, der.SEQUENCE) || !info.ReadASN1(&sum, der.OCTET_STRING) {
		return nil, errDER
	}
	m.algorithm, m.sum, m.rest = algorithm, sum, data
	if !data.ReadASN1(&salt, der.OCTET_STRING) || !data.Empty() && !data.ReadASN1Integer(&iterations) {
		return nil, errDER
	}
	var id pkix.AlgorithmIdentifier
	if _, err := asn1.Unmarshal(algorithm, &id); err != nil {
		return nil, errDER
	}
	if id.Algorithm.String() == "1.2.840.113549.1.5.14" {
		return m, m.pbmac1(id)
	}
	m.hash = digests(id.Algorithm)
	if m.hash == nil || iterations < 1 || iterations > longestDerivation {
		return nil, fmt.Errorf("a MAC of algorithm %s with %d iterations: %w", id.Algorithm, iterations, ErrUnsupported)
	}
	m.key = func(password string) ([]byte, error) {
		return derive(m.hash, 3, toBMP(password+"\x00"), salt, iterations, m.hash().Size()), nil
	}
	return m, nil
}

// newMAC returns the MAC of a new store in Java: SHA-256 and 10,000 iterations.
// The salt is derived from data, so the same certificates give the same bytes.
func newMAC(data []byte) (*mac, error) {
	salt := sha256.Sum256(data)
	var b cryptobyte.Builder
	b.AddASN1(der.SEQUENCE, func(b *cryptobyte.Builder) {
		b.AddASN1(der.SEQUENCE, func(b *cryptobyte.Builder) {
			b.AddASN1(der.SEQUENCE, func(b *cryptobyte.Builder) {
				b.AddASN1ObjectIdentifier(asn1.ObjectIdentifier{2, 16, 840, 1, 101, 3, 4, 2, 1})
				b.AddASN1NULL()
			})
			b.AddASN1OctetString(nil) // the sum
		})
		b.AddASN1OctetString(salt[:20])
		b.AddASN1Int64(10_000)
	})
	raw, err := b.Bytes()
	if err != nil {
		return nil, err
	}
	in := cryptobyte.String(raw)
	return readMAC(&in)
}

// pbmac1 reads the parameters of RFC 9579, whose key derivation is that of
// ciphers.
func (m *mac) pbmac1(id pkix.AlgorithmIdentifier) error {
	var p struct {
		Derivation struct {
			Algorithm  asn1.ObjectIdentifier
			Parameters pbkdf2Parameters
		}
		Scheme pkix.AlgorithmIdentifier
	}
	_, err := asn1.Unmarshal(id.Parameters.FullBytes, &p)
	m.hash = digests(p.Scheme.Algorithm)
	kdf := p.Derivation.Parameters
	if err != nil || m.hash == nil || kdf.KeyLength < 1 || kdf.KeyLength > 1024 {
		return fmt.Errorf("a MAC with the scheme %s: %w", p.Scheme.Algorithm, ErrUnsupported)
	}
	m.key = func(password string) ([]byte, error) { return kdf.key(password, kdf.KeyLength) }
	return nil
}

func (m *mac) of(data []byte, password string) ([]byte, error) {
	key, err := m.key(password)
	if err != nil {
		return nil, err
	}
	h := hmac.New(m.hash, key)
	h.Write(data)
	return h.Sum(nil), nil
}

func (m *mac) verify(data []byte, password string) error {
	sum, err := m.of(data, password)
	if err == nil && subtle.ConstantTimeCompare(sum, m.sum) != 1 {
		return ErrPassword
	}
	return err
}

// add writes the MAC of data. It keeps algorithm, salt and iterations, so the
// same edit gives the same bytes.
func (m *mac) add(b *cryptobyte.Builder, data []byte, password string) {
	b.AddASN1(der.SEQUENCE, func(b *cryptobyte.Builder) {
		b.AddASN1(der.SEQUENCE, func(b *cryptobyte.Builder) {
			sum, err := m.of(data, password)
			if err != nil {
				b.SetError(err)
			}
			b.AddBytes(m.algorithm)
			b.AddASN1OctetString(sum)
		})
		b.AddBytes(m.rest)
	})
}

// derive is the key derivation of RFC 7292, appendix B.2.
func derive(newHash func() hash.Hash, id byte, password, salt []byte, iterations, size int) []byte {
	h := newHash()
	block := h.BlockSize()
	diversifier := bytes.Repeat([]byte{id}, block)
	input := append(fill(salt, block), fill(password, block)...)
	var out []byte
	for len(out) < size {
		h.Reset()
		h.Write(diversifier)
		h.Write(input)
		a := h.Sum(nil)
		for range iterations - 1 {
			h.Reset()
			h.Write(a)
			a = h.Sum(a[:0])
		}
		out = append(out, a...)
		addToEach(input, fill(a, block)[:block], block)
	}
	return out[:size]
}

// fill repeats b up to a multiple of block.
func fill(b []byte, block int) []byte {
	if len(b) == 0 {
		return nil
	}
	size := (len(b) + block - 1) / block * block
	return bytes.Repeat(b, size/len(b)+1)[:size]
}

// addToEach adds b + 1 to each block of input, as numbers.
func addToEach(input, b []byte, block int) {
	one := new(big.Int).Add(new(big.Int).SetBytes(b), big.NewInt(1))
	mask := new(big.Int).Lsh(big.NewInt(1), uint(block)*8)
	for ; len(input) > 0; input = input[block:] {
		sum := new(big.Int).SetBytes(input[:block])
		sum.Add(sum, one).Mod(sum, mask).FillBytes(input[:block])
	}
}
