package readers

import (
	"github.com/certgraft/certgraft/certs"
)

// Refuses returns the fault that a reader finds in a CA of its stores, and the
// cure. It judges only what depends on the CA alone, and not its dates. A reader
// that refuses the CA refuses every chain that ends at it. nil means no fault.
func (r Reader) Refuses(ca *certs.Certificate) (f *Fault, cure string) {
	if !ca.IsCA() {
		return nil, "" // the certificate of a server
	}
	l, j := newLink(ca), judgement{rules: r.rules, memory: newMemory()}
	below := &link{Link: l.Link, usage: -1, critical: map[string]bool{}} // any certificate that the CA issued
	issued, alone := chain{links: []*link{below, l}, anchored: true}, chain{links: []*link{l}, anchored: true}
	why := j.extensionsOf(issued, 1)
	switch {
	case j.goParser && ca.X509() == nil:
		why = faulty(Malformed, l, "the certificate of %s cannot be read: %s", ca.Name(), ca.Quirk())
	case why == nil:
		why = j.strictness(alone)
	}
	if why == nil {
		why = j.strength(alone)
	}
	if why == nil {
		return nil, ""
	}
	public := why.public()
	switch public.Cause {
	case Strict:
		cure = r.strictCure(public)
	case WeakKey:
		cure = "have it issued anew with a longer key"
	}
	return &public, cure
}
