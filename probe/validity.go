package probe

import (
	"crypto/x509"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
)

const day = 24 * time.Hour

// dates judges the dates of a path. A clock that shows a time before this
// program was made is wrong, whatever the certificates say.
func (j *judge) dates(p path) (*Fault, string) {
	var late, early *link
	for _, l := range p.links {
		if j.Now.After(l.NotAfter()) && late == nil {
			late = l
		}
		if j.Now.Before(l.NotBefore()) && early == nil {
			early = l
		}
	}
	clock := j.date() + " is " + j.Now.Format(time.DateTime+" MST")
	switch {
	case early != nil && j.Now.Before(j.Built):
		return &Fault{ClockOff, fmt.Sprintf("%s is valid from %s, and %s, before this program was made", early.Name(), early.NotBefore().Format(time.DateOnly), clock),
			j.clockCure()}, ""
	case early != nil:
		return &Fault{NotYetValid, fmt.Sprintf("%s is not valid before %s; %s", early.Name(), early.NotBefore().Format(time.DateOnly), clock),
			"check " + j.clock() + ", and the clock of the machine that issued the certificate"}, ""
	case late != nil:
		return j.expired(p, late, clock), ""
	}
	leaf := p.leaf()
	detail := fmt.Sprintf("until %s, %d days left", leaf.NotAfter().Format(time.DateOnly), leaf.NotAfter().Sub(j.Now)/day)
	if first := slices.MinFunc(p.links, func(x, y *link) int { return x.NotAfter().Compare(y.NotAfter()) }); first != leaf && first.NotAfter().Before(leaf.NotAfter()) {
		detail += fmt.Sprintf("; %s until %s", first.Name(), first.NotAfter().Format(time.DateOnly))
	}
	return nil, detail
}

// date names what is taken for today.
func (j *judge) date() string {
	if j.Clock == "" {
		return "this machine's date"
	}
	return j.Clock
}

// clock names where that is set.
func (j *judge) clock() string {
	if j.Clock == "" {
		return "the clock of this machine"
	}
	return j.Clock
}

func (j *judge) clockCure() string {
	if j.Clock == "" {
		return "set the clock of this machine"
	}
	return "correct " + j.Clock + ", or unset it to have certificates judged as of now"
}

func (j *judge) expired(p path, l *link, clock string) *Fault {
	f := &Fault{Expired, fmt.Sprintf("%s expired on %s; %s", l.Name(), l.NotAfter().Format(time.DateOnly), clock), "the server needs a new certificate"}
	switch {
	case l == p.top() && len(p.links) > 1 && p.complete():
		f.Text = "the root " + f.Text
		f.Cure = "the server needs a certificate under a root that is valid; install a newer root if its owner has one"
		j.caveat("Java does not look at the dates of roots, and takes an expired one")
	case l != p.leaf():
		f.Text = "the intermediate " + f.Text
		f.Cure = "the server has to send the intermediate's successor"
	}
	return f
}

// Bits of keyUsage (RFC 5280, section 4.2.1.3).
const (
	digitalSignature = 1 << 0
	keyEncipherment  = 1 << 2
	keyAgreement     = 1 << 4
	keyCertSign      = 1 << 5
)

// serverPurposes are the extended key usages that OpenSSL takes for a server
// (check_purpose_ssl_server): serverAuth and two that are older.
var serverPurposes = []string{
	"\x2b\x06\x01\x05\x05\x07\x03\x01",
	"\x2b\x06\x01\x04\x01\x82\x37\x0a\x03\x03",
	"\x60\x86\x48\x01\x86\xf8\x42\x04\x01",
}

// purpose judges whether the leaf is for a server and the others may issue.
func (j *judge) purpose(p path) *Fault {
	for i, l := range p.links {
		why := ""
		switch {
		case l.purposes != nil && !slices.ContainsFunc(l.purposes, func(oid string) bool { return slices.Contains(serverPurposes, oid) }):
			why = "is not for servers: its extended key usage says otherwise"
		case i == 0 && l.usage >= 0 && l.usage&(digitalSignature|keyEncipherment|keyAgreement) == 0:
			why = "is not for servers: its key usage says otherwise"
		case i > 0 && !l.mayIssue():
			why = "is not a CA's, and signed " + p.links[i-1].Name() + " all the same"
		case i > 0 && l.pathLength >= 0 && intermediates(p.links[1:i]) > l.pathLength:
			why = fmt.Sprintf("allows %d intermediates below it, and there are more", l.pathLength)
		}
		if why != "" {
			return &Fault{WrongPurpose, fmt.Sprintf("the certificate of %s %s", l.Name(), why), "the server needs a certificate that a CA made for servers"}
		}
	}
	return j.constraints(p)
}

