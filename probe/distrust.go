package probe

import (
	"bytes"
	"fmt"
	"slices"
	"strings"

	"github.com/certgraft/certgraft/certs"
	"github.com/certgraft/certgraft/readers"
)

// distrust says why a path does not end in a trusted root. It tries the certain
// explanations first and the likely ones last.
func (j *judge) distrust(v readers.Verdict, p path) Fault {
	if f, forged := fault(v, readers.Signature); forged {
		p = p.upTo(f.At)
	}
	top := p.top()
	found := search(p, j.Known)
	switch {
	case j.trust.Has(top.Fingerprint()) && !p.complete() && len(p.links) == len(v.Chain):
		what := "an intermediate"
		if len(p.links) == 1 {
			what = "the server's own certificate"
		}
		return Fault{PartialChain, fmt.Sprintf("%s trusts %s, %s, but not its issuer %s: OpenSSL wants the root", j.Whose, top.Name(), what, top.IssuerName()),
			"install the root too; curl, Go and GnuTLS stop at this one and are content"}
	case found.best != nil:
		return j.known(p, found.best)
	case len(found.namesakes) > 0:
		return j.impostor(p, found.namesakes)
	case j.signedByNobody(p):
		return Fault{BadSignature, fmt.Sprintf("%s names %s as its issuer, and the CA of that name has another key", top.Name(), top.IssuerName()),
			"either the issuer was made anew with another key, or someone only borrows its name: compare key ids with the server's operator"}
	case len(p.links) == 1 && top.SelfIssued():
		return j.selfSigned(v, p)
	}
	if product := interceptor(p); product != "" {
		return Fault{Interception, fmt.Sprintf("the certificate comes from %s, which opens TLS on the way: %s is not trusted by %s", product, top.IssuerName(), j.Whose),
			"install its root, which those who run the network hand out: " + j.Install + " ./ROOT.pem"}
	}
	if len(found.unproven) > 0 {
		return Fault{UnknownIssuer, fmt.Sprintf("signed by a CA that calls itself %s, which %s does not trust", top.IssuerName(), j.Whose),
			fmt.Sprintf("the bundle %s has a CA of that name, but this program has no copy to compare: certgraft verify --with %s tells whether it is the same CA", found.unproven[0], found.unproven[0])}
	}
	if p.complete() {
		return Fault{UntrustedRoot, fmt.Sprintf("signed by %s, which %s does not trust and no bundle in the catalogue has", top.Name(), j.Whose),
			"get that root from those who run the server, not from the server, and install it: " + j.Install + " ./ROOT.pem"}
	}
	return j.broken(p)
}

// placeholders are the certificates that proxies show when they have none for a
// host.
var placeholders = []struct{ name, product string }{
	{"Kubernetes Ingress Controller Fake Certificate", "ingress-nginx"},
	{"TRAEFIK DEFAULT CERT", "Traefik"},
}

// placeholder returns the fault of a server that shows a placeholder. To trust the
// placeholder would cure nothing.
func (j *judge) placeholder(v readers.Verdict, p path) *Fault {
	for _, known := range placeholders {
		if !v.Trusted && slices.Contains(p.leaf().CommonNames(), known.name) {
			return &Fault{Placeholder, fmt.Sprintf("%s answers with its placeholder: it has no certificate for %s", known.product, j.session.Target.ServerName),
				"give it a certificate for that host (of an Ingress: spec.tls with its hosts, and the secret in the same namespace), or name a host that it has with --servername"}
		}
	}
	return nil
}

// known is the fault of a path whose issuer is in the catalogue.
func (j *judge) known(p path, m *match) Fault {
	in := "the bundle " + m.bundles[0]
	if len(m.bundles) > 1 {
		in = "the bundles " + strings.Join(m.bundles, ", ")
	}
	text := fmt.Sprintf("signed by %s, which %s does not trust; it is in %s", m.name, j.Whose, in)
	if m.at == 0 && !m.issued {
		text = fmt.Sprintf("the certificate is %s itself, which %s does not trust; it is in %s", m.name, j.Whose, in)
	}
	cause := UntrustedRoot
	if !p.complete() {
		cause = UnknownIssuer
	}
	return Fault{cause, text, j.Install + " " + m.bundles[0]}
}

