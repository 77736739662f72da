package cases

import (
	"crypto/elliptic"
	"math/big"
)

// authorities are cases about the right to issue.
func authorities(m *maker) {
	below := func(id, about string, rooted, between option) {
		root := m.root(id, rooted)
		middle := m.intermediate(root, id, between)
		m.add(id, about, usualHost, trust(root), m.leaf(middle, usualHost), middle)
	}
	under := func(id, about string, rooted option, options ...option) {
		root := m.root(id, rooted)
		m.add(id, about, usualHost, trust(root), m.leaf(root, usualHost, options...))
	}
	below("intermediate-no-ca", "the intermediate is no CA by its basic constraints", both(), with(constraints(false, -1)))
	below("intermediate-no-constraints", "the intermediate has no basic constraints", both(), without(oidBC))
	below("intermediate-may-not-sign", "the key usage of the intermediate lacks keyCertSign", both(), with(usage(digitalSignature)))
	below("path-too-long", "the root allows no intermediate, and there is one", with(constraints(true, 0)), both())
	root := m.root("intermediate-path-too-long")
	middle := m.intermediate(root, "intermediate-path-too-long", with(constraints(true, 0)))
	lower := m.authority(middle, "intermediate-path-too-long issuer")
	m.add("intermediate-path-too-long", "the first intermediate allows none below it, and there is one", usualHost, trust(root), m.leaf(lower, usualHost), lower, middle)
	below("intermediate-version-1", "the intermediate is of X.509 version 1", both(), versionOne)
	under("root-no-constraints", "the root has no basic constraints", without(oidBC))
	under("root-no-ca", "the root is no CA by its basic constraints", with(constraints(false, -1)))
	under("root-may-not-sign", "the key usage of the root lacks keyCertSign", with(usage(digitalSignature)))
	under("root-version-1", "the root is of X.509 version 1", versionOne)
	under("leaf-version-1", "the server's certificate is of X.509 version 1", both(), versionOne)
	under("leaf-ca", "the server's certificate is a CA's", both(), with(constraints(true, -1)), with(usage(digitalSignature, keyCertSign)))
}

// intents are cases about the purpose of a certificate.
func intents(m *maker) {
	below := func(id, about string, rooted, between, last option) {
		root := m.root(id, rooted)
		middle := m.intermediate(root, id, between)
		m.add(id, about, usualHost, trust(root), m.leaf(middle, usualHost, last), middle)
	}
	same := both()
	below("no-purposes", "the server's certificate names no purpose", same, same, without(oidEKU))
	below("any-purpose", "the server's certificate names anyExtendedKeyUsage alone", same, same, with(purposes(anyPurpose)))
	below("client-purpose", "the server's certificate is for clients", same, same, with(purposes(clientAuth)))
	below("intermediate-client-purpose", "the intermediate is for clients", same, with(purposes(clientAuth)), same)
	below("root-client-purpose", "the root is for clients", with(purposes(clientAuth)), same, same)
	below("no-usage", "the server's certificate has no key usage", same, same, without(oidKU))
	below("usage-other", "the key usage of the server's certificate is nonRepudiation alone", same, same, with(usage(nonRepudiation)))
	other := extension{unknown, true, []byte{5, 0}}
	below("leaf-critical-unknown", "the server's certificate has a critical extension that nobody knows", same, same, with(other))
	below("intermediate-critical-unknown", "the intermediate has a critical extension that nobody knows", same, with(other), same)
	below("root-critical-unknown", "the root has a critical extension that nobody knows", with(other), same, same)
}

func dates(m *maker) {
	below := func(id, about string, rooted, between, last option) {
		root := m.root(id, rooted)
		middle := m.intermediate(root, id, between)
		m.add(id, about, usualHost, trust(root), m.leaf(middle, usualHost, last), middle)
	}
	same := both()
	below("leaf-expired", "the server's certificate has expired", same, same, m.expired())
	below("leaf-future", "the server's certificate is not valid yet", same, same, m.future())
	below("intermediate-expired", "the intermediate has expired", same, m.expired(), same)
	below("root-expired", "the root has expired", m.expired(), same, same)
	below("root-future", "the root is not valid yet", m.future(), same, same)
}

