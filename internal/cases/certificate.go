package cases

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha1"
	"crypto/x509"
	"math/big"
	"testing"
	"time"

	encoding "encoding/asn1"

	"golang.org/x/crypto/cryptobyte"
	"golang.org/x/crypto/cryptobyte/asn1"
)

// certificate is a certificate with its key. It is built field by field, because
// crypto/x509 cannot make the odd ones.
type certificate struct {
	template

	t      testing.TB
	issuer *certificate // the certificate itself if it is self-signed
	der    []byte
}

// template is the content of a certificate.
type template struct {
	version    int // as encoded: 2 is version 3
	serial     *big.Int
	subject    []byte // DER of the name
	from, to   time.Time
	key        crypto.Signer
	digest     string // of the signature: a key of the map signatures
	extensions []extension
	damaged    bool // the signature is broken
}

type extension struct {
	oid      string
	critical bool
	value    []byte
}

// option changes a template before it is signed.
type option func(*template)

// Object identifiers of the extensions.
const (
	oidSKI  = "2.5.29.14"
	oidKU   = "2.5.29.15"
	oidSAN  = "2.5.29.17"
	oidBC   = "2.5.29.19"
	oidNC   = "2.5.29.30"
	oidAKI  = "2.5.29.35"
	oidEKU  = "2.5.29.37"
	unknown = "1.3.6.1.4.1.32473.1" // from the arc for examples
)

// sign signs a template. Without an issuer the certificate is self-signed.
func sign(t testing.TB, issuer *certificate, tmpl template, options []option) *certificate {
	t.Helper()
	for _, o := range options {
		o(&tmpl)
	}
	c := &certificate{template: tmpl, t: t, issuer: issuer}
	if issuer == nil {
		c.issuer = c
	}
	if c.digest == "" {
		c.digest = usualDigest(c.issuer.key)
	}
	s := signatures[c.digest]
	tbs := c.tbs(s)
	signature := s.sign(t, c.issuer.key, tbs)
	if c.damaged {
		signature[len(signature)-1] ^= 1
	}
	c.der = build(func(b *cryptobyte.Builder) {
		b.AddASN1(asn1.SEQUENCE, func(b *cryptobyte.Builder) {
			b.AddBytes(tbs)
			b.AddBytes(s.identifier())
			b.AddASN1BitString(signature)
		})
	})
	return c
}

// tbs is the signed part (RFC 5280, section 4.1).
func (c *certificate) tbs(s signature) []byte {
	key, err := x509.MarshalPKIXPublicKey(c.key.Public())
	if err != nil {
		c.t.Fatal(err)
	}
	return build(func(b *cryptobyte.Builder) {
		b.AddASN1(asn1.SEQUENCE, func(b *cryptobyte.Builder) {
			if c.version > 0 {
				b.AddASN1(asn1.Tag(0).ContextSpecific().Constructed(), func(b *cryptobyte.Builder) { b.AddASN1Int64(int64(c.version)) })
			}
			b.AddASN1BigInt(c.serial)
			b.AddBytes(s.identifier())
			b.AddBytes(c.issuer.subject)
			b.AddASN1(asn1.SEQUENCE, func(b *cryptobyte.Builder) {
				b.AddASN1UTCTime(c.from)
				b.AddASN1UTCTime(c.to)
			})
			b.AddBytes(c.subject)
			b.AddBytes(key)
			if c.version == 2 && len(c.extensions) > 0 {
				b.AddASN1(asn1.Tag(3).ContextSpecific().Constructed(), c.addExtensions)
			}
		})
	})
}

func (c *certificate) addExtensions(b *cryptobyte.Builder) {
	b.AddASN1(asn1.SEQUENCE, func(b *cryptobyte.Builder) {
		for _, e := range c.extensions {
			b.AddASN1(asn1.SEQUENCE, func(b *cryptobyte.Builder) {
				b.AddASN1ObjectIdentifier(object(e.oid))
				if e.critical {
					b.AddASN1Boolean(true)
				}
				b.AddASN1OctetString(e.value)
			})
		}
	})
}

// signature is a kind of signature.
type signature struct {
	oid  string
	hash crypto.Hash
	null bool // the parameters are NULL
	pss  bool
}