// mayIssue is OpenSSL's check_ca: by the basic constraints; without them by the
// key usage, or as a root of version 1.
func (l *link) mayIssue() bool {
	switch {
	case l.usage >= 0 && l.usage&keyCertSign == 0:
		return false
	case l.constraints:
		return l.ca
	}
	return l.usage >= 0 || l.Version() == 1 && l.SelfIssued()
}

func intermediates(links []*link) int {
	n := 0
	for _, l := range links {
		if !l.SelfIssued() {
			n++
		}
	}
	return n
}

// constraints has crypto/x509 judge name constraints and extensions that a
// client must understand, where it reads every certificate of the path.
func (j *judge) constraints(p path) *Fault {
	opt := x509.VerifyOptions{Roots: x509.NewCertPool(), Intermediates: x509.NewCertPool(), CurrentTime: p.leaf().NotAfter(), KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageAny}}
	for i, l := range p.links {
		parsed := l.X509()
		switch {
		case parsed == nil:
			return nil
		case i == len(p.links)-1:
			opt.Roots.AddCert(parsed)
		case i > 0:
			opt.Intermediates.AddCert(parsed)
		}
		if l.NotAfter().Before(opt.CurrentTime) {
			opt.CurrentTime = l.NotAfter()
		}
	}
	_, err := p.leaf().X509().Verify(opt)
	if invalid, ok := errors.AsType[x509.CertificateInvalidError](err); ok && invalid.Reason == x509.CANotAuthorizedForThisName {
		return &Fault{WrongPurpose, "a CA of the chain may not issue for these names: " + invalid.Detail, "the server needs a certificate of a CA that may"}
	}
	if _, ok := errors.AsType[x509.UnhandledCriticalExtension](err); ok {
		return &Fault{WrongPurpose, "a certificate has an extension that clients have to understand and do not", "the server needs a certificate without it"}
	}
	return nil
}

// leastBits is what OpenSSL's level 2 asks of keys and digests: RSA of 2048
// bits, curves of 224, SHA-224.
const leastBits = 112

// strength judges keys, and the digests of signatures, as OpenSSL's level 2
// does: 112 bits. The signature of a root is worth nothing and not judged.
func strength(p path) *Fault {
	for i, l := range p.links {
		if l.Key.Bits > 0 && l.Key.Bits < leastBits {
			return &Fault{Weak, fmt.Sprintf("the key of %s is too short: %s, which OpenSSL at level 2 refuses", l.Name(), l.Key.Kind), "it needs RSA with 2048 bits or more, or a curve such as P-256"}
		}
		s := l.Algorithm.Scheme()
		if s.Bits > 0 && s.Bits < leastBits && (i < len(p.links)-1 || !p.complete()) {
			digest, _, _ := strings.Cut(strings.TrimPrefix(strings.TrimPrefix(s.Name, "ECDSA-"), "DSA-"), "-")
			return &Fault{Weak, fmt.Sprintf("the certificate of %s is signed with %s, which OpenSSL at level 2 refuses", l.Name(), digest), "it has to be issued anew with SHA-256"}
		}
	}
	return nil
}

func strengthDetail(p path) string {
	var kinds []string
	for _, l := range p.links {
		addOnce(&kinds, l.Key.Kind)
	}
	return strings.Join(kinds, ", ") + ": good for OpenSSL's level 2"
}

// name judges whether the certificate is for the host.
func (j *judge) name(leaf *link) (*Fault, string) {
	host := j.session.Target.ServerName
	ok, byCommonName := leaf.matches(host)
	if !ok {
		return &Fault{WrongName, fmt.Sprintf("the certificate is not for %s but for %s", host, leaf.hosts()),
			"connect by a name that the certificate has, or have one issued for this name; --servername tries another"}, ""
	}
	if byCommonName {
		j.caveat("the certificate has its host only as common name, which OpenSSL, curl, Java and Node take, and Go, Python's requests, Deno and Erlang do not")
	}
	return nil, "the certificate is for " + leaf.hosts()
}
