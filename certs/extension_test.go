package certs

import (
	"bytes"
	"slices"
	"testing"

	"github.com/certgraft/certgraft/internal/roottest"
)

// This package reads the same extensions as crypto/x509.
func TestFieldsAreThoseOfX509(t *testing.T) {
	ca := roottest.NewCA(t, "Root")
	for _, der := range [][]byte{ca.DER, ca.Issue(t, "a.example", "10.0.0.1").Certificate[0]} {
		c, err := ParseCertificate(der)
		if err != nil {
			t.Fatal(err)
		}
		x := c.X509()
		for _, e := range x.Extensions {
			if value, ok := c.Extension(e.Id.String()); !ok || !bytes.Equal(value, e.Value) {
				t.Errorf("%s: %x %v, want %x", e.Id, value, ok, e.Value)
			}
		}
		if value, ok := c.Extension("1.2.3"); ok || value != nil || len(x.Extensions) < 2 {
			t.Errorf("%x in %d extensions", value, len(x.Extensions))
		}
		if got := c.CommonNames(); x.Subject.CommonName != "" && !slices.Equal(got, []string{x.Subject.CommonName}) || x.Subject.CommonName == "" && got != nil {
			t.Errorf("common names %q, want %q", got, x.Subject.CommonName)
		}
		if c.Version() != x.Version {
			t.Errorf("version %d, want %d", c.Version(), x.Version)
		}
	}
}