// impostor is the fault of a path that names a CA of the catalogue and does not
// have its signature.
func (j *judge) impostor(p path, bundles []string) Fault {
	return Fault{Impostor, fmt.Sprintf("signed by a CA that calls itself %s, as one in the bundle %s is called, but with another key: it is not that one", p.top().IssuerName(), strings.Join(bundles, ", ")),
		"do not install it unless those who run the server vouch for it: either they made a CA of that name, or someone pretends to be the server"}
}

// upTo returns the path up to and including a certificate.
func (p path) upTo(last *certs.Certificate) path {
	for i, l := range p.links {
		if l.Certificate == last {
			return path{p.links[:i+1]}
		}
	}
	return p
}

// selfSigned is the fault of a server that is its own CA. Some readers refuse such
// servers even if they trust the certificate.
func (j *judge) selfSigned(v readers.Verdict, p path) Fault {
	if f, ok := fault(v, readers.SelfSigned); ok && j.trust.Has(p.leaf().Fingerprint()) {
		return Fault{SelfSigned, f.Text + ", which " + j.Reader.Title + " refuses", f.Cure}
	}
	return Fault{SelfSigned, fmt.Sprintf("the server's certificate is signed by itself, %s, and %s does not trust it", p.leaf().Name(), j.Whose),
		"give the server a certificate of a CA; or get its certificate by another way than this connection, and: " + j.Install + " ./SERVER.pem"}
}

// signedByNobody reports whether the chain ends early although a certificate with
// the name of the issuer is present.
func (j *judge) signedByNobody(p path) bool {
	if p.complete() {
		return false
	}
	for c := range j.trust.All() {
		if p.top().NamesIssuer(c) {
			return true
		}
	}
	return slices.ContainsFunc(j.session.sent, func(c *certs.Certificate) bool {
		return p.top().NamesIssuer(c) && c.Fingerprint() != p.top().Fingerprint()
	})
}

// broken is the fault of a path whose last issuer is unknown.
func (j *judge) broken(p path) Fault {
	top := p.top()
	if j.intermediateMissing(p) {
		cure := "let the server send its chain: the certificate file holds the server's certificate, then the intermediate"
		if len(top.caIssuers) > 0 {
			cure += "; the issuer publishes it at " + printable(top.caIssuers[0])
		}
		return Fault{MissingIntermediate, fmt.Sprintf("the server does not send the intermediate %s, which signed %s", top.IssuerName(), top.Name()), cure}
	}
	return Fault{UnknownIssuer, fmt.Sprintf("signed by %s, which %s does not trust, the server does not send, and no bundle in the catalogue has", top.IssuerName(), j.Whose),
		fmt.Sprintf("if it is a root, get it from those who run the server and install it: %s ./ROOT.pem; if it is an intermediate, the server has to send it", j.Install)}
}

// intermediateMissing looks for signs that the missing issuer is an intermediate.
// There are four: the key id names an issuer of the issuer; the server sends a
// root, which belongs above the issuer; the server's certificate has an address of
// the issuer; the name of the issuer contains a word for intermediates. An address
// in the certificate of a CA is no sign, because it mostly leads to a root.
func (j *judge) intermediateMissing(p path) bool {
	top := p.top()
	if top.authorityIssuer != nil && !bytes.Equal(top.authorityIssuer, issuerDER(top.Certificate)) {
		return true
	}
	for _, c := range j.session.sent {
		if c.SelfIssued() && c.IsCA() && c.Fingerprint() != top.Fingerprint() {
			return true
		}
	}
	if len(top.caIssuers) > 0 && !top.IsCA() {
		return true
	}
	name := strings.ToLower(top.IssuerName())
	for _, word := range []string{"intermediate", "issuing", "sub ca", "subca", "subordinate"} {
		if strings.Contains(name, word) {
			return true
		}
	}
	return false
}

// issuerDER returns the name of the issuer as DER.
func issuerDER(c *certs.Certificate) []byte {
	if parsed := c.X509(); parsed != nil {
		return parsed.RawIssuer
	}
	return nil
}
