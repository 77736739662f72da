package readers

import (
	"bytes"
	"net/netip"
	"slices"
	"strings"

	"golang.org/x/crypto/cryptobyte"
	"golang.org/x/crypto/cryptobyte/asn1"
)

// limits are name constraints (RFC 5280, section 4.2.1.10).
type limits struct {
	permitted, excluded []subtree
}

// subtree is a part of a name space.
type subtree struct {
	kind   uint8  // the number of the tag of GeneralName
	text   string // for a DNS name or a mail address
	prefix netip.Prefix
	name   []byte // contents of a directory name
}

// Kinds of names: the tags of GeneralName.
const (
	kindEmail     = 1
	kindDNS       = 2
	kindDirectory = 4
	kindAddress   = 7
)

func readLimits(value cryptobyte.String) *limits {
	l := &limits{}
	var seq cryptobyte.String
	if !value.ReadASN1(&seq, asn1.SEQUENCE) {
		return l
	}
	for tag, to := range []*[]subtree{&l.permitted, &l.excluded} {
		var list cryptobyte.String
		var present bool
		if seq.ReadOptionalASN1(&list, &present, asn1.Tag(tag).ContextSpecific().Constructed()) && present {
			*to = readSubtrees(list)
		}
	}
	return l
}

func readSubtrees(list cryptobyte.String) (all []subtree) {
	var entry, value cryptobyte.String
	for list.ReadASN1(&entry, asn1.SEQUENCE) {
		var tag asn1.Tag
		if !entry.ReadAnyASN1(&value, &tag) {
			return all
		}
		s := subtree{kind: uint8(tag) & 0x1f}
		switch s.kind {
		case kindEmail, kindDNS:
			s.text = string(value)
		case kindAddress:
			s.prefix = readPrefix(value)
		case kindDirectory:
			var name cryptobyte.String
			if value.ReadASN1(&name, asn1.SEQUENCE) {
				s.name = name
			}
		}
		all = append(all, s)
	}
	return all
}

// readPrefix reads an address and a mask.
func readPrefix(value []byte) netip.Prefix {
	address, ok := netip.AddrFromSlice(value[:len(value)/2])
	if !ok || len(value) != 2*address.BitLen()/8 {
		return netip.Prefix{}
	}
	bits := 0
	for _, b := range value[len(value)/2:] {
		for ; b&0x80 != 0; b <<= 1 {
			bits++
		}
	}
	return netip.PrefixFrom(address, bits)
}

// all returns the permitted and the excluded subtrees.
func (l *limits) all() []subtree { return slices.Concat(l.permitted, l.excluded) }

// allows reports whether a name is allowed. It must be in no excluded subtree of
// its kind, and in a permitted one if any of its kind exists.
func (l *limits) allows(kind uint8, holds func(subtree) bool) bool {
	limited, inside := false, false
	for _, s := range l.permitted {
		if s.kind == kind {
			limited, inside = true, inside || holds(s)
		}
	}
	for _, s := range l.excluded {
		if s.kind == kind && holds(s) {
			return false
		}
	}
	return inside || !limited
}

// holdsHost reports whether a DNS name is the subtree's name or below it.
func (s subtree) holdsHost(host string) bool {
	host, domain := strings.ToLower(host), strings.ToLower(s.text)
	if domain == "" || host == domain {
		return true
	}
	if strings.HasPrefix(domain, ".") {
		return strings.HasSuffix(host, domain)
	}
	return strings.HasSuffix(host, "."+domain)
}

// holdsName reports whether a directory name in DER begins with the subtree's.
func (s subtree) holdsName(name []byte) bool {
	in := cryptobyte.String(name)
	var contents cryptobyte.String
	return in.ReadASN1(&contents, asn1.SEQUENCE) && bytes.HasPrefix(contents, s.name)
}
