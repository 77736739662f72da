package certs

import "bytes"

// NamesIssuer reports whether c names parent's subject as its issuer, compared
// as OpenSSL does: string types, the case of ASCII letters and white space do
// not matter. crypto/x509 requires equal bytes. NamesIssuer does not check the
// signature.
func (c *Certificate) NamesIssuer(parent *Certificate) bool {
	return c.IssuedBy(parent) || len(c.issuer.attributes) == len(parent.subject.attributes) &&
		bytes.Equal(c.issuer.canonical(), parent.subject.canonical())
}

// IssuerName is [Certificate.Name] for the issuer.
func (c *Certificate) IssuerName() string { return c.issuer.friendly() }
