package probe

import (
	"strings"

	"golang.org/x/crypto/cryptobyte"
	"golang.org/x/crypto/cryptobyte/asn1"

	"github.com/certgraft/certgraft/certs"
	"github.com/certgraft/certgraft/internal/signed"
)

// path is the chain that the reader judged, leaf first. Its last certificate is a
// root, or the place where the chain ends early.
type path struct {
	links []*link
}

func newPath(chain []*certs.Certificate) (p path) {
	for _, c := range chain {
		p.links = append(p.links, newLink(c))
	}
	return p
}

func (p path) leaf() *link    { return p.links[0] }
func (p path) top() *link     { return p.links[len(p.links)-1] }
func (p path) complete() bool { return p.top().SelfSigned() }

// link is a certificate in a chain, with the fields that say where its issuer is
// found.
type link struct {
	signed.Link

	authorityIssuer []byte   // DER of the name of the issuer's issuer; may be nil
	caIssuers       []string // addresses of the issuer's certificate
}

func newLink(c *certs.Certificate) *link {
	l := &link{Link: signed.New(c)}
	for oid, read := range map[string]func(cryptobyte.String){
		"2.5.29.14":         l.ReadSubjectKeyID,
		"2.5.29.35":         l.readAuthorityKeyID,
		"1.3.6.1.5.5.7.1.1": l.readInformationAccess,
	} {
		if value, ok := c.Extension(oid); ok {
			read(value)
		}
	}
	return l
}

func (l *link) readAuthorityKeyID(value cryptobyte.String) {
	rest := l.ReadAuthorityKeyID(value)
	var names, name cryptobyte.String
	var present bool
	if !rest.ReadOptionalASN1(&names, &present, asn1.Tag(1).ContextSpecific().Constructed()) || !present {
		return
	}
	if names.ReadASN1(&name, asn1.Tag(4).ContextSpecific().Constructed()) {
		l.authorityIssuer = name
	}
}

// readInformationAccess reads the addresses of the issuer's certificate (RFC 5280,
// section 4.2.2.1). certgraft names an address and never fetches from it.
func (l *link) readInformationAccess(value cryptobyte.String) {
	const caIssuers = "\x2b\x06\x01\x05\x05\x07\x30\x02"
	var list, description, oid, place cryptobyte.String
	if !value.ReadASN1(&list, asn1.SEQUENCE) {
		return
	}
	for list.ReadASN1(&description, asn1.SEQUENCE) {
		if description.ReadASN1(&oid, asn1.OBJECT_IDENTIFIER) && string(oid) == caIssuers &&
			description.ReadASN1(&place, asn1.Tag(6).ContextSpecific()) && strings.HasPrefix(string(place), "http") {
			l.caIssuers = append(l.caIssuers, string(place))
		}
	}
}
