package readers

import (
	"net/netip"

	"golang.org/x/crypto/cryptobyte"
	"golang.org/x/crypto/cryptobyte/asn1"

	"github.com/certgraft/certgraft/certs"
	"github.com/certgraft/certgraft/internal/signed"
)

// link is a certificate in a chain, with the fields of RFC 5280 that decide
// whether the chain holds. They are read here, because crypto/x509 refuses
// certificates that other readers accept. Package certs has already checked their
// shape.
type link struct {
	signed.Link

	negative bool   // the serial number is below 0
	subject  []byte // DER

	critical map[string]bool // the extensions, by identifier
	basic    *basicConstraints
	usage    int      // bits of keyUsage, the first is the lowest; -1 without the extension
	purposes []string // nil without the extension
	limits   *limits  // nil without name constraints

	alternatives bool // the extension for alternative names exists, with names of any kind
	names        []string
	addresses    []netip.Addr
	emails       []string
}

// basicConstraints is the extension of the same name.
type basicConstraints struct {
	ca         bool
	pathLength int // -1 for none
}

// Object identifiers of the extensions that readers know.
const (
	oidSubjectKeyID     = "2.5.29.14"
	oidUsage            = "2.5.29.15"
	oidAlternatives     = "2.5.29.17"
	oidBasicConstraints = "2.5.29.19"
	oidLimits           = "2.5.29.30"
	oidPolicies         = "2.5.29.32"
	oidAuthorityKeyID   = "2.5.29.35"
	oidPurposes         = "2.5.29.37"
)

// known are the extensions that every reader accepts as critical.
var known = map[string]bool{
	oidSubjectKeyID: true, oidUsage: true, oidAlternatives: true, oidBasicConstraints: true, oidLimits: true, oidPolicies: true,
	oidAuthorityKeyID: true, oidPurposes: true,
	"2.5.29.33": true, "2.5.29.36": true, "2.5.29.54": true, // policy mappings, policy constraints, inhibitAnyPolicy
}

func newLink(c *certs.Certificate) *link {
	l := &link{Link: signed.New(c), usage: -1, critical: map[string]bool{}}
	element, tbs := cryptobyte.String(l.TBS), cryptobyte.String(nil)
	element.ReadASN1(&tbs, asn1.SEQUENCE)
	l.readTBS(tbs)
	return l
}

// readTBS reads the serial number and the extensions. Package certs reads the
// fields between them.
func (l *link) readTBS(tbs cryptobyte.String) {
	var serial, wrapped, list, ext cryptobyte.String
	tbs.SkipOptionalASN1(asn1.Tag(0).ContextSpecific().Constructed())
	if tbs.ReadASN1(&serial, asn1.INTEGER) && len(serial) > 0 {
		l.negative = serial[0] >= 0x80
	}
	for i := range 5 { // signature, issuer, validity, subject, key
		var field cryptobyte.String
		if tbs.ReadASN1Element(&field, asn1.SEQUENCE) && i == 3 {
			l.subject = field
		}
	}
	tbs.SkipOptionalASN1(asn1.Tag(1).ContextSpecific())
	tbs.SkipOptionalASN1(asn1.Tag(2).ContextSpecific())
	if !tbs.ReadASN1(&wrapped, asn1.Tag(3).ContextSpecific().Constructed()) || !wrapped.ReadASN1(&list, asn1.SEQUENCE) {
		return
	}
	for list.ReadASN1(&ext, asn1.SEQUENCE) {
		l.readExtension(ext)
	}
}

func (l *link) readExtension(ext cryptobyte.String) {
	oid, critical := signed.ReadOID(&ext), false
	var value cryptobyte.String
	if ext.PeekASN1Tag(asn1.BOOLEAN) {
		ext.ReadASN1Boolean(&critical)
	}
	if !ext.ReadASN1(&value, asn1.OCTET_STRING) {
		return
	}
	l.critical[oid] = critical
	switch oid {
	case oidSubjectKeyID:
		l.ReadSubjectKeyID(value)
	case oidAuthorityKeyID:
		l.ReadAuthorityKeyID(value)
	case oidUsage:
		l.usage, _ = signed.Usage(value)
	case oidAlternatives:
		l.readAlternatives(value)
	case oidBasicConstraints:
		l.readBasicConstraints(value)
	case oidPurposes:
		l.readPurposes(value)
	case oidLimits:
		l.limits = readLimits(value)
	}
}

// has reports whether the certificate has an extension.
func (l *link) has(oid string) bool { _, ok := l.critical[oid]; return ok }

func (l *link) readAlternatives(value cryptobyte.String) {
	var list cryptobyte.String
	l.alternatives = value.ReadASN1(&list, asn1.SEQUENCE)
	for !list.Empty() {
		var name cryptobyte.String
		var tag asn1.Tag
		if !list.ReadAnyASN1(&name, &tag) {
			return
		}
		switch tag {
		case asn1.Tag(1).ContextSpecific():
			l.emails = append(l.emails, string(name))
		case asn1.Tag(2).ContextSpecific():
			l.names = append(l.names, string(name))
		case asn1.Tag(7).ContextSpecific():
			if address, ok := netip.AddrFromSlice(name); ok {
				l.addresses = append(l.addresses, address)
			}
		}
	}
}

func (l *link) readBasicConstraints(value cryptobyte.String) {
	var seq cryptobyte.String
	if !value.ReadASN1(&seq, asn1.SEQUENCE) {
		return
	}
	l.basic = &basicConstraints{pathLength: -1}
	if seq.PeekASN1Tag(asn1.BOOLEAN) {
		seq.ReadASN1Boolean(&l.basic.ca)
	}
	if n := 0; seq.PeekASN1Tag(asn1.INTEGER) && seq.ReadASN1Integer(&n) && n >= 0 {
		l.basic.pathLength = n
	}
}

func (l *link) readPurposes(value cryptobyte.String) {
	var seq cryptobyte.String
	l.purposes = []string{}
	if !value.ReadASN1(&seq, asn1.SEQUENCE) {
		return
	}
	for !seq.Empty() {
		oid := signed.ReadOID(&seq)
		if oid == "" {
			return
		}
		l.purposes = append(l.purposes, oid)
	}
}