var signatures = map[string]signature{
	"ecdsa-sha256": {oid: "1.2.840.10045.4.3.2", hash: crypto.SHA256},
	"ecdsa-sha384": {oid: "1.2.840.10045.4.3.3", hash: crypto.SHA384},
	"ecdsa-sha512": {oid: "1.2.840.10045.4.3.4", hash: crypto.SHA512},
	"rsa-sha256":   {oid: "1.2.840.113549.1.1.11", hash: crypto.SHA256, null: true},
	"rsa-sha224":   {oid: "1.2.840.113549.1.1.14", hash: crypto.SHA224, null: true},
	"rsa-sha1":     {oid: "1.2.840.113549.1.1.5", hash: crypto.SHA1, null: true},
	"rsa-md5":      {oid: "1.2.840.113549.1.1.4", hash: crypto.MD5, null: true},
	"rsa-pss":      {oid: "1.2.840.113549.1.1.10", hash: crypto.SHA256, pss: true},
	"ed25519":      {oid: "1.3.101.112"},
}

func usualDigest(key crypto.Signer) string {
	switch k := key.(type) {
	case *rsa.PrivateKey:
		return "rsa-sha256"
	case ed25519.PrivateKey:
		return "ed25519"
	case *ecdsa.PrivateKey:
		if k.Curve == elliptic.P521() {
			return "ecdsa-sha512"
		}
	}
	return "ecdsa-sha256"
}

// identifier is the AlgorithmIdentifier. For PSS it names SHA-256 with a salt of
// 32 bytes (RFC 4055, section 3.1).
func (s signature) identifier() []byte {
	explicit := func(n int, add cryptobyte.BuilderContinuation) cryptobyte.BuilderContinuation {
		return func(b *cryptobyte.Builder) { b.AddASN1(asn1.Tag(n).ContextSpecific().Constructed(), add) }
	}
	sha256 := func(b *cryptobyte.Builder) {
		b.AddASN1(asn1.SEQUENCE, func(b *cryptobyte.Builder) {
			b.AddASN1ObjectIdentifier(object("2.16.840.1.101.3.4.2.1"))
			b.AddASN1NULL()
		})
	}
	return build(func(b *cryptobyte.Builder) {
		b.AddASN1(asn1.SEQUENCE, func(b *cryptobyte.Builder) {
			b.AddASN1ObjectIdentifier(object(s.oid))
			switch {
			case s.null:
				b.AddASN1NULL()
			case s.pss:
				b.AddASN1(asn1.SEQUENCE, func(b *cryptobyte.Builder) {
					explicit(0, sha256)(b)
					explicit(1, func(b *cryptobyte.Builder) {
						b.AddASN1(asn1.SEQUENCE, func(b *cryptobyte.Builder) {
							b.AddASN1ObjectIdentifier(object("1.2.840.113549.1.1.8"))
							sha256(b)
						})
					})(b)
					explicit(2, func(b *cryptobyte.Builder) { b.AddASN1Int64(32) })(b)
				})
			}
		})
	})
}

func (s signature) sign(t testing.TB, key crypto.Signer, tbs []byte) []byte {
	t.Helper()
	digest, opts := tbs, crypto.SignerOpts(s.hash)
	if s.hash != 0 {
		h := s.hash.New()
		h.Write(tbs)
		digest = h.Sum(nil)
	}
	if s.pss {
		opts = &rsa.PSSOptions{SaltLength: 32, Hash: s.hash}
	}
	signed, err := key.Sign(rand.Reader, digest, opts)
	if err != nil {
		t.Fatal(err)
	}
	return signed
}

// Parts of a certificate.

// attribute is a part of a name, for example O=Corp.
type attribute struct{ oid, value string }

func commonName(value string) attribute   { return attribute{"2.5.4.3", value} }
func organisation(value string) attribute { return attribute{"2.5.4.10", value} }

func name(attributes ...attribute) []byte {
	return build(func(b *cryptobyte.Builder) {
		b.AddASN1(asn1.SEQUENCE, func(b *cryptobyte.Builder) {
			for _, a := range attributes {
				b.AddASN1(asn1.SET, func(b *cryptobyte.Builder) {
					b.AddASN1(asn1.SEQUENCE, func(b *cryptobyte.Builder) {
						b.AddASN1ObjectIdentifier(object(a.oid))
						b.AddASN1(asn1.UTF8String, func(b *cryptobyte.Builder) { b.AddBytes([]byte(a.value)) })
					})
				})
			}
		})
	})
}

func keyID(key crypto.Signer) []byte {
	der, err := x509.MarshalPKIXPublicKey(key.Public())
	if err != nil {
		return nil
	}
	id := sha1.Sum(der)
	return id[:]
}

func subjectKeyID(key crypto.Signer) extension {
	return extension{oid: oidSKI, value: build(func(b *cryptobyte.Builder) { b.AddASN1OctetString(keyID(key)) })}
}

