package certs_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"math/big"
	"testing"
	"time"

	"github.com/certgraft/certgraft/certs"
)

// issued makes a certificate with these common names of subject and issuer.
func issued(t *testing.T, subject, issuer string) *certs.Certificate {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: subject}, NotAfter: time.Unix(1<<31, 0)}
	der, err := x509.CreateCertificate(rand.Reader, template, &x509.Certificate{Subject: pkix.Name{CommonName: issuer}}, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	c, err := certs.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestNamesIssuer(t *testing.T) {
	for _, tt := range []struct {
		issuer, subject string
		want, exact     bool
	}{
		{"Some CA", "Some CA", true, true},
		{"Some CA", "some  ca ", true, false}, // as OpenSSL compares
		{"Some CA", "Some CB", false, false},
		{"Ü", "ü", false, false},
	} {
		child, parent := issued(t, "leaf", tt.issuer), issued(t, tt.subject, "root")
		if got := child.NamesIssuer(parent); got != tt.want {
			t.Errorf("%q names %q: %v", tt.issuer, tt.subject, got)
		}
		if got := child.IssuedBy(parent); got != tt.exact {
			t.Errorf("%q has the bytes of %q: %v", tt.issuer, tt.subject, got)
		}
		if got := child.IssuerName(); got != tt.issuer {
			t.Errorf("issuer is %q, want %q", got, tt.issuer)
		}
	}
}
