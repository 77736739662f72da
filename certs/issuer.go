package certs

import "bytes"

// NamesIssuer reports whether c names parent's subject as its issuer, compared
// as OpenSSL does: types of strings, upper and lower case of ASCII letters and
// white space make no difference. crypto/x509 wants the same bytes. It says
// nothing about the signature.
func (c *Certificate) NamesIssuer(parent *Certificate) bool {
	return c.IssuedBy(parent) || len(c.issuer.attributes) == len(parent.subject.attributes) &&
		bytes.Equal(c.issuer.canonical(), parent.subject.canonical())
}

// IssuerName returns of the issuer what [Certificate.Name] does of the subject.
func (c *Certificate) IssuerName() string { return c.issuer.friendly() }
