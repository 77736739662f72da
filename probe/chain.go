package probe

import (
	"cmp"
	"errors"
	"slices"
	"time"

	"github.com/certgraft/certgraft/certs"
	"github.com/certgraft/certgraft/internal/signed"
)

// path is a chain, leaf first. The last is a root, or the place where the chain
// breaks off.
type path struct {
	links     []*link
	unchecked bool // a signature in it could not be checked
}

func (p path) leaf() *link    { return p.links[0] }
func (p path) top() *link     { return p.links[len(p.links)-1] }
func (p path) complete() bool { return p.top().SelfSigned() }

// Bounds of the search. Real chains have three or four members, and servers
// that send hundreds of certificates mean no good.
const (
	longestPath = 12
	mostPaths   = 64
)

// builder finds every way from a leaf to a root.
type builder struct {
	trust *certs.Set
	sent  []*certs.Certificate

	links    map[certs.Fingerprint]*link
	checked  map[[2]certs.Fingerprint]error
	found    []path
	rejected []*link // named as an issuer by somebody whom they did not sign
}

// build returns the best path from leaf.
func (b *builder) build(leaf *certs.Certificate, now time.Time) path {
	b.links = map[certs.Fingerprint]*link{}
	b.checked = map[[2]certs.Fingerprint]error{}
	b.grow(path{links: []*link{b.link(leaf)}})
	best := slices.MinFunc(b.found, func(x, y path) int { return cmp.Compare(b.faults(x, now), b.faults(y, now)) })
	return best
}

// faults weighs what is wrong with a path: what is trusted and valid comes
// first, the shorter of two before the longer.
func (b *builder) faults(p path, now time.Time) int {
	n := len(p.links)
	if !b.trust.Has(p.top().Fingerprint()) || !p.complete() {
		n += 8000
	}
	if slices.ContainsFunc(p.links, func(l *link) bool { return now.Before(l.NotBefore()) || now.After(l.NotAfter()) }) {
		n += 4000
	}
	if !p.complete() {
		n += 2000
	}
	if p.unchecked {
		n += 1000
	}
	return n
}

func (b *builder) link(c *certs.Certificate) *link {
	l := b.links[c.Fingerprint()]
	if l == nil {
		l = newLink(c)
		b.links[c.Fingerprint()] = l
	}
	return l
}

// grow adds every issuer of the last certificate in turn.
func (b *builder) grow(p path) {
	if len(b.found) == mostPaths {
		return
	}
	grown := false
	if !p.top().SelfSigned() && len(p.links) < longestPath {
		for _, parent := range b.issuers(p) {
			grown = true
			b.grow(parent)
		}
	}
	if !grown {
		b.found = append(b.found, p)
	}
}

// issuers returns p with each issuer of its last certificate, those that are
// trusted first.
func (b *builder) issuers(p path) []path {
	var longer []path
	try := func(c *certs.Certificate) {
		if !p.top().NamesIssuer(c) || slices.ContainsFunc(p.links, func(l *link) bool { return l.Fingerprint() == c.Fingerprint() }) {
			return
		}
		parent := b.link(c)
		err := b.issued(p.top(), parent)
		switch {
		case err == nil, errors.Is(err, signed.ErrUnchecked):
			longer = append(longer, path{append(slices.Clone(p.links), parent), p.unchecked || err != nil})
		case !slices.Contains(b.rejected, parent):
			b.rejected = append(b.rejected, parent)
		}
	}
	for c := range b.trust.All() {
		try(c)
	}
	for _, c := range b.sent {
		if !b.trust.Has(c.Fingerprint()) {
			try(c)
		}
	}
	return longer
}

// issued is [signed.Link.CheckIssuer], asked once of each pair.
func (b *builder) issued(child, parent *link) error {
	pair := [2]certs.Fingerprint{child.Fingerprint(), parent.Fingerprint()}
	err, known := b.checked[pair]
	if !known {
		err = child.CheckIssuer(&parent.Link)
		b.checked[pair] = err
	}
	return err
}
