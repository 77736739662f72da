package signed

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	_ "crypto/md5" // for old certificates
	"crypto/rsa"
	_ "crypto/sha1"
	_ "crypto/sha256"
	_ "crypto/sha512"
	"errors"

	encoding "encoding/asn1"

	"golang.org/x/crypto/cryptobyte"
	"golang.org/x/crypto/cryptobyte/asn1"
)

// Algorithm is an AlgorithmIdentifier (RFC 5280, section 4.1.1.2).
type Algorithm struct {
	OID        string // in dotted decimal
	parameters cryptobyte.String
}

const (
	oidEC  = "1.2.840.10045.2.1"
	oidPSS = "1.2.840.113549.1.1.10"
)

func readAlgorithm(contents cryptobyte.String) Algorithm {
	oid := ReadOID(&contents)
	return Algorithm{oid, contents}
}

// ReadOID reads an object identifier. It returns "" if in begins with another
// value.
func ReadOID(in *cryptobyte.String) string {
	var oid encoding.ObjectIdentifier
	if !in.ReadASN1ObjectIdentifier(&oid) {
		return ""
	}
	return oid.String()
}

// Scheme is a kind of signature.
type Scheme struct {
	Name string
	Bits int         // of security of the digest, as OpenSSL counts it
	hash crypto.Hash // 0 for a scheme with a hash of its own
}

// schemes are the signature algorithms by identifier.
var schemes = map[string]Scheme{
	"1.2.840.113549.1.1.4":    {"MD5-RSA", 39, crypto.MD5},
	"1.2.840.113549.1.1.5":    {"SHA1-RSA", 63, crypto.SHA1},
	"1.2.840.113549.1.1.14":   {"SHA224-RSA", 112, crypto.SHA224},
	"1.2.840.113549.1.1.11":   {"SHA256-RSA", 128, crypto.SHA256},
	"1.2.840.113549.1.1.12":   {"SHA384-RSA", 192, crypto.SHA384},
	"1.2.840.113549.1.1.13":   {"SHA512-RSA", 256, crypto.SHA512},
	"1.2.840.10045.4.1":       {"ECDSA-SHA1", 63, crypto.SHA1},
	"1.2.840.10045.4.3.1":     {"ECDSA-SHA224", 112, crypto.SHA224},
	"1.2.840.10045.4.3.2":     {"ECDSA-SHA256", 128, crypto.SHA256},
	"1.2.840.10045.4.3.3":     {"ECDSA-SHA384", 192, crypto.SHA384},
	"1.2.840.10045.4.3.4":     {"ECDSA-SHA512", 256, crypto.SHA512},
	"1.3.101.112":             {"Ed25519", 128, 0},
	"1.3.101.113":             {"Ed448", 224, 0},
	"1.2.840.10040.4.3":       {"DSA-SHA1", 63, crypto.SHA1},
	"2.16.840.1.101.3.4.3.2":  {"DSA-SHA256", 128, crypto.SHA256},
	"2.16.840.1.101.3.4.3.17": {"ML-DSA-44", 128, 0},
	"2.16.840.1.101.3.4.3.18": {"ML-DSA-65", 192, 0},
	"2.16.840.1.101.3.4.3.19": {"ML-DSA-87", 256, 0},
}

// digests are the hashes in the parameters of RSASSA-PSS.
var digests = map[string]Scheme{
	"":                       {"SHA1-RSAPSS", 63, crypto.SHA1}, // the default
	"1.3.14.3.2.26":          {"SHA1-RSAPSS", 63, crypto.SHA1},
	"2.16.840.1.101.3.4.2.4": {"SHA224-RSAPSS", 112, crypto.SHA224},
	"2.16.840.1.101.3.4.2.1": {"SHA256-RSAPSS", 128, crypto.SHA256},
	"2.16.840.1.101.3.4.2.2": {"SHA384-RSAPSS", 192, crypto.SHA384},
	"2.16.840.1.101.3.4.2.3": {"SHA512-RSAPSS", 256, crypto.SHA512},
}

