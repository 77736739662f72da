// Package roottest has helpers for the tests of several packages: throw-away CAs,
// and trees of files written as text.
package roottest

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"net"
	"testing"
	"time"
)

// CA is a throw-away certification authority.
type CA struct {
	Cert *x509.Certificate
	DER  []byte

	key *ecdsa.PrivateKey
}

// Option changes the certificate of a CA before it is signed.
type Option func(*x509.Certificate)

// Expired makes a certificate that was valid in the year 2000.
func Expired(c *x509.Certificate) {
	c.NotBefore = time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC)
	c.NotAfter = c.NotBefore.AddDate(1, 0, 0)
}

// Future makes a certificate that is valid from the year 2200.
func Future(c *x509.Certificate) {
	c.NotBefore = time.Date(2200, 1, 1, 0, 0, 0, 0, time.UTC)
	c.NotAfter = c.NotBefore.AddDate(1, 0, 0)
}

// Leaf makes a certificate that must not sign others.
func Leaf(c *x509.Certificate) { c.IsCA, c.KeyUsage = false, x509.KeyUsageDigitalSignature }

// NewCA makes a self-signed CA with that common name.
func NewCA(t testing.TB, name string, options ...Option) *CA {
	t.Helper()
	template := &x509.Certificate{
		Subject:   pkix.Name{CommonName: name, Organization: []string{"certgraft tests"}},
		NotBefore: time.Date(2024, 1, 1, 0, 0, 0, 0, time.UTC), NotAfter: time.Date(2100, 1, 1, 0, 0, 0, 0, time.UTC),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	}
	for _, o := range options {
		o(template)
	}
	return sign(t, template, nil)
}

// Intermediate makes a CA that ca signed.
func (ca *CA) Intermediate(t testing.TB, name string) *CA {
	t.Helper()
	template := *ca.Cert
	template.RawSubject, template.Subject = nil, pkix.Name{CommonName: name}
	return sign(t, &template, ca)
}

// Issue makes a certificate for a TLS server with these names and addresses.
func (ca *CA) Issue(t testing.TB, hosts ...string) tls.Certificate {
	t.Helper()
	template := &x509.Certificate{
		Subject: pkix.Name{CommonName: hosts[0]}, NotBefore: ca.Cert.NotBefore, NotAfter: ca.Cert.NotAfter,
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}
	for _, h := range hosts {
		if ip := net.ParseIP(h); ip != nil {
			template.IPAddresses = append(template.IPAddresses, ip)
		} else {
			template.DNSNames = append(template.DNSNames, h)
		}
	}
	leaf := sign(t, template, ca)
	return tls.Certificate{Certificate: [][]byte{leaf.DER}, PrivateKey: leaf.key, Leaf: leaf.Cert}
}

// PEM returns the certificate as PEM.
func (ca *CA) PEM() string { return certPEM(ca.DER) }

// KeyPEM returns the private key as PEM.
func (ca *CA) KeyPEM(t testing.TB) string {
	t.Helper()
	return keyPEM(t, ca.key)
}

// PEMs returns a certificate that [CA.Issue] made, and its key, as PEM.
func PEMs(t testing.TB, issued tls.Certificate) (cert, key string) {
	t.Helper()
	return certPEM(issued.Certificate[0]), keyPEM(t, issued.PrivateKey)
}

func certPEM(der []byte) string {
	return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}))
}

func keyPEM(t testing.TB, key any) string {
	t.Helper()
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}))
}

func sign(t testing.TB, template *x509.Certificate, parent *CA) *CA {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	if template.SerialNumber, err = rand.Int(rand.Reader, big.NewInt(1<<62)); err != nil {
		t.Fatal(err)
	}
	signer, signerKey := template, key
	if parent != nil {
		signer, signerKey = parent.Cert, parent.key
	}
	der, err := x509.CreateCertificate(rand.Reader, template, signer, &key.PublicKey, signerKey)
	if err != nil {
		t.Fatal(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return &CA{Cert: cert, DER: der, key: key}
}