// keys are cases about the strength of keys and digests.
func keys(m *maker) {
	below := func(id, about string, rooted, between, last option) {
		root := m.root(id, rooted)
		middle := m.intermediate(root, id, between)
		m.add(id, about, usualHost, trust(root), m.leaf(middle, usualHost, last), middle)
	}
	same := both()
	strong := func(number int, more ...option) option { return both(append(more, keyed(m.rsa(2048, number)))...) }
	weak, sha1 := keyed(m.rsa(1024, 0)), signedBy("rsa-sha1")
	below("rsa-2048", "all keys are RSA with 2048 bits", strong(0), strong(1), strong(2))
	below("rsa-1024-leaf", "the key of the server is RSA with 1024 bits", strong(0), strong(1), weak)
	below("rsa-1024-intermediate", "the key of the intermediate is RSA with 1024 bits", strong(0), weak, strong(2))
	below("rsa-1024-root", "the key of the root is RSA with 1024 bits", weak, strong(1), strong(2))
	below("sha1-leaf", "the server's certificate is signed with SHA-1", strong(0), strong(1), strong(2, sha1))
	below("sha1-intermediate", "the intermediate is signed with SHA-1", strong(0), strong(1, sha1), strong(2))
	below("sha1-root", "the root is signed with SHA-1, by itself", strong(0, sha1), strong(1), strong(2))
	below("md5-leaf", "the server's certificate is signed with MD5", strong(0), strong(1), strong(2, signedBy("rsa-md5")))
	below("md5-root", "the root is signed with MD5, by itself", strong(0, signedBy("rsa-md5")), strong(1), strong(2))
	below("sha224-leaf", "the server's certificate is signed with SHA-224", strong(0), strong(1), strong(2, signedBy("rsa-sha224")))
	below("pss-leaf", "the server's certificate is signed with RSASSA-PSS", strong(0), strong(1), strong(2, signedBy("rsa-pss")))
	below("p521-root", "the key of the root is on P-521", keyed(m.elliptic(elliptic.P521())), same, same)
	below("ed25519-root", "the key of the root is Ed25519", keyed(m.ed25519()), same, same)
}

// strict are cases about requirements of RFC 5280 that most readers do not check.
func strict(m *maker) {
	below := func(id, about string, rooted, between, last option) {
		root := m.root(id, rooted)
		middle := m.intermediate(root, id, between)
		m.add(id, about, usualHost, trust(root), m.leaf(middle, usualHost, last), middle)
	}
	same := both()
	below("leaf-no-aki", "the server's certificate has no authority key identifier", same, same, without(oidAKI))
	below("leaf-no-ski", "the server's certificate has no subject key identifier", same, same, without(oidSKI))
	below("intermediate-no-ski", "the intermediate has no subject key identifier", same, without(oidSKI), same)
	below("root-no-ski", "the root has no subject key identifier", without(oidSKI), same, same)
	below("root-no-aki", "the root has no authority key identifier", without(oidAKI), same, same)
	below("root-constraints-not-critical", "the basic constraints of the root are not critical", critical(oidBC, false), same, same)
	below("root-no-usage", "the root has no key usage", without(oidKU), same, same)
	below("aki-critical", "the authority key identifier of the server's certificate is critical", same, same, critical(oidAKI, true))
	below("ski-critical", "the subject key identifier of the server's certificate is critical", same, same, critical(oidSKI, true))
	below("path-length-no-ca", "the server's certificate is no CA and has a path length", same, same, with(constraints(false, 0)))
	below("no-subject-not-critical", "the server's certificate has no subject, and its alternative names are not critical", same, same, subject())
	below("serial-negative", "the serial number of the server's certificate is negative", same, same, numbered(big.NewInt(-5)))
	below("serial-zero", "the serial number of the server's certificate is 0", same, same, numbered(big.NewInt(0)))
	below("serial-long", "the serial number of the server's certificate has 24 bytes", same, same, numbered(new(big.Int).Lsh(big.NewInt(1), 190)))
	below("root-serial-negative", "the serial number of the root is negative", numbered(big.NewInt(-5)), same, same)
	below("usage-empty", "the key usage of the server's certificate has no bit", same, same, with(extension{oidKU, true, []byte{3, 1, 0}}))
}