// Scheme returns the kind of the signature. The name of an unknown kind is its
// identifier.
func (a Algorithm) Scheme() Scheme {
	if a.OID == oidPSS {
		return digests[a.pssDigest()]
	}
	if s, ok := schemes[a.OID]; ok {
		return s
	}
	return Scheme{Name: a.OID}
}

// pssDigest reads hashAlgorithm of RSASSA-PSS-params (RFC 4055, section 3.1).
func (a Algorithm) pssDigest() string {
	var seq, explicit, alg cryptobyte.String
	var present bool
	in := a.parameters
	if !in.ReadASN1(&seq, asn1.SEQUENCE) || !seq.ReadOptionalASN1(&explicit, &present, asn1.Tag(0).ContextSpecific().Constructed()) || !present {
		return ""
	}
	explicit.ReadASN1(&alg, asn1.SEQUENCE)
	return readAlgorithm(alg).OID
}

// Reasons why a certificate does not count as issued by another.
var (
	ErrOtherName  = errors.New("it names another issuer")
	ErrOtherKeyID = errors.New("it names another key")
	ErrNotSigned  = errors.New("the signature is not by that key")
	ErrUnchecked  = errors.New("signatures of this kind are not checked here")
)

// mostRSABits is the size above which OpenSSL refuses RSA keys
// (OPENSSL_RSA_MAX_MODULUS_BITS). A server could otherwise keep a client busy with
// a key of a million bits.
const mostRSABits = 16384

// CheckSignature returns nil if the key of parent made the signature of l.
// Otherwise it returns ErrNotSigned, or ErrUnchecked if this program cannot verify
// the signature.
func (l *Link) CheckSignature(parent *Link) error {
	s := l.Algorithm.Scheme()
	if parent.Key.Public == nil || s.Name == l.Algorithm.OID || s.Name == "" || s.hash != 0 && !s.hash.Available() {
		return ErrUnchecked
	}
	digest := l.TBS
	if s.hash != 0 {
		h := s.hash.New()
		h.Write(l.TBS)
		digest = h.Sum(nil)
	}
	switch key := parent.Key.Public.(type) {
	case *rsa.PublicKey:
		if n := key.N.BitLen(); n < 1024 || n > mostRSABits {
			return ErrUnchecked // crypto/rsa refuses keys below 1024 bits
		}
		if l.Algorithm.OID == oidPSS {
			return holds(rsa.VerifyPSS(key, s.hash, digest, l.Signature, nil) == nil)
		}
		return holds(s.hash != 0 && rsa.VerifyPKCS1v15(key, s.hash, digest, l.Signature) == nil)
	case *ecdsa.PublicKey:
		return holds(s.hash != 0 && ecdsa.VerifyASN1(key, digest, l.Signature))
	case ed25519.PublicKey:
		return holds(s.hash == 0 && ed25519.Verify(key, digest, l.Signature))
	}
	return ErrUnchecked
}

func holds(ok bool) error {
	if ok {
		return nil
	}
	return ErrNotSigned
}

// CheckIssuer returns nil if parent issued l by name, key id and signature. It
// returns ErrUnchecked if only the signature cannot be verified. Otherwise it
// returns the reason against parent.
func (l *Link) CheckIssuer(parent *Link) error {
	switch {
	case !l.NamesIssuer(parent.Certificate):
		return ErrOtherName
	case l.OtherKeyID(parent):
		return ErrOtherKeyID
	}
	return l.CheckSignature(parent)
}

// SelfSigned reports whether l is a root by OpenSSL's test of name and key id. It
// does not verify the signature of l by itself, which proves nothing.
func (l *Link) SelfSigned() bool { return l.SelfIssued() && !l.OtherKeyID(l) }

// OtherKeyID reports whether l names another key than parent's as its issuer's.
func (l *Link) OtherKeyID(parent *Link) bool {
	return len(l.AuthorityKeyID) > 0 && len(parent.SubjectKeyID) > 0 && !bytes.Equal(l.AuthorityKeyID, parent.SubjectKeyID)
}
