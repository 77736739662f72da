package keystore

import (
	"bytes"
	"encoding/asn1"
	"errors"
	"fmt"
	"strings"

	"golang.org/x/crypto/cryptobyte"
	der "golang.org/x/crypto/cryptobyte/asn1"

	"github.com/certgraft/certgraft/certs"
)

// Object identifiers of RFC 7292 and of Java.
var (
	oidData          = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 7, 1}
	oidEncryptedData = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 7, 6}
	oidKeyBag        = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 12, 10, 1, 1}
	oidShroudedBag   = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 12, 10, 1, 2}
	oidCertBag       = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 12, 10, 1, 3}
	oidSecretBag     = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 12, 10, 1, 5}
	oidNestedBag     = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 12, 10, 1, 6} // may hold any of the others
	oidX509          = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 9, 22, 1}
	oidFriendlyName  = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 9, 20}
	oidTrustedUsage  = asn1.ObjectIdentifier{2, 16, 840, 1, 113894, 746875, 1, 1} // Java: the entry is a trusted certificate
	oidAnyUsage      = asn1.ObjectIdentifier{2, 5, 29, 37, 0}
)

// pkcs12 is a file of RFC 7292: safes of bags, with or without a MAC.
type pkcs12 struct {
	sealed   bool // the password is unknown: do not check the MAC, and decrypt nothing
	password string
	safes    []safe
	mac      *mac // nil if the file has none
	seal     bool // make a MAC when the file is written
}

// safe is a part of a file, plain or encrypted.
type safe struct {
	raw     []byte      // its ContentInfo in the file
	cipher  *protection // nil for a plain safe
	bags    []bag       // nil if not read
	sealed  bool        // encrypted for a recipient, and not read
	opaque  bool        // encrypted with a cipher that is read but not written
	changed bool

	mostIterations int // limit for its key
}

// bag is one entry of a safe.
type bag struct {
	Entry
	raw    []byte
	trust  bool // a trusted certificate that package certs reads
	secret bool // a private key, or possibly one
}

var errDER = errors.New("damaged DER in the PKCS#12 store")

func openPKCS12(data []byte, password string) (Store, error) {
	return readPKCS12(data, &pkcs12{password: password})
}

// readPKCS12 reads a file into s.
func readPKCS12(data []byte, s *pkcs12) (Store, error) {
	in := cryptobyte.String(data)
	var pfx, authSafe cryptobyte.String
	var version int
	if !in.ReadASN1(&pfx, der.SEQUENCE) || !in.Empty() || !pfx.ReadASN1Integer(&version) || version != 3 {
		return nil, ErrFormat
	}
	kind, content, ok := readContentInfo(&pfx)
	if !ok || !kind.Equal(oidData) || !content.ReadASN1(&authSafe, der.OCTET_STRING) {
		return nil, fmt.Errorf("a PKCS#12 store that is signed or in BER: %w", ErrUnsupported)
	}
	if !pfx.Empty() {
		var err error
		if s.mac, err = readMAC(&pfx); err != nil {
			return nil, err
		}
		if err := s.mac.verify(authSafe, s.password); err != nil && !s.sealed {
			return nil, err
		}
	}
	return s, s.readSafes(authSafe)
}

func (s *pkcs12) readSafes(authSafe cryptobyte.String) error {
	var list cryptobyte.String
	if !authSafe.ReadASN1(&list, der.SEQUENCE) {
		return errDER
	}
	for left := longestDerivation; !list.Empty(); {
		start := list
		kind, content, ok := readContentInfo(&list)
		if !ok {
			return errDER
		}
		part := safe{raw: start[:len(start)-len(list)], mostIterations: left}
		if s.sealed && kind.Equal(oidEncryptedData) {
			return ErrPassword
		}
		if err := part.read(kind, content, s.password); err != nil {
			return err
		}
		if part.cipher != nil {
			left -= part.cipher.iterations
		}
		s.safes = append(s.safes, part)
	}
	return nil
}

// readContentInfo reads a type and the content of its explicit [0].
func readContentInfo(in *cryptobyte.String) (kind asn1.ObjectIdentifier, content cryptobyte.String, ok bool) {
	var info cryptobyte.String
	ok = in.ReadASN1(&info, der.SEQUENCE) && info.ReadASN1ObjectIdentifier(&kind) &&
		info.ReadASN1(&content, der.Tag(0).ContextSpecific().Constructed())
	return kind, content, ok
}

