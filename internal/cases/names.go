package cases

import "crypto/elliptic"

// curve is the curve of the usual keys.
var curve = elliptic.P256()

// names are cases about the hosts of a certificate.
func names(m *maker) {
	one := func(id, about, host string, options ...option) {
		root := m.root(id)
		m.add(id, about, host, trust(root), m.leaf(root, host, options...))
	}
	cn := func(host string) option { return subject(commonName(host)) }
	alt := func(names ...general) option { return with(alternatives(names...)) }
	one("wrong-name", "the certificate is for another host", usualHost, cn("other."+Domain), alt(dns("other."+Domain)))
	one("cn-only", "the host is the common name, and there are no alternative names", usualHost, without(oidSAN))
	one("cn-only-wrong", "another host is the common name, and there are no alternative names", usualHost, cn("other."+Domain), without(oidSAN))
	one("cn-beside-dns", "the host is the common name, and the alternative name is another", usualHost, alt(dns("other."+Domain)))
	one("cn-beside-email", "the host is the common name, and the alternative name is a mail address", usualHost, alt(email("admin@"+Domain)))
	one("cn-beside-ip", "the host is the common name, and the alternative name is an address", usualHost, alt(address(192, 0, 2, 1)))
	one("upper-case", "the alternative name is in upper case", usualHost, alt(dns("SERVER.CERTGRAFT.TEST")))
	one("trailing-dot", "the alternative name ends in a dot", usualHost, alt(dns(usualHost+".")))
	one("underscore", "the host has an underscore", "under_score."+Domain)
	one("wildcard", "a star stands for the first label", "a.wild."+Domain, alt(dns("*.wild."+Domain)))
	one("wildcard-two-labels", "a star would have to stand for two labels", "a.b.wild."+Domain, alt(dns("*.wild."+Domain)))
	one("wildcard-parent", "a star would have to stand for nothing", "wild."+Domain, alt(dns("*.wild."+Domain)))
	one("wildcard-part", "a star stands for a part of the label", "foo.wild."+Domain, alt(dns("f*.wild."+Domain)))
	one("wildcard-top", "a star stands directly below the top-level domain", Domain, alt(dns("*.test")))
	one("wildcard-cn", "a star is in the common name, and there are no alternative names", "a.wild."+Domain, cn("*.wild."+Domain), without(oidSAN))
	one("ip", "the host is an address, and so is the alternative name", "127.0.0.1", alt(address(127, 0, 0, 1)))
	one("ip-wrong", "the host is an address, and the alternative name is another", "127.0.0.1", cn("other"), alt(address(127, 0, 0, 9)))
	one("ip-as-dns", "the host is an address, and the alternative name has it as a DNS name", "127.0.0.1", cn("other"), alt(dns("127.0.0.1")))
	one("ip-cn-only", "the host is an address and the common name, and there are no alternative names", "127.0.0.1", without(oidSAN))
	one("no-name", "the certificate has neither a subject nor alternative names", usualHost, subject(), without(oidSAN))
	one("no-subject", "the certificate has alternative names and no subject", usualHost, subject(), critical(oidSAN, true))
}

// nameConstraints are cases about the names for which a CA may issue.
func nameConstraints(m *maker) {
	corp := organisation("Corp")
	limited := func(id, about, host string, limits extension, options ...option) {
		root := m.root(id)
		middle := m.intermediate(root, id, with(limits))
		m.add(id, about, host, trust(root), m.leaf(middle, host, options...), middle)
	}
	permit := func(names ...general) extension { return within(true, names, nil) }
	limited("dns-permitted", "the CA may issue for the domain", usualHost, permit(dns(Domain)))
	limited("dns-not-permitted", "the CA may issue for another domain", usualHost, permit(dns("other.test")))
	limited("dns-excluded", "the CA may not issue for the domain", usualHost, within(true, nil, []general{dns(Domain)}))
	limited("dns-dot", "the CA may issue for the domain, written with a dot in front", usualHost, permit(dns("."+Domain)))
	limited("dns-not-critical", "the CA may issue for another domain, and need not be understood", usualHost, within(false, []general{dns("other.test")}, nil))
	limited("cn-not-permitted", "the CA may issue for another domain; the host is the common name alone", usualHost, permit(dns("other.test")), without(oidSAN))
	limited("cn-permitted", "the CA may issue for the domain; the host is the common name alone", usualHost, permit(dns(Domain)), without(oidSAN))
	limited("cn-outside-dns-inside", "the CA may issue for the domain of the alternative name, and not for that of the common name", usualHost, permit(dns(Domain)), subject(commonName("server.other.test")))
	limited("wildcard-permitted", "the CA may issue for the domain in which the star is", "a.wild."+Domain, permit(dns("wild."+Domain)), with(alternatives(dns("*.wild."+Domain))))
	limited("directory-permitted", "the CA may issue for names in O=Corp, and the server's is", usualHost, permit(directory(name(corp))), subject(corp, commonName(usualHost)))
	limited("directory-not-permitted", "the CA may issue for names in O=Corp, and the server's is in O=Other", usualHost, permit(directory(name(corp))), subject(organisation("Other"), commonName(usualHost)))
	limited("directory-not-critical", "the CA may issue for names in O=Corp, the server's is, and the limit need not be understood", usualHost, within(false, []general{directory(name(corp))}, nil), subject(corp, commonName(usualHost)))
	limited("ip-permitted", "the CA may issue for 127.0.0.0/8", "127.0.0.1", permit(address(127, 0, 0, 0, 255, 0, 0, 0)), subject(commonName("loopback")), with(alternatives(address(127, 0, 0, 1))))
	limited("ip-not-permitted", "the CA may issue for 10.0.0.0/8", "127.0.0.1", permit(address(10, 0, 0, 0, 255, 0, 0, 0)), subject(commonName("loopback")), with(alternatives(address(127, 0, 0, 1))))
	limited("ip-unlimited", "the CA may issue for 10.0.0.0/8, and the certificate has DNS names alone", usualHost, permit(address(10, 0, 0, 0, 255, 0, 0, 0)))
	limited("email-limited", "the CA may issue for mail addresses of a domain, and the certificate has none", usualHost, permit(email("other.test")))
	limited("registered-limited", "the CA has a limit of a kind that nobody uses, registeredID", usualHost, permit(general{8, false, []byte{0x2a, 0x03}}))
	root := m.root("root-limited", with(permit(dns("other.test"))))
	m.add("root-limited", "the root itself may issue for another domain", usualHost, trust(root), m.leaf(root, usualHost))
}
