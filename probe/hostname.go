package probe

import (
	"fmt"
	"slices"
	"strings"

	"github.com/certgraft/certgraft/certs"
	"github.com/certgraft/certgraft/readers"
)

// hosts lists the hosts of a certificate. It marks addresses, because a DNS name
// of digits looks like one.
func hosts(c *certs.Certificate) string {
	names, addresses := readers.Hosts(c)
	var all []string
	for _, n := range names {
		all = append(all, printable(n))
	}
	for _, a := range addresses {
		all = append(all, a.String())
	}
	if len(all) == 0 {
		for _, n := range c.CommonNames() {
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

// onlyCommonName reports whether a certificate has its host only as common name.
func onlyCommonName(c *certs.Certificate, host string) bool {
	names, addresses := readers.Hosts(c)
	return len(names)+len(addresses) == 0 && slices.ContainsFunc(c.CommonNames(), func(n string) bool { return strings.EqualFold(n, host) })
}

// printable returns a host name unchanged, and quotes other text.
func printable(name string) string {
	for _, r := range name {
		if r <= ' ' || r > '~' {
			return quote(name)
		}
	}
	return name
}
