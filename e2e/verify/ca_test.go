//go:build e2e

package verify

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"net"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/certgraft/certgraft/e2e/rig"
)

// member is a certificate with its key, of RSA, which every server takes.
type member struct {
	cert *x509.Certificate
	key  *rsa.PrivateKey
}

// make makes a certificate that m signs, or the key itself where m is nil.
func (m *member) make(t *testing.T, name string, edits ...func(*x509.Certificate)) *member {
	t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	return m.certify(t, key, name, edits...)
}

// certify is make with a key that exists already.
func (m *member) certify(t *testing.T, key *rsa.PrivateKey, name string, edits ...func(*x509.Certificate)) *member {
	t.Helper()
	template := &x509.Certificate{
		SerialNumber: big.NewInt(time.Now().UnixNano()), Subject: pkix.Name{CommonName: name},
		NotBefore: time.Now().AddDate(-2, 0, 0), NotAfter: time.Now().AddDate(1, 0, 0),
	}
	for _, e := range edits {
		e(template)
	}
	signer := &member{template, key}
	if m != nil {
		signer = m
	}
	der, err := x509.CreateCertificate(rand.Reader, template, signer.cert, &key.PublicKey, signer.key)
	if err != nil {
		t.Fatal(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return &member{cert, key}
}

func authorityCert(c *x509.Certificate) {
	c.IsCA, c.BasicConstraintsValid, c.KeyUsage = true, true, x509.KeyUsageCertSign
}

func localhostCert(c *x509.Certificate) {
	c.DNSNames, c.IPAddresses = []string{"localhost"}, []net.IP{net.IPv4(127, 0, 0, 1)}
	c.KeyUsage = x509.KeyUsageDigitalSignature | x509.KeyUsageKeyEncipherment
	c.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}
}

func expiredCert(c *x509.Certificate) { c.NotAfter = time.Now().AddDate(0, 0, -2) }

// files writes what a server with that certificate is configured with: the
// certificate with the rest of its chain, its key, and the root.
func (m *member) files(t *testing.T, root *member, chain ...*member) rig.Authority {
	t.Helper()
	dir := t.TempDir()
	var sent strings.Builder
	for _, c := range append([]*member{m}, chain...) {
		sent.Write(c.pem())
	}
	key, err := x509.MarshalPKCS8PrivateKey(m.key)
	if err != nil {
		t.Fatal(err)
	}
	return rig.Authority{
		CAFile:   rig.Write(t, filepath.Join(dir, "root.pem"), string(root.pem())),
		CertFile: rig.Write(t, filepath.Join(dir, "server.crt"), sent.String()),
		KeyFile:  rig.Write(t, filepath.Join(dir, "server.key"), string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: key}))),
	}
}

func (m *member) pem() []byte {
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: m.cert.Raw})
}

// materials are the certificates that servers are run with.
func materials(t *testing.T) map[string]rig.Authority {
	t.Helper()
	var none *member
	root := none.make(t, "Throw-away Root", authorityCert)
	middle := root.make(t, "Throw-away Intermediate", authorityCert)
	leaf := middle.make(t, "localhost", localhostCert)
	oldLeaf := middle.make(t, "localhost", localhostCert, expiredCert)
	oldRoot := none.make(t, "Old Root", authorityCert, expiredCert)
	alone := none.make(t, "localhost", localhostCert)
	return map[string]rig.Authority{
		"good":         leaf.files(t, root, middle),
		"bare":         leaf.files(t, root),
		"expired leaf": oldLeaf.files(t, root, middle),
		"expired root": oldRoot.make(t, "localhost", localhostCert).files(t, oldRoot),
		"self-signed":  alone.files(t, root),
	}
}
