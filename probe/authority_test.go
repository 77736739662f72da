package probe

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"math/big"
	"net"
	"sync"
	"testing"
	"time"

	"golang.org/x/crypto/cryptobyte"
	"golang.org/x/crypto/cryptobyte/asn1"

	"github.com/certgraft/certgraft/certs"
)

// today is the moment of judgement in the tests.
var today = time.Date(2026, 6, 1, 0, 0, 0, 0, time.UTC)

// authority is a certificate with its key.
type authority struct {
	cert *x509.Certificate
	der  []byte
	key  crypto.Signer
}

// edit changes a certificate before it is signed.
type edit func(*x509.Certificate)

func newKey(t testing.TB) crypto.Signer {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func rsaKey(t testing.TB, bits int) crypto.Signer {
	t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, bits)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

// issue makes a certificate signed by parent, or self-signed.
func issue(t testing.TB, parent *authority, name string, key crypto.Signer, edits ...edit) *authority {
	t.Helper()
	template := &x509.Certificate{
		SerialNumber: big.NewInt(time.Now().UnixNano()), Subject: pkix.Name{CommonName: name},
		NotBefore: today.AddDate(-1, 0, 0), NotAfter: today.AddDate(1, 0, 0),
	}
	for _, e := range edits {
		e(template)
	}
	signer, signerKey := template, key
	if parent != nil {
		signer, signerKey = parent.cert, parent.key
	}
	der, err := x509.CreateCertificate(rand.Reader, template, signer, key.Public(), signerKey)
	if err != nil {
		t.Fatal(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return &authority{cert, der, key}
}

func isCA(c *x509.Certificate) {
	c.IsCA, c.BasicConstraintsValid, c.KeyUsage = true, true, x509.KeyUsageCertSign
}

func newRoot(t testing.TB, name string, edits ...edit) *authority {
	t.Helper()
	return issue(t, nil, name, newKey(t), append([]edit{isCA}, edits...)...)
}

func (a *authority) intermediate(t testing.TB, name string, edits ...edit) *authority {
	t.Helper()
	return issue(t, a, name, newKey(t), append([]edit{isCA}, edits...)...)
}

// leaf makes a certificate for db.test and 127.0.0.1.
func (a *authority) leaf(t testing.TB, edits ...edit) *authority {
	t.Helper()
	return issue(t, a, "db.test", newKey(t), append([]edit{server}, edits...)...)
}

func server(c *x509.Certificate) {
	c.DNSNames, c.IPAddresses = []string{"db.test"}, []net.IP{net.IPv4(127, 0, 0, 1)}
	c.KeyUsage, c.ExtKeyUsage = x509.KeyUsageDigitalSignature, []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}
}

func dates(from, to time.Time) edit {
	return func(c *x509.Certificate) { c.NotBefore, c.NotAfter = from, to }
}

func expired(c *x509.Certificate) { c.NotAfter = today.AddDate(0, 0, -1) }

func (a *authority) parsed(t testing.TB) *certs.Certificate {
	t.Helper()
	c, err := certs.ParseCertificate(a.der)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// negative returns the same certificate with a negative serial number, signed by
// parent. OpenSSL accepts it, crypto/x509 does not.
func (a *authority) negative(t testing.TB, parent *authority) *authority {
	t.Helper()
	var tbs, rest cryptobyte.String
	in := cryptobyte.String(a.cert.RawTBSCertificate)
	if !in.ReadASN1(&rest, asn1.SEQUENCE) {
		t.Fatal("no TBSCertificate")
	}
	var version cryptobyte.String
	if !rest.ReadASN1Element(&version, asn1.Tag(0).ContextSpecific().Constructed()) || !rest.SkipASN1(asn1.INTEGER) {
		t.Fatal("no serial number")
	}
	var b cryptobyte.Builder
	b.AddASN1(asn1.SEQUENCE, func(b *cryptobyte.Builder) {
		b.AddBytes(version)
		b.AddBytes([]byte{2, 1, 0x85})
		b.AddBytes(rest)
	})
	tbs = b.BytesOrPanic()
	digest := sha256.Sum256(tbs)
	signature, err := parent.key.Sign(rand.Reader, digest[:], crypto.SHA256)
	if err != nil {
		t.Fatal(err)
	}
	var whole cryptobyte.Builder
	whole.AddASN1(asn1.SEQUENCE, func(b *cryptobyte.Builder) {
		b.AddBytes(tbs)
		b.AddBytes([]byte("\x30\x0a\x06\x08\x2a\x86\x48\xce\x3d\x04\x03\x02")) // ecdsa-with-SHA256
		b.AddASN1BitString(signature)
	})
	der := whole.BytesOrPanic()
	if _, err := x509.ParseCertificate(der); err == nil {
		t.Fatal("crypto/x509 takes a negative serial number: this test shows nothing")
	}
	return &authority{nil, der, a.key}
}

// trusting returns a set with these certificates, from /store.
func trusting(t testing.TB, roots ...*authority) *certs.Set {
	t.Helper()
	set := &certs.Set{}
	for _, r := range roots {
		set.Add(r.parsed(t), "/store")
	}
	return set
}

// tlsConfig serves leaf and further certificates.
func tlsConfig(leaf *authority, more ...*authority) *tls.Config {
	chain := [][]byte{leaf.der}
	for _, m := range more {
		chain = append(chain, m.der)
	}
	return &tls.Config{Certificates: []tls.Certificate{{Certificate: chain, PrivateKey: leaf.key}}, MinVersion: tls.VersionTLS10}
}

// serving returns options whose connections lead to handle. It waits for handle at
// the end of the test.
func serving(t testing.TB, handle func(net.Conn)) Options {
	t.Helper()
	var running sync.WaitGroup
	t.Cleanup(running.Wait)
	return Options{Dial: dialer(&running, handle)}
}
