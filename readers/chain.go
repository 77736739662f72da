package readers

import (
	"errors"
	"slices"
	"time"

	"github.com/certgraft/certgraft/certs"
	"github.com/certgraft/certgraft/internal/signed"
)

// chain is a path from the server, leaf first. Anchored, its last certificate is in the store.
type chain struct {
	links    []*link
	anchored bool
	forged   *link // that the key of no issuer of its name has signed; nil for none
}

func (p chain) leaf() *link { return p.links[0] }
func (p chain) top() *link  { return p.links[len(p.links)-1] }

// Bounds of the search. Real chains have three or four members, and servers that
// send hundreds of certificates mean no good.
const (
	longestPath = 12
	mostPaths   = 64
	mostSent    = 100
)

// builder finds paths from what a server sent to a store.
type builder struct {
	rules *rules
	at    time.Time
	sent  []*link
	trust *certs.Set
	found []chain

	memory *memory
}

func newBuilder(r *rules, m *memory, sent []*certs.Certificate, trust *certs.Set, at time.Time) *builder {
	b := &builder{rules: r, at: at, trust: trust, memory: m}
	for _, c := range sent[:min(len(sent), mostSent)] {
		b.sent = append(b.sent, m.link(c))
	}
	return b
}

// stored returns the certificates of the store that have the name of the issuer of l.
func (b *builder) stored(l *link) (all []*link) {
	hash, _ := l.IssuerHashes()
	for c := range b.trust.All() {
		if c.SubjectHash() != hash || !l.NamesIssuer(c) || b.rules.goParser && c.X509() == nil {
			continue
		}
		all = append(all, b.memory.link(c))
	}
	return all
}

// held reports whether a certificate is in the store.
func (b *builder) held(l *link) bool { return b.trust.Has(l.Fingerprint()) }

// paths returns those that the reader looks at, in its order; at least one.
func (b *builder) paths() []chain {
	start := chain{links: b.sent[:1:1]}
	switch b.rules.find {
	case byAll:
		b.grow(start)
		return b.found
	case bySent:
		return b.bySent(start)
	}
	return []chain{b.byName(start)}
}

// ends reports whether the reader may end a path at its last certificate.
func (b *builder) ends(p chain) bool {
	if !b.held(p.top()) {
		return false
	}
	if p.top().SelfSigned() {
		return true
	}
	if len(p.links) == 1 {
		return b.rules.leafAnchor
	}
	return b.rules.partial
}

// byName makes one path: at each step an issuer of the store where there is one,
// else one that was sent; signatures are for later. It is what X509_verify_cert of
// OpenSSL does since 1.1.0, with certificates of the store first.
func (b *builder) byName(p chain) chain {
	for len(p.links) < longestPath && !p.top().SelfSigned() {
		next := b.issuer(b.stored(p.top()), p)
		if next == nil && !b.held(p.top()) {
			next = b.issuer(b.sent[1:], p)
		}
		if next == nil {
			break
		}
		p.links = append(slices.Clip(p.links), next)
	}
	p.anchored = b.ends(p)
	return p
}

// issuer returns who may have issued the last certificate of p, going by names and
// key identifiers: the first that is valid at the moment, else the one that was longest.
func (b *builder) issuer(from []*link, p chain) *link {
	var best *link
	for _, l := range from {
		switch {
		case !p.top().NamesIssuer(l.Certificate) || p.top().OtherKeyID(&l.Link) || p.holds(l):
		case b.current(l):
			return l
		case best == nil || l.NotAfter().After(best.NotAfter()):
			best = l
		}
	}
	return best
}

func (b *builder) current(l *link) bool {
	return !b.at.Before(l.NotBefore()) && !b.at.After(l.NotAfter())
}

func (p chain) holds(l *link) bool {
	return slices.ContainsFunc(p.links, func(other *link) bool { return other.Fingerprint() == l.Fingerprint() })
}

// bySent follows what was sent, in whatever order, before it looks into the store.
// Where the root of that has expired, it takes a path through another.
func (b *builder) bySent(p chain) []chain {
	for len(p.links) < longestPath && !p.top().SelfSigned() {
		next := b.signer(b.sent[1:], p)
		if next == nil {
			next = b.signer(b.stored(p.top()), p)
		}
		if next == nil {
			break
		}
		p.links = append(slices.Clip(p.links), next)
	}
	var all []chain
	for n := len(p.links); n > 0; n-- { // the longest first
		part := chain{links: p.links[:n:n]}
		switch root := b.signer(b.stored(part.top()), part); {
		case b.held(part.top()) && part.top().SelfSigned():
			part.anchored = true
		case root != nil && root.SelfSigned():
			part = chain{links: append(part.links, root), anchored: true}
		default:
			continue
		}
		if all = append(all, part); b.current(part.top()) {
			break
		}
	}
	if len(all) == 0 {
		return []chain{p}
	}
	return all[len(all)-1:]
}

// signer returns who issued the last certificate of p, by its signature: one that is
// valid at the moment, where there is one.
func (b *builder) signer(from []*link, p chain) *link {
	var found *link
	for _, l := range from {
		if p.holds(l) || b.issued(p.top(), l) != nil {
			continue
		}
		if b.current(l) {
			return l
		}
		found = l
	}
	return found
}

// grow adds every issuer of the last certificate in turn, of the store first.
func (b *builder) grow(p chain) {
	if len(b.found) >= mostPaths {
		return
	}
	if b.ends(p) {
		b.found = append(b.found, chain{links: p.links, anchored: true})
		if p.top().SelfSigned() {
			return
		}
	}
	grown := false
	if len(p.links) < longestPath && !p.top().SelfSigned() {
		for _, from := range [][]*link{b.stored(p.top()), b.sent[1:]} {
			for _, l := range from {
				switch err := b.issued(p.top(), l); {
				case p.holds(l) || errors.Is(err, signed.ErrOtherName) || errors.Is(err, signed.ErrOtherKeyID):
				case errors.Is(err, signed.ErrNotSigned):
					p.forged = p.top()
				default:
					grown = true
					b.grow(chain{links: append(slices.Clip(p.links), l), forged: p.forged})
				}
			}
		}
	}
	if !grown && !b.ends(p) {
		b.found = append(b.found, p)
	}
}

// issued returns why l is not issued by parent, nil if it is.
func (b *builder) issued(l, parent *link) error {
	switch {
	case !l.NamesIssuer(parent.Certificate):
		return signed.ErrOtherName
	case !b.rules.keyIDsIgnored && l.OtherKeyID(&parent.Link):
		return signed.ErrOtherKeyID
	}
	return b.memory.signedBy(l, parent)
}
