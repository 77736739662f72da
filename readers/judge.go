package readers

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/certgraft/certgraft/certs"
	"github.com/certgraft/certgraft/internal/signed"
)

// judge says whether a reader with these rules accepts a chain. sent is in the
// order of the server: its own certificate first.
func (r *rules) judge(m *memory, sent []*certs.Certificate, trust *certs.Set, host string, at time.Time) Verdict {
	if len(sent) == 0 {
		return Verdict{Fault: Fault{Cause: Untrusted, Text: "the server sends no certificate"}}
	}
	b := newBuilder(r, m, sent, trust, at)
	j := judgement{r, m, host, at}
	if f := j.unreadable(b.sent); f != nil {
		return j.verdict(chain{links: b.sent[:1]}, f)
	}
	var first *fault
	var best chain
	for _, p := range b.paths() {
		f := j.path(p)
		if f == nil {
			f = j.stray(b, p)
		}
		if f == nil {
			return j.verdict(p, nil)
		}
		if first == nil || first.cause == Untrusted {
			first, best = f, p
		}
	}
	return j.verdict(best, first)
}

// judgement is one judgement in progress.
type judgement struct {
	*rules

	memory *memory
	host   string
	at     time.Time
}

// path returns the first fault of a path, or nil. The checks are in an order that
// puts first the fault that most readers report.
func (j judgement) path(p chain) *fault {
	for _, check := range j.checks() {
		if f := check(p); f != nil {
			return f
		}
	}
	return nil
}

func (j judgement) checks() []func(chain) *fault {
	return []func(chain) *fault{
		j.versions, j.selfSigned, j.complete, j.extensions, j.strictness, j.strength, j.nameAsked, j.signatures, j.dates, j.limited,
	}
}

// verdict is the verdict on a path; a nil fault means accepted. It adds the
// further faults of the path, one of each check.
func (j judgement) verdict(p chain, first *fault) Verdict {
	v := Verdict{Trusted: first == nil, Anchored: p.anchored, Forged: p.forged != nil}
	for i, l := range p.links {
		v.Chain = append(v.Chain, l.Certificate)
		if i+1 < len(p.links) && errors.Is(j.memory.signedBy(l, p.links[i+1]), signed.ErrUnchecked) {
			v.Unchecked = l.Certificate
		}
	}
	if first == nil {
		return v
	}
	v.Fault = first.public()
	for _, check := range j.checks() {
		if f := check(p); f != nil && f.cause != first.cause {
			v.Also = append(v.Also, f.public())
		}
	}
	return v
}

// unlooked returns the aspects that the reader does not check in the certificate
// at index i of a path.
func (j judgement) unlooked(p chain, i int) aspect {
	switch {
	case i == len(p.links)-1 && p.anchored && i > 0:
		return j.anchor
	case i == 0:
		return j.leaf
	}
	return j.middle
}

// unreadable finds a certificate that the reader needs and cannot read. Only the
// server's certificate has been measured.
func (j judgement) unreadable(sent []*link) *fault {
	leaf := sent[0]
	switch {
	case j.goParser && leaf.X509() == nil:
		return faulty(Malformed, leaf, "the certificate of %s cannot be read: %s", leaf.Name(), leaf.Quirk())
	case j.pathLengthNoCA && leaf.basic != nil && !leaf.basic.ca && leaf.basic.pathLength >= 0:
		return faulty(Malformed, leaf, "the certificate of %s is no CA's and has a path length", leaf.Name())
	case j.namelessMalformed && leaf.EmptySubject() && !leaf.critical[oidAlternatives]:
		return faulty(Malformed, leaf, "the server's certificate has no subject, and its alternative names are not critical")
	}
	return nil
}

// stray finds a sent root that is neither known nor part of the path.
func (j judgement) stray(b *builder, p chain) *fault {
	if !j.strayRefused {
		return nil
	}
	for _, l := range b.sent[1:] {
		if l.SelfSigned() && !b.held(l) && !p.holds(l) {
			return faulty(Untrusted, l, "the server sends %s, which is not part of its chain", l.Name())
		}
	}
	return nil
}

func (j judgement) versions(p chain) *fault {
	for i, l := range p.links {
		if j.newOnly && l.Version() < 3 && (i < len(p.links)-1 || !p.anchored || i == 0) {
			return faulty(Version, l, "the certificate of %s is of X.509 version %d", l.Name(), l.Version())
		}
	}
	return nil
}

