package readers

import (
	"net/netip"
	"slices"
	"strings"

	"github.com/certgraft/certgraft/certs"
)

// Hosts returns the DNS names and addresses among the alternative names of a
// certificate, unchanged.
func Hosts(c *certs.Certificate) (names []string, addresses []netip.Addr) {
	l := newLink(c)
	return l.names, l.addresses
}

// match reports whether a certificate is for a host.
func (r nameRules) match(leaf *link, host string) bool {
	if address, err := netip.ParseAddr(host); err == nil {
		return r.matchAddress(leaf, address.Unmap().WithZone(""), host)
	}
	if r.noUnderscore && strings.Contains(host, "_") {
		return false
	}
	names := leaf.names
	if r.countsCommonName(leaf) {
		names, r.noStars = leaf.CommonNames(), r.noStars && !r.starInCN
	}
	return slices.ContainsFunc(names, func(pattern string) bool { return r.matchHost(pattern, host) })
}

func (r nameRules) matchAddress(leaf *link, address netip.Addr, host string) bool {
	return slices.Contains(leaf.addresses, address) ||
		r.addressByDNS && slices.Contains(leaf.names, host) ||
		r.addressByCN && r.countsCommonName(leaf) && slices.Contains(leaf.CommonNames(), host)
}

func (r nameRules) countsCommonName(leaf *link) bool {
	switch r.commonName {
	case withoutDNS:
		return len(leaf.names) == 0
	case withoutHosts:
		return len(leaf.names)+len(leaf.addresses) == 0
	case withoutAlternatives:
		return !leaf.alternatives
	}
	return false
}

// matchHost compares a name with a pattern. A star in the pattern can match the
// first label.
func (r nameRules) matchHost(pattern, host string) bool {
	pattern, host = strings.ToLower(pattern), strings.ToLower(host)
	if r.trailingDot {
		pattern = strings.TrimSuffix(pattern, ".")
	}
	if pattern == "" || pattern == host {
		return pattern != ""
	}
	label, domain, _ := strings.Cut(host, ".")
	star, rest, _ := strings.Cut(pattern, ".")
	before, after, isStar := strings.Cut(star, "*")
	switch {
	case r.noStars || !isStar || rest != domain || domain == "" || label == "":
		return false
	case !r.starAtTop && !strings.Contains(domain, "."):
		return false
	case star != "*" && !r.starInLabel:
		return false
	}
	return len(label) >= len(before)+len(after) && strings.HasPrefix(label, before) && strings.HasSuffix(label, after)
}