func authorityKeyID(id []byte) extension {
	return extension{oid: oidAKI, value: build(func(b *cryptobyte.Builder) {
		b.AddASN1(asn1.SEQUENCE, func(b *cryptobyte.Builder) {
			b.AddASN1(asn1.Tag(0).ContextSpecific(), func(b *cryptobyte.Builder) { b.AddBytes(id) })
		})
	})}
}

// constraints are basic constraints. A path length below 0 means no limit.
func constraints(ca bool, pathLength int) extension {
	return extension{oidBC, true, build(func(b *cryptobyte.Builder) {
		b.AddASN1(asn1.SEQUENCE, func(b *cryptobyte.Builder) {
			if ca {
				b.AddASN1Boolean(true)
			}
			if pathLength >= 0 {
				b.AddASN1Int64(int64(pathLength))
			}
		})
	})}
}

// Bits of keyUsage (RFC 5280, section 4.2.1.3).
const (
	digitalSignature = 0
	nonRepudiation   = 1
	keyEncipherment  = 2
	keyCertSign      = 5
	cRLSign          = 6
)

func usage(bits ...int) extension {
	var first byte
	last := 0
	for _, bit := range bits {
		first |= 0x80 >> bit
		last = max(last, bit)
	}
	return extension{oidKU, true, build(func(b *cryptobyte.Builder) {
		b.AddASN1(asn1.BIT_STRING, func(b *cryptobyte.Builder) { b.AddBytes([]byte{byte(7 - last), first}) })
	})}
}

// Purposes of extended key usage.
const (
	serverAuth = "1.3.6.1.5.5.7.3.1"
	clientAuth = "1.3.6.1.5.5.7.3.2"
	anyPurpose = "2.5.29.37.0"
)

func purposes(oids ...string) extension {
	return extension{oid: oidEKU, value: build(func(b *cryptobyte.Builder) {
		b.AddASN1(asn1.SEQUENCE, func(b *cryptobyte.Builder) {
			for _, oid := range oids {
				b.AddASN1ObjectIdentifier(object(oid))
			}
		})
	})}
}

// general is a GeneralName (RFC 5280, section 4.2.1.6).
type general struct {
	tag         uint8
	constructed bool
	value       []byte
}

func dns(name string) general       { return general{2, false, []byte(name)} }
func email(name string) general     { return general{1, false, []byte(name)} }
func address(ip ...byte) general    { return general{7, false, ip} }
func directory(name []byte) general { return general{4, true, name} }

func (g general) add(b *cryptobyte.Builder) {
	tag := asn1.Tag(g.tag).ContextSpecific()
	if g.constructed {
		tag = tag.Constructed()
	}
	b.AddASN1(tag, func(b *cryptobyte.Builder) { b.AddBytes(g.value) })
}

func alternatives(names ...general) extension {
	return extension{oid: oidSAN, value: build(func(b *cryptobyte.Builder) {
		b.AddASN1(asn1.SEQUENCE, func(b *cryptobyte.Builder) {
			for _, g := range names {
				g.add(b)
			}
		})
	})}
}

// within are name constraints (RFC 5280, section 4.2.1.10).
func within(critical bool, permitted, excluded []general) extension {
	subtrees := func(b *cryptobyte.Builder, tag asn1.Tag, names []general) {
		if len(names) == 0 {
			return
		}
		b.AddASN1(tag.ContextSpecific().Constructed(), func(b *cryptobyte.Builder) {
			for _, g := range names {
				b.AddASN1(asn1.SEQUENCE, g.add)
			}
		})
	}
	return extension{oidNC, critical, build(func(b *cryptobyte.Builder) {
		b.AddASN1(asn1.SEQUENCE, func(b *cryptobyte.Builder) {
			subtrees(b, 0, permitted)
			subtrees(b, 1, excluded)
		})
	})}
}

// object parses one of the object identifiers of this package.
func object(dotted string) encoding.ObjectIdentifier {
	oid, err := x509.ParseOID(dotted)
	if err != nil {
		panic(err)
	}
	var out encoding.ObjectIdentifier
	text, _ := oid.MarshalText()
	n := 0
	for _, c := range string(text) + "." {
		if c == '.' {
			out, n = append(out, n), 0
			continue
		}
		n = 10*n + int(c-'0')
	}
	return out
}

func build(add cryptobyte.BuilderContinuation) []byte {
	b := cryptobyte.NewBuilder(nil)
	add(b)
	return b.BytesOrPanic()
}
