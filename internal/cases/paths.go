package cases

// chains are cases about sent and trusted certificates.
func chains(m *maker) {
	root := m.root("plain")
	m.add("plain", "a root and a server", usualHost, trust(root), m.leaf(root, usualHost))

	root = m.root("intermediate")
	middle := m.intermediate(root, "intermediate")
	m.add("intermediate", "an intermediate is between them and is sent", usualHost, trust(root), m.leaf(middle, usualHost), middle)

	root = m.root("root-sent")
	m.add("root-sent", "the server sends its root too", usualHost, trust(root), m.leaf(root, usualHost), root)

	root = m.root("missing-intermediate")
	middle = m.intermediate(root, "missing-intermediate")
	m.add("missing-intermediate", "the intermediate is not sent", usualHost, trust(root), m.leaf(middle, usualHost))

	root = m.root("intermediate-in-store")
	middle = m.intermediate(root, "intermediate-in-store")
	m.add("intermediate-in-store", "the intermediate is not sent, and is in the store beside its root", usualHost, trust(root, middle), m.leaf(middle, usualHost))

	root = m.root("intermediate-trusted")
	middle = m.intermediate(root, "intermediate-trusted")
	m.add("intermediate-trusted", "the store has the intermediate alone, without its root", usualHost, trust(middle), m.leaf(middle, usualHost), middle)

	root = m.root("wrong-order")
	middle = m.intermediate(root, "wrong-order")
	lower := m.authority(middle, "wrong-order issuer")
	m.add("wrong-order", "two intermediates are sent in the wrong order", usualHost, trust(root), m.leaf(lower, usualHost), middle, lower)

	root = m.root("unrelated-sent")
	m.add("unrelated-sent", "a certificate is sent that has nothing to do with the chain", usualHost, trust(root), m.leaf(root, usualHost), m.root("unrelated"))

	root = m.root("unknown-root")
	m.add("unknown-root", "the root is not in the store", usualHost, nil, m.leaf(root, usualHost), root)

	root = m.root("bad-signature")
	m.add("bad-signature", "the signature of the server's certificate is wrong", usualHost, trust(root), m.leaf(root, usualHost, damagedSignature))

	crossSigned(m)
	sameNames(m)
	selfSigned(m)
}

// crossSigned adds CAs that also have a certificate from an older CA.
func crossSigned(m *maker) {
	cross := func(id, about string, older, crossed option) {
		old, key := m.root(id+" old", older), keyed(m.elliptic(curve))
		root := m.root(id, key)
		m.add(id, about, usualHost, trust(old, root), m.leaf(root, usualHost), m.authority(old, id+" root", key, crossed))
	}
	cross("cross-signed-by-expired", "the root is sent as certified by an older one, which has expired and is in the store", m.expired(), both())
	cross("cross-signed-expired", "the root is sent as certified by an older one, and that certificate has expired", both(), m.expired())
}

// sameNames adds CAs with equal names.
func sameNames(m *maker) {
	key := keyed(m.elliptic(curve))
	expired, root := m.root("renewed", key, m.expired()), m.root("renewed", key)
	m.add("expired-root-first", "the store has the root twice: expired, and renewed with the same key behind it", usualHost, trust(expired, root), m.leaf(root, usualHost))

	noID := without(oidSKI, oidAKI)
	other, root := m.root("same-name", noID), m.root("same-name", noID)
	m.add("same-name-roots", "the store has two roots of the same name, and the other one is first", usualHost, trust(other, root), m.leaf(root, usualHost, noID))

	impostor, root := m.root("impostor"), m.root("impostor")
	m.add("impostor", "the store has a root of the right name with another key", usualHost, trust(root), m.leaf(impostor, usualHost), impostor)

	root = m.root("self-issued")
	sameName := func(t *template) { t.subject = root.subject }
	m.add("self-issued-leaf", "the server's certificate has the name of its CA", usualHost, trust(root), m.leaf(root, usualHost, sameName))
}

// selfSigned adds servers without a CA.
func selfSigned(m *maker) {
	alone := func(id, about string, options ...option) {
		leaf := m.leaf(nil, usualHost, append([]option{subject(organisation(id), commonName(usualHost))}, options...)...)
		m.add(id, about, usualHost, trust(leaf), leaf)
	}
	alone("self-signed", "a certificate that is signed by itself and no CA is in the store")
	alone("self-signed-plain", "the same without basic constraints and usages", without(oidBC, oidKU, oidEKU))
	alone("self-signed-ca", "the same as a CA", with(constraints(true, -1)), with(usage(digitalSignature, keyCertSign)))
	leaf := m.leaf(nil, usualHost, subject(organisation("self-signed-unknown"), commonName(usualHost)))
	m.add("self-signed-unknown", "a certificate that is signed by itself is not in the store", usualHost, nil, leaf)
	leaf = m.leaf(m.root("leaf-trusted"), usualHost)
	m.add("leaf-trusted", "the store has the server's certificate, and not its CA", usualHost, trust(leaf), leaf)
}
