package readers

import (
	"github.com/certgraft/certgraft/certs"
)

// Refuses returns what a reader has against a CA in its stores, as far as that depends on
// the CA alone; nil is nothing. Whatever a server sends, a reader that refuses the end of
// the chain refuses the whole. Dates are not looked at.
func (r Reader) Refuses(ca *certs.Certificate) *Fault {
	if !ca.IsCA() {
		return nil // a server's own certificate
	}
	l, j := newLink(ca), judgement{rules: r.rules, memory: newMemory()}
	below := &link{Link: l.Link, usage: -1, critical: map[string]bool{}} // any certificate that it issued
	issued, alone := chain{links: []*link{below, l}, anchored: true}, chain{links: []*link{l}, anchored: true}
	f := j.extensionsOf(issued, 1)
	switch {
	case j.goParser && ca.X509() == nil:
		f = faulty(Malformed, l, "the certificate of %s cannot be read: %s", ca.Name(), ca.Quirk())
	case f == nil:
		f = j.strictness(alone)
	}
	if f == nil {
		f = j.strength(alone)
	}
	if f == nil {
		return nil
	}
	public := f.public()
	return &public
}
