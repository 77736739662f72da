package readers

import (
	"time"

	"github.com/certgraft/certgraft/certs"
)

// JudgeAnchor says whether the reader would accept what a certificate of its stores has
// issued, as far as that depends on the certificate alone. Whatever a server sends,
// a reader that refuses the end of the chain refuses the whole. Dates are not looked at,
// nor is a server's own certificate judged, which is no CA's.
func (r Reader) JudgeAnchor(c *certs.Certificate) Verdict {
	if !c.IsCA() {
		return Verdict{Trusted: true}
	}
	l, j := newLink(c), judgement{r.rules, "", time.Time{}}
	if j.goParser && c.X509() == nil {
		return faulty(Malformed, l, "it cannot be read: %s", c.Quirk()).verdict()
	}
	below := &link{Link: l.Link, usage: -1, critical: map[string]bool{}} // any certificate that it issued
	issued := chain{links: []*link{below, l}, anchored: true}
	if f := j.extensionsOf(issued, 1); f != nil {
		return f.verdict()
	}
	alone := chain{links: []*link{l}, anchored: true}
	if f := j.strictness(alone); f != nil {
		return f.verdict()
	}
	return j.strength(alone).verdict()
}
