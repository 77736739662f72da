package certs_test

import (
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"fmt"
	"runtime"
	"strings"
	"testing"

	"github.com/certgraft/certgraft/certs"
	"github.com/certgraft/certgraft/internal/roottest"
)

// crafted are certificates that try to exhaust a reader, and whether they are
// accepted. Those are refused that OpenSSL 3.0 or GnuTLS 3.7 refuses, with the
// whole bundle.
var crafted = map[string]struct {
	option func(*x509.Certificate)
	taken  bool
}{
	"a name of 900 kB":            {func(c *x509.Certificate) { c.Subject.CommonName = strings.Repeat("x", 900_000) }, true},
	"a name of more than 1 MiB":   {func(c *x509.Certificate) { c.Subject.CommonName = strings.Repeat("x", 1<<20+1) }, false}, // OpenSSL
	"20,000 attributes in a name": {func(c *x509.Certificate) { c.Subject.OrganizationalUnit = attributes(20_000) }, true},
	"attribute types of 50,000 numbers": {func(c *x509.Certificate) {
		c.Subject.ExtraNames = []pkix.AttributeTypeAndValue{{Type: numbers(50_000), Value: "x"}}
	}, true},
	"20,000 host names": {func(c *x509.Certificate) { c.DNSNames = attributes(20_000) }, true},
	"20,000 extensions": {func(c *x509.Certificate) {
		for i := range 20_000 {
			c.ExtraExtensions = append(c.ExtraExtensions, pkix.Extension{Id: asn1.ObjectIdentifier{1, 3, 6, 1, 4, 1, 99999, i}, Value: []byte{5, 0}})
		}
	}, true},
	"20,000 purposes": {func(c *x509.Certificate) {
		for i := range 20_000 {
			c.UnknownExtKeyUsage = append(c.UnknownExtKeyUsage, asn1.ObjectIdentifier{1, 3, 6, 1, 4, 1, 99999, i})
		}
	}, true},
	"20,000 name constraints": {func(c *x509.Certificate) { c.PermittedDNSDomains = attributes(20_000) }, true},
	"an extension nested deeply": {func(c *x509.Certificate) {
		c.ExtraExtensions = []pkix.Extension{{Id: asn1.ObjectIdentifier{1, 3, 6, 1, 4, 1, 99999, 1}, Value: []byte(nested(2000))}}
	}, true},
	"host names nested deeply": {func(c *x509.Certificate) {
		c.ExtraExtensions = []pkix.Extension{{Id: asn1.ObjectIdentifier{2, 5, 29, 17}, Value: []byte(nested(2000))}}
	}, false}, // GnuTLS
	"an extension type of 50,000 numbers": {func(c *x509.Certificate) {
		c.ExtraExtensions = []pkix.Extension{{Id: numbers(50_000), Value: []byte{5, 0}}}
	}, false}, // GnuTLS
}

func attributes(n int) []string {
	out := make([]string, n)
	for i := range out {
		out[i] = fmt.Sprintf("h%d.example.com", i)
	}
	return out
}

func numbers(n int) asn1.ObjectIdentifier {
	out := asn1.ObjectIdentifier{1, 3}
	for i := range n {
		out = append(out, i)
	}
	return out
}

// All methods of a certificate use memory in proportion to its size, whatever
// it contains.
func TestCraftedCertificates(t *testing.T) {
	for name, c := range crafted {
		t.Run(name, func(t *testing.T) {
			ca := roottest.NewCA(t, "Root", c.option)
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			taken, _, err := certs.ParseAll([]byte(ca.PEM()))
			if (err == nil) != c.taken {
				t.Errorf("taken: %v, %v", err == nil, err)
			}
			for _, c := range taken {
				_, _, _, _ = c.Subject(), c.Issuer(), c.Name(), c.SubjectHash()
				_, _ = c.X509(), c.Quirk()
				_, _ = certs.Policy{}.Judge(c)
				if file := certs.FileName("source", c, 8); len(file) > 120 {
					t.Errorf("the file name %.80q… has %d bytes", file, len(file))
				}
			}
			runtime.ReadMemStats(&after)
			if used, most := after.TotalAlloc-before.TotalAlloc, uint64(200*len(ca.DER)+1<<20); used > most {
				t.Errorf("%d KiB were allocated for a certificate of %d KiB", used>>10, len(ca.DER)>>10)
			}
		})
	}
}
