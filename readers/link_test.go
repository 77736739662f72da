package readers

import (
	"bytes"
	"crypto/x509"
	"slices"
	"testing"

	"github.com/certgraft/certgraft/certs"
	"github.com/certgraft/certgraft/internal/roottest"
)

// FuzzLink reads fields of certificates, and compares them with crypto/x509.
func FuzzLink(f *testing.F) {
	root := roottest.NewCA(f, "Root")
	f.Add(root.DER)
	f.Add(root.Issue(f, "db.test", "127.0.0.1").Certificate[0])
	f.Fuzz(func(t *testing.T, der []byte) {
		c, err := certs.ParseCertificate(der)
		if err != nil {
			return
		}
		l := newLink(c)
		_ = l.CheckSignature(&l.Link)
		parsed, err := x509.ParseCertificate(der)
		if err != nil {
			return
		}
		if names, addresses := Hosts(c); !slices.Equal(names, parsed.DNSNames) || len(addresses) != len(parsed.IPAddresses) {
			t.Errorf("names %q %v, want %q %v", names, addresses, parsed.DNSNames, parsed.IPAddresses)
		}
		if !bytes.Equal(l.SubjectKeyID, parsed.SubjectKeyId) || !bytes.Equal(l.AuthorityKeyID, parsed.AuthorityKeyId) {
			t.Errorf("key ids %x %x, want %x %x", l.SubjectKeyID, l.AuthorityKeyID, parsed.SubjectKeyId, parsed.AuthorityKeyId)
		}
		if l.basic != nil && (l.basic.ca != parsed.IsCA || l.usage > 0 && l.usage != int(parsed.KeyUsage)) {
			t.Errorf("CA %v usage %b, want %v %b", l.basic.ca, l.usage, parsed.IsCA, parsed.KeyUsage)
		}
	})
}
