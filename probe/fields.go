package probe

import (
	"net/netip"
	"strings"

	"golang.org/x/crypto/cryptobyte"
	"golang.org/x/crypto/cryptobyte/asn1"

	"github.com/certgraft/certgraft/certs"
	"github.com/certgraft/certgraft/internal/signed"
)

// link is a certificate as a member of a chain, with the fields of RFC 5280
// that decide whether the chain holds. They are read here, since crypto/x509
// refuses certificates that OpenSSL takes; package certs has seen to their shape.
type link struct {
	signed.Link

	authorityIssuer []byte // DER of the name of the issuer's issuer, or nil

	names     []string // dNSName
	addresses []netip.Addr

	constraints bool // there are basic constraints
	ca          bool
	pathLength  int // -1 for none
	usage       int // bits of keyUsage, the first lowest; -1 for none
	purposes    []string
	caIssuers   []string // where the issuer's certificate could be fetched
}

func newLink(c *certs.Certificate) *link {
	l := &link{Link: signed.New(c), usage: -1, pathLength: -1}
	if l.TBS == nil {
		return l
	}
	for oid, read := range map[string]func(cryptobyte.String){
		"2.5.29.14":         l.ReadSubjectKeyID,
		"2.5.29.15":         l.readUsage,
		"2.5.29.17":         l.readAlternativeNames,
		"2.5.29.19":         l.readConstraints,
		"2.5.29.35":         l.readAuthorityKeyID,
		"2.5.29.37":         l.readPurposes,
		"1.3.6.1.5.5.7.1.1": l.readInformationAccess,
	} {
		if value, ok := c.Extension(oid); ok {
			read(value)
		}
	}
	return l
}

func (l *link) readAuthorityKeyID(value cryptobyte.String) {
	rest := l.ReadAuthorityKeyID(value)
	var names, name cryptobyte.String
	var present bool
	if !rest.ReadOptionalASN1(&names, &present, asn1.Tag(1).ContextSpecific().Constructed()) || !present {
		return
	}
	if names.ReadASN1(&name, asn1.Tag(4).ContextSpecific().Constructed()) {
		l.authorityIssuer = name
	}
}

func (l *link) readUsage(value cryptobyte.String) {
	if usage, ok := signed.Usage(value); ok {
		l.usage = usage
	}
}

func (l *link) readAlternativeNames(value cryptobyte.String) {
	var list cryptobyte.String
	if !value.ReadASN1(&list, asn1.SEQUENCE) {
		return
	}
	for !list.Empty() {
		var name cryptobyte.String
		var tag asn1.Tag
		if !list.ReadAnyASN1(&name, &tag) {
			return
		}
		switch tag {
		case asn1.Tag(2).ContextSpecific():
			l.names = append(l.names, string(name))
		case asn1.Tag(7).ContextSpecific():
			if address, ok := netip.AddrFromSlice(name); ok {
				l.addresses = append(l.addresses, address)
			}
		}
	}
}

func (l *link) readConstraints(value cryptobyte.String) {
	var seq cryptobyte.String
	if !value.ReadASN1(&seq, asn1.SEQUENCE) {
		return
	}
	l.constraints = true
	if seq.PeekASN1Tag(asn1.BOOLEAN) {
		seq.ReadASN1Boolean(&l.ca)
	}
	if n := 0; seq.PeekASN1Tag(asn1.INTEGER) && seq.ReadASN1Integer(&n) && n >= 0 {
		l.pathLength = n
	}
}

func (l *link) readPurposes(value cryptobyte.String) {
	var seq, oid cryptobyte.String
	l.purposes = []string{}
	if !value.ReadASN1(&seq, asn1.SEQUENCE) {
		return
	}
	for seq.ReadASN1(&oid, asn1.OBJECT_IDENTIFIER) {
		l.purposes = append(l.purposes, string(oid))
	}
}

// readInformationAccess reads where the issuer's certificate is (RFC 5280,
// section 4.2.2.1). It is named and never fetched.
func (l *link) readInformationAccess(value cryptobyte.String) {
	const caIssuers = "\x2b\x06\x01\x05\x05\x07\x30\x02"
	var list, description, oid, place cryptobyte.String
	if !value.ReadASN1(&list, asn1.SEQUENCE) {
		return
	}
	for list.ReadASN1(&description, asn1.SEQUENCE) {
		if description.ReadASN1(&oid, asn1.OBJECT_IDENTIFIER) && string(oid) == caIssuers &&
			description.ReadASN1(&place, asn1.Tag(6).ContextSpecific()) && strings.HasPrefix(string(place), "http") {
			l.caIssuers = append(l.caIssuers, string(place))
		}
	}
}
