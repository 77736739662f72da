// Package cases makes servers and trust stores for the measurement of real
// readers.
//
// [Chains] returns the servers. Each has a chain with one oddity, from CAs that
// are made anew and thrown away. e2e/readers runs every client against every
// server and records the results. The tests of package readers make the same
// chains and compare the rules with the record. So the ids of cases stay, and the
// certificates do not.
//
// [Stores] returns trust stores in the same way. A store is a set of files of a
// root, about two CAs, A and B.
package cases

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"math/big"
	"testing"
	"time"
)

// Chain is a server, and the CAs that its clients trust.
type Chain struct {
	ID    string
	Group string // the subject of the case, for example "names"
	About string // the oddity in words
	Host  string // the name that clients ask for
	Sent  [][]byte
	Key   crypto.Signer
	Trust [][]byte // CAs in the stores of the client
}

// Domain is the end of the servers' names. Clients resolve all of them to
// loopback.
const Domain = "certgraft.test"

// usualHost is the host of the cases that are not about names.
const usualHost = "server." + Domain

// Chains makes the servers. They are valid at now, except in cases about dates.
func Chains(t testing.TB, now time.Time) []Chain {
	t.Helper()
	m := &maker{TB: t, now: now.UTC().Truncate(time.Second), keys: map[[2]int]*rsa.PrivateKey{}}
	for _, group := range []struct {
		name string
		add  func(*maker)
	}{
		{"chains", chains}, {"names", names}, {"constraints", nameConstraints}, {"authority", authorities},
		{"purposes", intents}, {"dates", dates}, {"keys", keys}, {"strict", strict},
	} {
		m.group = group.name
		group.add(m)
	}
	return m.made
}

// maker makes cases.
type maker struct {
	testing.TB
	now   time.Time
	group string
	made  []Chain
	keys  map[[2]int]*rsa.PrivateKey // keys by size and number
}

// add adds a case: a server that sends a chain, leaf first.
func (m *maker) add(id, about, host string, trust []*certificate, sent ...*certificate) {
	m.made = append(m.made, Chain{id, m.group, about, host, ders(sent), sent[0].key, ders(trust)})
}

func ders(all []*certificate) (out [][]byte) {
	for _, c := range all {
		out = append(out, c.der)
	}
	return out
}

func trust(all ...*certificate) []*certificate { return all }

// template returns the fields that all certificates share.
func (m *maker) template(name []byte) template {
	serial, err := rand.Int(rand.Reader, big.NewInt(1<<62))
	if err != nil {
		m.Fatal(err)
	}
	return template{version: 2, serial: serial.Add(serial, big.NewInt(1<<62)), subject: name, from: m.now.AddDate(0, -1, 0), to: m.now.AddDate(1, 0, 0), key: m.elliptic(elliptic.P256())}
}

// root makes a root with the name of a case.
func (m *maker) root(id string, options ...option) *certificate {
	return m.authority(nil, id+" root", options...)
}

func (m *maker) intermediate(issuer *certificate, id string, options ...option) *certificate {
	return m.authority(issuer, id+" intermediate", options...)
}

func (m *maker) authority(issuer *certificate, cn string, options ...option) *certificate {
	tmpl := m.template(name(organisation("certgraft tests"), commonName(cn)))
	for _, o := range options { // the key determines its identifier
		o(&tmpl)
	}
	id := keyID(tmpl.key)
	if issuer != nil {
		id = keyID(issuer.key)
	}
	tmpl.extensions = []extension{subjectKeyID(tmpl.key), authorityKeyID(id), constraints(true, -1), usage(keyCertSign, cRLSign)}
	return sign(m, issuer, tmpl, options)
}

// leaf makes a server's certificate with host as its alternative name.
func (m *maker) leaf(issuer *certificate, host string, options ...option) *certificate {
	tmpl := m.template(name(commonName(host)))
	for _, o := range options {
		o(&tmpl)
	}
	id := keyID(tmpl.key)
	if issuer != nil {
		id = keyID(issuer.key)
	}
	use := usage(digitalSignature)
	if _, ok := tmpl.key.(*rsa.PrivateKey); ok {
		use = usage(digitalSignature, keyEncipherment)
	}
	tmpl.extensions = []extension{subjectKeyID(tmpl.key), authorityKeyID(id), constraints(false, -1), use, purposes(serverAuth), alternatives(dns(host))}
	return sign(m, issuer, tmpl, options)
}

func (m *maker) elliptic(curve elliptic.Curve) crypto.Signer {
	key, err := ecdsa.GenerateKey(curve, rand.Reader)
	if err != nil {
		m.Fatal(err)
	}
	return key
}

// rsa returns a key of a size. Cases share keys, because a key takes long to make.
func (m *maker) rsa(bits, number int) crypto.Signer {
	id := [2]int{bits, number}
	if m.keys[id] == nil {
		key, err := rsa.GenerateKey(rand.Reader, bits)
		if err != nil {
			m.Fatal(err)
		}
		m.keys[id] = key
	}
	return m.keys[id]
}

func (m *maker) ed25519() crypto.Signer {
	_, key, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		m.Fatal(err)
	}
	return key
}

// Options.

// with adds an extension, or replaces the one with the same identifier.
func with(e extension) option {
	return func(t *template) {
		without(e.oid)(t)
		t.extensions = append(t.extensions, e)
	}
}

func without(oids ...string) option {
	return func(t *template) {
		var kept []extension
		for _, e := range t.extensions {
			keep := true
			for _, oid := range oids {
				keep = keep && e.oid != oid
			}
			if keep {
				kept = append(kept, e)
			}
		}
		t.extensions = kept
	}
}

// critical sets whether an extension is critical.
func critical(oid string, is bool) option {
	return func(t *template) {
		for i := range t.extensions {
			if t.extensions[i].oid == oid {
				t.extensions[i].critical = is
			}
		}
	}
}

func subject(attributes ...attribute) option {
	return func(t *template) { t.subject = name(attributes...) }
}

func keyed(key crypto.Signer) option  { return func(t *template) { t.key = key } }
func signedBy(digest string) option   { return func(t *template) { t.digest = digest } }
func versionOne(t *template)          { t.version = 0 }
func damagedSignature(t *template)    { t.damaged = true }
func numbered(serial *big.Int) option { return func(t *template) { t.serial = serial } }
func valid(from, to time.Time) option { return func(t *template) { t.from, t.to = from, to } }
func (m *maker) expired() option      { return valid(m.now.AddDate(0, -2, 0), m.now.AddDate(0, -1, 0)) }
func (m *maker) future() option       { return valid(m.now.AddDate(0, 1, 0), m.now.AddDate(0, 2, 0)) }
func both(options ...option) option {
	return func(t *template) {
		for _, o := range options {
			o(t)
		}
	}
}
