package signed

import (
	"crypto/dsa" //nolint:staticcheck // old certificates have such keys
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rsa"
	"crypto/x509"
	"fmt"

	"golang.org/x/crypto/cryptobyte"
	"golang.org/x/crypto/cryptobyte/asn1"
)

// Key is a public key.
type Key struct {
	Kind   string // "RSA 2048", "EC P-256", or the identifier of an unknown kind
	Bits   int    // of security, as OpenSSL counts it; 0 if unknown
	Public any    // a key with which crypto can verify, or nil
}

// curves are the curves that OpenSSL has and crypto/elliptic does not.
var curves = map[string]struct {
	name string
	bits int
}{
	"1.3.132.0.10":          {"secp256k1", 128},
	"1.3.36.3.3.2.8.1.1.1":  {"brainpoolP160r1", 80},
	"1.3.36.3.3.2.8.1.1.3":  {"brainpoolP192r1", 96},
	"1.3.36.3.3.2.8.1.1.5":  {"brainpoolP224r1", 112},
	"1.3.36.3.3.2.8.1.1.7":  {"brainpoolP256r1", 128},
	"1.3.36.3.3.2.8.1.1.9":  {"brainpoolP320r1", 160},
	"1.3.36.3.3.2.8.1.1.11": {"brainpoolP384r1", 192},
	"1.3.36.3.3.2.8.1.1.13": {"brainpoolP512r1", 256},
	"1.2.840.10045.3.1.1":   {"P-192", 96},
}

// keyKinds are the kinds of keys that crypto cannot verify with.
var keyKinds = map[string]Key{
	"1.3.101.113":             {Kind: "Ed448", Bits: 224},
	"2.16.840.1.101.3.4.3.17": {Kind: "ML-DSA-44", Bits: 128},
	"2.16.840.1.101.3.4.3.18": {Kind: "ML-DSA-65", Bits: 192},
	"2.16.840.1.101.3.4.3.19": {Kind: "ML-DSA-87", Bits: 256},
}

// readKey reads a SubjectPublicKeyInfo.
func readKey(der cryptobyte.String) Key {
	if key, err := x509.ParsePKIXPublicKey(der); err == nil {
		return knownKey(key)
	}
	var info, alg, parameters cryptobyte.String
	var bits []byte
	in := der
	if !in.ReadASN1(&info, asn1.SEQUENCE) || !info.ReadASN1(&alg, asn1.SEQUENCE) {
		return Key{Kind: "unreadable"}
	}
	a := readAlgorithm(alg)
	parameters = a.parameters
	curve := ""
	if a.OID == oidEC {
		curve = ReadOID(&parameters)
	}
	switch known, isCurve := curves[curve]; {
	case isCurve:
		return Key{Kind: "EC " + known.name, Bits: known.bits}
	case a.OID == oidPSS && info.ReadASN1BitStringAsBytes(&bits): // an RSA key that is only for PSS
		if key, err := x509.ParsePKCS1PublicKey(bits); err == nil {
			return knownKey(key)
		}
	case keyKinds[a.OID].Kind != "":
		return keyKinds[a.OID]
	}
	return Key{Kind: a.OID}
}

func knownKey(key any) Key {
	switch k := key.(type) {
	case *rsa.PublicKey:
		return Key{fmt.Sprintf("RSA %d", k.N.BitLen()), finiteFieldBits(k.N.BitLen()), k}
	case *ecdsa.PublicKey:
		return Key{"EC " + k.Params().Name, k.Params().BitSize / 2, k}
	case ed25519.PublicKey:
		return Key{"Ed25519", 128, k}
	case *dsa.PublicKey:
		return Key{fmt.Sprintf("DSA %d", k.P.BitLen()), finiteFieldBits(k.P.BitLen()), nil}
	}
	return Key{Kind: fmt.Sprintf("%T", key)}
}

// finiteFieldBits is the strength of RSA, DSA and DH keys by size (NIST SP 800-57,
// table 2, as in BN_security_bits of OpenSSL).
func finiteFieldBits(size int) int {
	for _, row := range []struct{ size, bits int }{{15360, 256}, {7680, 192}, {3072, 128}, {2048, 112}, {1024, 80}} {
		if size >= row.size {
			return row.bits
		}
	}
	return max(size/16, 1) // too weak for the exact number to matter
}
