package probe

import (
	"iter"
	"slices"
	"strings"
	"time"

	"github.com/certgraft/certgraft/certs"
)

// Known is a certificate of a bundle that certgraft can install.
type Known struct {
	Bundle      string // id of the bundle
	Name        string // its common name
	Fingerprint certs.Fingerprint
	NotAfter    time.Time          // the zero time if it is unknown
	Certificate *certs.Certificate // nil without a copy in this program
}

// expires returns when the certificate expires.
func (k Known) expires() time.Time {
	if k.Certificate != nil {
		return k.Certificate.NotAfter()
	}
	return k.NotAfter
}

// match is a known certificate that issued a member of a path, or is a member.
type match struct {
	name    string
	bundles []string
	at      int // index of the member
	issued  bool
}

// findings is the result of a search.
type findings struct {
	best      *match
	namesakes []string // bundles with a CA of that name and another key
	unproven  []string // bundles with a CA of that name and no copy in this program to compare
}

// search looks in the catalogue for the issuers of a path: by fingerprint, or by
// name, key id and signature together. A name alone proves nothing and is kept
// apart.
func search(p path, catalogue iter.Seq[Known]) findings {
	var f findings
	if catalogue == nil {
		return f
	}
	for known := range catalogue {
		for at, l := range p.links {
			f.compare(known, at, l)
		}
	}
	return f
}

func (f *findings) compare(known Known, at int, l *link) {
	if l.Fingerprint() == known.Fingerprint {
		f.add(match{name: l.Name(), at: at}, known.Bundle)
		return
	}
	if known.Certificate == nil {
		if known.Name != "" && strings.EqualFold(known.Name, l.IssuerName()) {
			addOnce(&f.unproven, known.Bundle)
		}
		return
	}
	if !l.NamesIssuer(known.Certificate) {
		return
	}
	if l.CheckIssuer(&newLink(known.Certificate).Link) == nil {
		f.add(match{name: known.Certificate.Name(), at: at, issued: true}, known.Bundle)
		return
	}
	addOnce(&f.namesakes, known.Bundle)
}

// add keeps the match nearest to the root.
func (f *findings) add(m match, bundle string) {
	switch {
	case f.best == nil || m.at > f.best.at:
		m.bundles = []string{bundle}
		f.best = &m
	case m.at == f.best.at && m.name == f.best.name:
		addOnce(&f.best.bundles, bundle)
	}
}

func addOnce(list *[]string, s string) {
	if !slices.Contains(*list, s) {
		*list = append(*list, s)
	}
}

// interceptors are products that open TLS on the way and issue certificates of
// their own. Words in the name of the issuer identify them.
var interceptors = []struct{ word, product string }{
	{"zscaler", "Zscaler"},
	{"netskope", "Netskope"},
	{"goskope", "Netskope"},
	{"palo alto", "Palo Alto Networks"},
	{"fortinet", "Fortinet FortiGate"},
	{"fortigate", "Fortinet FortiGate"},
	{"cisco umbrella", "Cisco Umbrella"},
	{"blue coat", "Blue Coat"},
	{"bluecoat", "Blue Coat"},
	{"forcepoint", "Forcepoint"},
	{"websense", "Forcepoint"},
	{"mcafee web gateway", "McAfee Web Gateway"},
	{"skyhigh", "Skyhigh Secure Web Gateway"},
	{"sophos", "Sophos"},
	{"check point", "Check Point"},
	{"barracuda", "Barracuda"},
	{"sonicwall", "SonicWall"},
	{"watchguard", "WatchGuard"},
	{"untangle", "Untangle"},
	{"iboss", "iboss"},
	{"menlo security", "Menlo Security"},
	{"cato networks", "Cato Networks"},
	{"cloudflare gateway", "Cloudflare Gateway"},
	{"gateway ca - cloudflare", "Cloudflare Gateway"},
	{"contentkeeper", "ContentKeeper"},
	{"kaspersky", "Kaspersky"},
	{"avast", "Avast"},
	{"avg technologies", "AVG"},
	{"eset ssl filter", "ESET"},
	{"bitdefender", "Bitdefender"},
	{"mitmproxy", "mitmproxy"},
	{"charles proxy", "Charles"},
	{"do_not_trust_fiddler", "Fiddler"},
	{"portswigger", "Burp Suite"},
	{"squid", "Squid"},
}

// interceptor names the product that issued the path, if the name of the issuer
// shows it.
func interceptor(p path) string {
	text := strings.ToLower(p.top().Issuer() + "\n" + p.top().Subject())
	if len(p.links) > 1 {
		text = strings.ToLower(p.top().Issuer())
	}
	for _, known := range interceptors {
		if strings.Contains(text, known.word) {
			return known.product
		}
	}
	return ""
}