func (p *safe) read(kind asn1.ObjectIdentifier, content cryptobyte.String, password string) error {
	var plain cryptobyte.String
	switch {
	case kind.Equal(oidData):
		if !content.ReadASN1(&plain, der.OCTET_STRING) {
			return errDER
		}
	case kind.Equal(oidEncryptedData):
		text, err := p.decrypt(content, password)
		if err != nil || p.opaque {
			return err
		}
		plain = text
	default:
		p.sealed = true
		return nil // keep it unread
	}
	var list cryptobyte.String
	if !plain.ReadASN1(&list, der.SEQUENCE) {
		if p.cipher != nil { // with a wrong key, one padding in 256 looks right
			return ErrPassword
		}
		return errDER
	}
	for !list.Empty() {
		b, ok := readBag(&list)
		if !ok {
			return errDER
		}
		p.bags = append(p.bags, b)
	}
	return nil
}

func readBag(in *cryptobyte.String) (bag, bool) {
	start := *in
	var b bag
	var seq, value, attributes cryptobyte.String
	var kind asn1.ObjectIdentifier
	var tagged bool
	if !in.ReadASN1(&seq, der.SEQUENCE) || !seq.ReadASN1ObjectIdentifier(&kind) ||
		!seq.ReadASN1(&value, der.Tag(0).ContextSpecific().Constructed()) || !seq.ReadOptionalASN1(&attributes, &tagged, der.SET) {
		return b, false
	}
	b.raw = start[:len(start)-len(*in)]
	switch {
	case kind.Equal(oidCertBag):
		b.readAttributes(attributes)
		b.readCertificate(value)
	case kind.Equal(oidKeyBag), kind.Equal(oidShroudedBag), kind.Equal(oidSecretBag), kind.Equal(oidNestedBag):
		b.secret = true
	}
	return b, true
}

func (b *bag) readAttributes(attributes cryptobyte.String) {
	for !attributes.Empty() {
		var attribute, values, text cryptobyte.String
		var kind asn1.ObjectIdentifier
		if !attributes.ReadASN1(&attribute, der.SEQUENCE) || !attribute.ReadASN1ObjectIdentifier(&kind) || !attribute.ReadASN1(&values, der.SET) {
			return
		}
		switch {
		case kind.Equal(oidTrustedUsage):
			b.trust = true
		case kind.Equal(oidFriendlyName) && values.ReadASN1(&text, der.Tag(30)):
			b.Alias = fromBMP(text)
		}
	}
}

// readCertificate reads the certificate of a bag. Java trusts it only if it is
// marked. Others belong to a key, or come from a program that sets no mark.
func (b *bag) readCertificate(value cryptobyte.String) {
	var seq, wrapped, raw cryptobyte.String
	var kind asn1.ObjectIdentifier
	if !value.ReadASN1(&seq, der.SEQUENCE) || !seq.ReadASN1ObjectIdentifier(&kind) || !kind.Equal(oidX509) ||
		!seq.ReadASN1(&wrapped, der.Tag(0).ContextSpecific().Constructed()) || !wrapped.ReadASN1(&raw, der.OCTET_STRING) {
		b.trust = false
		return
	}
	cert, err := certs.ParseCertificate(raw)
	b.Cert, b.trust = cert, b.trust && err == nil
}

func (s *pkcs12) Format() string { return "PKCS#12" }

func (s *pkcs12) Entries() []Entry {
	var out []Entry
	for _, p := range s.safes {
		for _, b := range p.bags {
			if b.trust {
				out = append(out, b.Entry)
			}
		}
	}
	return out
}

// Add appends to the safe with the most trusted certificates, so new entries
// get the same protection. Without such a safe it makes a plain one.
func (s *pkcs12) Add(e Entry) error {
	e.Alias = unique(strings.ToLower(e.Alias), s.taken)
	raw, err := encodeBag(e)
	if err != nil {
		return err
	}
	best, most := -1, 0
	for i, p := range s.safes {
		if n := p.trusted(); n > most && !p.opaque {
			best, most = i, n
		}
	}
	if best < 0 {
		s.safes = append(s.safes, safe{})
		best = len(s.safes) - 1
	}
	s.safes[best].bags = append(s.safes[best].bags, bag{Entry: e, raw: raw, trust: true})
	s.safes[best].changed = true
	return nil
}

func (p *safe) trusted() int {
	n := 0
	for _, b := range p.bags {
		if b.trust {
			n++
		}
	}
	return n
}

func (s *pkcs12) taken(alias string) bool {
	for _, e := range s.Entries() {
		if strings.EqualFold(e.Alias, alias) {
			return true
		}
	}
	return false
}

