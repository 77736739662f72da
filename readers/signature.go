package readers

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

	"golang.org/x/crypto/cryptobyte"
	"golang.org/x/crypto/cryptobyte/asn1"
)

// scheme is how a signature is made.
type scheme struct {
	name string
	hash crypto.Hash // 0 where the scheme has its own
	bits int         // of security of the digest, as OpenSSL counts it
}

// schemes are the signature algorithms by their identifiers.
var schemes = map[string]scheme{
	"1.2.840.113549.1.1.4":    {"MD5-RSA", crypto.MD5, 39},
	"1.2.840.113549.1.1.5":    {"SHA1-RSA", crypto.SHA1, 63},
	"1.2.840.113549.1.1.14":   {"SHA224-RSA", crypto.SHA224, 112},
	"1.2.840.113549.1.1.11":   {"SHA256-RSA", crypto.SHA256, 128},
	"1.2.840.113549.1.1.12":   {"SHA384-RSA", crypto.SHA384, 192},
	"1.2.840.113549.1.1.13":   {"SHA512-RSA", crypto.SHA512, 256},
	"1.2.840.10045.4.1":       {"ECDSA-SHA1", crypto.SHA1, 63},
	"1.2.840.10045.4.3.1":     {"ECDSA-SHA224", crypto.SHA224, 112},
	"1.2.840.10045.4.3.2":     {"ECDSA-SHA256", crypto.SHA256, 128},
	"1.2.840.10045.4.3.3":     {"ECDSA-SHA384", crypto.SHA384, 192},
	"1.2.840.10045.4.3.4":     {"ECDSA-SHA512", crypto.SHA512, 256},
	"1.3.101.112":             {"Ed25519", 0, 128},
	"1.3.101.113":             {"Ed448", 0, 224},
	"1.2.840.10040.4.3":       {"DSA-SHA1", crypto.SHA1, 63},
	"2.16.840.1.101.3.4.3.2":  {"DSA-SHA256", crypto.SHA256, 128},
	"2.16.840.1.101.3.4.3.17": {"ML-DSA-44", 0, 128},
	"2.16.840.1.101.3.4.3.18": {"ML-DSA-65", 0, 192},
	"2.16.840.1.101.3.4.3.19": {"ML-DSA-87", 0, 256},
}

// digests are the hashes that the parameters of RSASSA-PSS name.
var digests = map[string]scheme{
	"":                       {"SHA1-RSAPSS", crypto.SHA1, 63}, // the default
	"1.3.14.3.2.26":          {"SHA1-RSAPSS", crypto.SHA1, 63},
	"2.16.840.1.101.3.4.2.4": {"SHA224-RSAPSS", crypto.SHA224, 112},
	"2.16.840.1.101.3.4.2.1": {"SHA256-RSAPSS", crypto.SHA256, 128},
	"2.16.840.1.101.3.4.2.2": {"SHA384-RSAPSS", crypto.SHA384, 192},
	"2.16.840.1.101.3.4.2.3": {"SHA512-RSAPSS", crypto.SHA512, 256},
}

// scheme returns how the signature is made; its name is the identifier where
// that is not known.
func (a algorithm) scheme() scheme {
	if a.oid == oidPSS {
		return digests[a.pssDigest()]
	}
	if s, ok := schemes[a.oid]; ok {
		return s
	}
	return scheme{name: a.oid}
}

// pssDigest reads hashAlgorithm of RSASSA-PSS-params (RFC 4055, section 3.1).
func (a algorithm) pssDigest() string {
	var seq, explicit, alg cryptobyte.String
	var present bool
	in := a.parameters
	if !in.ReadASN1(&seq, asn1.SEQUENCE) || !seq.ReadOptionalASN1(&explicit, &present, asn1.Tag(0).ContextSpecific().Constructed()) || !present {
		return ""
	}
	explicit.ReadASN1(&alg, asn1.SEQUENCE)
	return readAlgorithm(alg).oid
}

// Why a certificate does not count as issued by another.
var (
	errOtherName  = errors.New("it names another issuer")
	errOtherKeyID = errors.New("it names another key")
	errNotSigned  = errors.New("the signature is not by that key")
	errUnchecked  = errors.New("signatures of this kind are not checked here")
)

// mostRSABits is the size from which OpenSSL refuses RSA keys
// (OPENSSL_RSA_MAX_MODULUS_BITS): a server could keep others busy with one of a
// million bits.
const mostRSABits = 16384

// signedBy returns nil if the key of parent made the signature of l, else
// errNotSigned, or errUnchecked where that cannot be told here.
func (l *link) signedBy(parent *link) error {
	s := l.algorithm.scheme()
	if parent.key.key == nil || s.name == l.algorithm.oid || s.name == "" || s.hash != 0 && !s.hash.Available() {
		return errUnchecked
	}
	digest := l.tbs
	if s.hash != 0 {
		h := s.hash.New()
		h.Write(l.tbs)
		digest = h.Sum(nil)
	}
	switch key := parent.key.key.(type) {
	case *rsa.PublicKey:
		if n := key.N.BitLen(); n < 1024 || n > mostRSABits {
			return errUnchecked // crypto/rsa does not touch the former
		}
		if l.algorithm.oid == oidPSS {
			return holds(rsa.VerifyPSS(key, s.hash, digest, l.signature, nil) == nil)
		}
		return holds(s.hash != 0 && rsa.VerifyPKCS1v15(key, s.hash, digest, l.signature) == nil)
	case *ecdsa.PublicKey:
		return holds(s.hash != 0 && ecdsa.VerifyASN1(key, digest, l.signature))
	case ed25519.PublicKey:
		return holds(s.hash == 0 && ed25519.Verify(key, digest, l.signature))
	}
	return errUnchecked
}

func holds(ok bool) error {
	if ok {
		return nil
	}
	return errNotSigned
}

// issuedBy returns nil if parent issued l by name, key id and signature;
// errUnchecked if only the signature is open; else what speaks against it.
func (l *link) issuedBy(parent *link) error {
	switch {
	case !l.NamesIssuer(parent.Certificate):
		return errOtherName
	case l.otherKeyID(parent):
		return errOtherKeyID
	}
	return l.signedBy(parent)
}

// selfSigned reports whether l is signed by itself, going by names and key
// identifiers.
func (l *link) selfSigned() bool { return l.SelfIssued() && !l.otherKeyID(l) }

// otherKeyID reports whether l says that another key than parent's issued it.
func (l *link) otherKeyID(parent *link) bool {
	return len(l.authorityKeyID) > 0 && len(parent.subjectKeyID) > 0 && !bytes.Equal(l.authorityKeyID, parent.subjectKeyID)
}