// selfSigned judges a server that is its own CA.
func (j judgement) selfSigned(p chain) *fault {
	leaf := p.leaf()
	switch {
	case j.selfSignedRefused && leaf.SelfIssued():
		return faulty(SelfSigned, leaf, "the server's certificate names itself as its issuer")
	case len(p.links) == 1 && leaf.SelfSigned() && !p.anchored:
		return faulty(SelfSigned, leaf, "the server's certificate is signed by itself and is not in the store")
	case j.leafNoAnchorCA && len(p.links) == 1 && p.anchored && leaf.basic != nil && !leaf.basic.ca:
		return faulty(Authority, leaf, "the server's certificate is in the store as a CA, and it is not a CA")
	case j.leafNoCA && leaf.basic != nil && leaf.basic.ca:
		return faulty(Authority, leaf, "the server's certificate is a CA's")
	}
	return nil
}

func (j judgement) complete(p chain) *fault {
	switch top := p.top(); {
	case p.anchored:
		return nil
	case p.forged != nil:
		return faulty(Signature, p.forged, "the signature of %s is not by the key of its issuer, %s", p.forged.Name(), p.forged.Issuer())
	case top.SelfSigned():
		return faulty(Untrusted, top, "the root %s is not in the store", top.Name())
	default:
		return faulty(Untrusted, top, "the issuer of %s, %s, is neither sent nor in the store", top.Name(), top.Issuer())
	}
}

// extensions judges whether the certificates of a path may be used so.
func (j judgement) extensions(p chain) *fault {
	for i := range p.links {
		if f := j.extensionsOf(p, i); f != nil {
			return f
		}
	}
	return nil
}

// extensionsOf judges whether one certificate of a path may be used so.
func (j judgement) extensionsOf(p chain, i int) *fault {
	l, skip := p.links[i], j.unlooked(p, i)
	for _, check := range []struct {
		of    aspect
		judge func() *fault
	}{
		{ofCritical, func() *fault { return j.critical(l) }},
		{ofCA, func() *fault { return j.authority(p, i) }},
		{ofSigning, func() *fault { return j.signing(p, i) }},
		{ofLength, func() *fault { return j.length(p, i) }},
		{ofPurpose, func() *fault { return j.purpose(l) }},
		{ofUsage, func() *fault { return j.use(l, i) }},
	} {
		if skip&check.of != 0 {
			continue
		}
		if f := check.judge(); f != nil {
			return f
		}
	}
	return nil
}

func (j judgement) critical(l *link) *fault {
	for oid, is := range l.critical {
		if is && (!known[oid] || !j.keyIDsCritical && (oid == oidAuthorityKeyID || oid == oidSubjectKeyID)) {
			return faulty(Critical, l, "the certificate of %s has a critical extension, %s, that is not known or must not be critical", l.Name(), oid)
		}
		if is && oid == oidLimits && l.limits.needsKnowing(j.constraints) {
			return faulty(Critical, l, "the certificate of %s has critical name constraints of a kind that is not known", l.Name())
		}
	}
	return nil
}

// authority judges whether the issuers in a path are CAs.
func (j judgement) authority(p chain, i int) *fault {
	l := p.links[i]
	switch {
	case i == 0:
		return nil
	case l.basic != nil && l.basic.ca:
		return nil
	case l.basic == nil && l.Version() == 1 && (j.oldIntermediates || l.SelfIssued() && !j.strict):
		return nil
	case l.basic == nil && l.Version() == 3 && l.SelfIssued() && !j.constraintsNeeded && !j.strict:
		return nil
	}
	return faulty(Authority, l, "%s issued the certificate of %s and is no CA", l.Name(), p.links[i-1].Name())
}

func (j judgement) signing(p chain, i int) *fault {
	if l := p.links[i]; i > 0 && l.usage >= 0 && l.usage&keyCertSign == 0 {
		return faulty(Authority, l, "%s issued the certificate of %s, and its key usage does not allow that", l.Name(), p.links[i-1].Name())
	}
	return nil
}

func (j judgement) length(p chain, i int) *fault {
	l := p.links[i]
	if i == 0 || l.basic == nil || l.basic.pathLength < 0 {
		return nil
	}
	between := 0
	for _, below := range p.links[1:i] {
		if !below.SelfIssued() {
			between++
		}
	}
	if between > l.basic.pathLength {
		return faulty(PathLength, l, "%s allows %s below it, and there are %d", l.Name(), intermediates(l.basic.pathLength), between)
	}
	return nil
}

func intermediates(n int) string {
	if n == 1 {
		return "1 intermediate"
	}
	return fmt.Sprintf("%d intermediates", n)
}

// Purposes of extended key usage that allow a server.
const (
	serverAuth = "1.3.6.1.5.5.7.3.1"
	anyPurpose = "2.5.29.37.0"
)

