package readers

import (
	"errors"
	"slices"
	"time"

	"github.com/certgraft/certgraft/certs"
	"github.com/certgraft/certgraft/internal/signed"
)

// chain is a path from the server, leaf first. If it is anchored, the reader may
// end it at its last certificate.
type chain struct {
	links    []*link
	anchored bool
	forged   *link // no issuer of that name has signed it; nil for none
}

func (p chain) leaf() *link { return p.links[0] }
func (p chain) top() *link  { return p.links[len(p.links)-1] }

// Limits of the search. Real chains have three or four members. A server that
// sends hundreds of certificates is hostile.
const (
	longestPath = 12
	mostPaths   = 64
	mostSent    = 100
)

// builder finds paths from the server's certificates to a store.
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

// stored returns the certificates of the store with the name of l's issuer.
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

// paths returns the paths that the reader tries, in its order, and at least one.
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

// byName makes one path. At each step it takes an issuer from the store if one
// exists, else from the sent certificates. It does not check signatures.
// X509_verify_cert of OpenSSL works like this since 1.1.0, with the store first.
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

// issuer returns a possible issuer of the last certificate of p, by name and key
// identifier. It prefers the first one that is valid now. If none is valid, it
// takes the one that was valid longest.
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

// bySent follows the sent certificates in any order, and then looks into the
// store. If the root of that path has expired, it tries a path to another root.
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
	for n := len(p.links); n > 0; n-- { // the longest path first
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

// signer returns a certificate whose key has signed the last certificate of p. It
// prefers one that is valid now.
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

// grow adds each issuer of the last certificate in turn. Issuers from the store
// come first.
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

// issued returns why parent has not issued l, or nil if it has.
func (b *builder) issued(l, parent *link) error {
	switch {
	case !l.NamesIssuer(parent.Certificate):
		return signed.ErrOtherName
	case !b.rules.keyIDsIgnored && l.OtherKeyID(&parent.Link):
		return signed.ErrOtherKeyID
	}
	return b.memory.signedBy(l, parent)
}