func (s *pkcs12) Remove(drop func(Entry) bool) error {
	for i := range s.safes {
		p := &s.safes[i]
		var left []bag
		for _, b := range p.bags {
			if !b.trust || !drop(b.Entry) {
				left = append(left, b)
			}
		}
		if len(left) == len(p.bags) {
			continue
		}
		if p.opaque {
			return fmt.Errorf("certificates in a part that is encrypted with RC2 cannot be taken out: %w", ErrUnsupported)
		}
		p.bags, p.changed = left, true
	}
	return nil
}

func (s *pkcs12) Encode() ([]byte, error) {
	var list cryptobyte.Builder
	for _, p := range s.safes {
		if p.changed && p.cipher == nil && len(p.bags) == 0 && len(s.safes) > 1 {
			continue // drop a plain safe that lost all its entries
		}
		raw, err := p.encode(s.password)
		if err != nil {
			return nil, err
		}
		list.AddBytes(raw)
	}
	content, err := list.Bytes()
	if err != nil {
		return nil, err
	}
	authSafe, err := sequence(content)
	if err != nil {
		return nil, err
	}
	if s.seal {
		if s.mac, err = newMAC(authSafe); err != nil {
			return nil, err
		}
	}
	var b cryptobyte.Builder
	b.AddASN1(der.SEQUENCE, func(b *cryptobyte.Builder) {
		b.AddASN1Int64(3)
		addData(b, authSafe)
		if s.mac != nil {
			s.mac.add(b, authSafe, s.password)
		}
	})
	return b.Bytes()
}

// encode returns the ContentInfo of a safe: the original bytes if it is
// unchanged.
func (p *safe) encode(password string) ([]byte, error) {
	if !p.changed {
		return p.raw, nil
	}
	var bags []byte
	for _, b := range p.bags {
		bags = append(bags, b.raw...)
	}
	plain, err := sequence(bags)
	if err != nil {
		return nil, err
	}
	var b cryptobyte.Builder
	if p.cipher == nil {
		addData(&b, plain)
		return b.Bytes()
	}
	if err := p.cipher.add(&b, plain, password); err != nil {
		return nil, err
	}
	return b.Bytes()
}

// addData writes a ContentInfo with plain data.
func addData(b *cryptobyte.Builder, data []byte) {
	b.AddASN1(der.SEQUENCE, func(b *cryptobyte.Builder) {
		b.AddASN1ObjectIdentifier(oidData)
		b.AddASN1(der.Tag(0).ContextSpecific().Constructed(), func(b *cryptobyte.Builder) { b.AddASN1OctetString(data) })
	})
}

// encodeBag returns the bag of a trusted certificate, as keytool writes it.
func encodeBag(e Entry) ([]byte, error) {
	explicit := der.Tag(0).ContextSpecific().Constructed()
	var b cryptobyte.Builder
	b.AddASN1(der.SEQUENCE, func(b *cryptobyte.Builder) {
		b.AddASN1ObjectIdentifier(oidCertBag)
		b.AddASN1(explicit, func(b *cryptobyte.Builder) {
			b.AddASN1(der.SEQUENCE, func(b *cryptobyte.Builder) {
				b.AddASN1ObjectIdentifier(oidX509)
				b.AddASN1(explicit, func(b *cryptobyte.Builder) { b.AddASN1OctetString(e.Cert.Raw) })
			})
		})
		b.AddASN1(der.SET, func(b *cryptobyte.Builder) {
			addAttribute(b, oidFriendlyName, func(b *cryptobyte.Builder) {
				b.AddASN1(der.Tag(30), func(b *cryptobyte.Builder) { b.AddBytes(toBMP(e.Alias)) })
			})
			addAttribute(b, oidTrustedUsage, func(b *cryptobyte.Builder) { b.AddASN1ObjectIdentifier(oidAnyUsage) })
		})
	})
	return b.Bytes()
}

func addAttribute(b *cryptobyte.Builder, kind asn1.ObjectIdentifier, value cryptobyte.BuilderContinuation) {
	b.AddASN1(der.SEQUENCE, func(b *cryptobyte.Builder) {
		b.AddASN1ObjectIdentifier(kind)
		b.AddASN1(der.SET, value)
	})
}

func sequence(content []byte) ([]byte, error) {
	var b cryptobyte.Builder
	b.AddASN1(der.SEQUENCE, func(b *cryptobyte.Builder) { b.AddBytes(content) })
	raw, err := b.Bytes()
	return bytes.Clone(raw), err
}

// NewPKCS12 returns an empty PKCS#12 store. Without a password it has no MAC,
// like cacerts since Java 18: Java reads it with any password or none. With a
// password the certificates are still not encrypted: a Java without the
// password would not see them.
func NewPKCS12(password string) Store { return &pkcs12{password: password, seal: password != ""} }