func (j judgement) purpose(l *link) *fault {
	if l.purposes == nil || slices.Contains(l.purposes, serverAuth) || j.anyPurpose && slices.Contains(l.purposes, anyPurpose) {
		return nil
	}
	return faulty(Purpose, l, "the certificate of %s is not for servers: its extended key usage has no serverAuth", l.Name())
}

// Bits of keyUsage (RFC 5280, section 4.2.1.3).
const (
	digitalSignature = 1 << 0
	keyEncipherment  = 1 << 2
	keyAgreement     = 1 << 4
	keyCertSign      = 1 << 5
)

func (j judgement) use(l *link, i int) *fault {
	if i > 0 || l.usage < 0 || l.usage == 0 && j.emptyUsage || l.usage&(digitalSignature|keyEncipherment|keyAgreement) != 0 {
		return nil
	}
	return faulty(Purpose, l, "the key usage of the server's certificate allows no key exchange")
}

// strictness makes the checks of X509_V_FLAG_X509_STRICT.
func (j judgement) strictness(p chain) *fault {
	if !j.strict {
		return nil
	}
	for i, l := range p.links {
		isCA := l.basic != nil && l.basic.ca
		why := ""
		switch {
		case l.EmptySubject() && !l.alternatives:
			why = "has no subject"
		case l.EmptySubject() && !l.critical[oidAlternatives]:
			why = "has no subject, and its alternative names are not critical"
		case l.basic != nil && !isCA && l.basic.pathLength >= 0:
			why = "is no CA's and has a path length"
		case isCA && !l.critical[oidBasicConstraints]:
			why = "has basic constraints that are not critical"
		case isCA && !l.has(oidUsage):
			why = "is a CA's without key usage"
		case isCA && !l.has(oidSubjectKeyID):
			why = "is a CA's without a subject key identifier"
		case !l.has(oidAuthorityKeyID) && l.Version() == 3 && (i < len(p.links)-1 || !l.SelfIssued()):
			why = "has no authority key identifier"
		}
		if why != "" {
			return faulty(Strict, l, "the certificate of %s %s", l.Name(), why)
		}
	}
	return nil
}

// strength judges the keys, and the digests of signatures. It skips the signature
// of the certificate in the store, which proves nothing.
func (j judgement) strength(p chain) *fault {
	for i, l := range p.links {
		if l.Key.Bits > 0 && l.Key.Bits < j.leastBits {
			return faulty(WeakKey, l, "the key of %s is too short: %s", l.Name(), l.Key.Kind)
		}
		if i == len(p.links)-1 {
			return nil
		}
		scheme := l.Algorithm.Scheme().Name
		if strings.Contains(scheme, "MD5") || slices.ContainsFunc(j.refused, func(part string) bool { return strings.Contains(scheme, part) }) {
			return faulty(WeakDigest, l, "the certificate of %s is signed with %s", l.Name(), scheme)
		}
	}
	return nil
}

func (j judgement) nameAsked(p chain) *fault {
	if !j.names.match(p.leaf(), j.host) {
		return faulty(WrongName, p.leaf(), "the certificate is not for %s", j.host)
	}
	return nil
}

func (j judgement) signatures(p chain) *fault {
	for i, l := range p.links[:len(p.links)-1] {
		if err := j.memory.signedBy(l, p.links[i+1]); errors.Is(err, signed.ErrNotSigned) {
			return faulty(Signature, l, "the signature of %s is not by the key of %s", l.Name(), p.links[i+1].Name())
		}
	}
	return nil
}

func (j judgement) dates(p chain) *fault {
	for i, l := range p.links {
		switch {
		case j.unlooked(p, i)&ofDates != 0:
		case j.at.After(l.NotAfter()):
			return faulty(Expired, l, "the certificate of %s expired on %s", l.Name(), l.NotAfter().Format(time.DateOnly))
		case j.at.Before(l.NotBefore()):
			return faulty(NotYetValid, l, "the certificate of %s is not valid before %s", l.Name(), l.NotBefore().Format(time.DateOnly))
		}
	}
	return nil
}

// limited judges the name constraints of the CAs in a path.
func (j judgement) limited(p chain) *fault {
	for i, l := range p.links[1:] {
		if l.limits == nil || j.unlooked(p, i+1)&ofLimits != 0 {
			continue
		}
		if !j.constraints.permit(l.limits, p.leaf()) {
			return faulty(Constraints, l, "%s may not issue for the names of the server's certificate", l.Name())
		}
	}
	return nil
}
