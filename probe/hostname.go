package probe

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
)

// matches reports whether the certificate is for host, as OpenSSL's
// X509_check_host and X509_check_ip have it: by alternative names, and by the
// common name only where there is no alternative one. The common name decides
// for nobody but OpenSSL and its like, which is said.
func (l *link) matches(host string) (ok, byCommonName bool) {
	if address, err := netip.ParseAddr(host); err == nil {
		return slices.Contains(l.addresses, address.Unmap().WithZone("")), false
	}
	if len(l.names) > 0 {
		return slices.ContainsFunc(l.names, func(pattern string) bool { return matchHost(pattern, host) }), false
	}
	found := slices.ContainsFunc(l.CommonNames(), func(pattern string) bool { return matchHost(pattern, host) })
	return found, found
}

// matchHost compares a name with a pattern whose first label may be a star
// (RFC 9525, section 6.3). A star for a whole top-level domain matches nothing.
func matchHost(pattern, host string) bool {
	pattern, host = strings.ToLower(strings.TrimSuffix(pattern, ".")), strings.ToLower(host)
	if pattern == "" || pattern == host {
		return pattern != ""
	}
	rest, star := strings.CutPrefix(pattern, "*.")
	label, domain, ok := strings.Cut(host, ".")
	return star && ok && label != "" && rest == domain && strings.Contains(rest, ".")
}

// hosts lists what the certificate is for.
func (l *link) hosts() string {
	var all []string
	for _, n := range l.names {
		all = append(all, printable(n))
	}
	for _, a := range l.addresses {
		all = append(all, a.String())
	}
	if len(all) == 0 {
		for _, n := range l.CommonNames() {
			all = append(all, printable(n)+" (common name)")
		}
	}
	const most = 6
	switch {
	case len(all) == 0:
		return "no host at all"
	case len(all) > most:
		return fmt.Sprintf("%s and %d more", strings.Join(all[:most], ", "), len(all)-most)
	}
	return strings.Join(all, ", ")
}

// printable leaves a host name as it is and quotes what is none.
func printable(name string) string {
	for _, r := range name {
		if r <= ' ' || r > '~' {
			return quote(name)
		}
	}
	return name
}
