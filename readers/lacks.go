package readers

import (
	"slices"

	"github.com/certgraft/certgraft/certs"
)

// Lacks returns those of the certificates that the reader does not load, and what keeps
// it from loading. Where none of its places exists, what it reads is not known. It
// reads no more than it needs for that.
func (i Instance) Lacks(want []*certs.Certificate) (missing []*certs.Certificate, damage []Damage, known bool) {
	g := &gathering{Instance: i, blind: true}
	for _, p := range i.row.places(i.at) {
		if !g.add(p) {
			return want, g.damage, true
		}
	}
	for _, c := range want {
		if !g.holds(c) {
			missing = append(missing, c)
		}
	}
	return missing, g.damage, !g.blind || i.Reader.Remedy().Variable != ""
}

// holds reports whether a certificate is in one of the places.
func (g *gathering) holds(c *certs.Certificate) bool {
	name := subject{c.SubjectHash(), c.SubjectHashOld()}
	return slices.ContainsFunc(g.stocks, func(take stock) bool {
		return slices.ContainsFunc(take(name), func(e entry) bool { return e.cert.Fingerprint() == c.Fingerprint() })
	})
}
