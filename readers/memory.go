package readers

import (
	"github.com/certgraft/certgraft/certs"
)

// memory caches facts about certificates that do not depend on the reader: their
// fields, and which key signed which certificate. Twenty readers judge the same
// chain.
type memory struct {
	links  map[certs.Fingerprint]*link
	signed map[[2]certs.Fingerprint]error
}

func newMemory() *memory {
	return &memory{links: map[certs.Fingerprint]*link{}, signed: map[[2]certs.Fingerprint]error{}}
}

func (m *memory) link(c *certs.Certificate) *link {
	l := m.links[c.Fingerprint()]
	if l == nil {
		l = newLink(c)
		m.links[c.Fingerprint()] = l
	}
	return l
}

// signedBy returns why the key of parent has not signed l, or nil if it has.
func (m *memory) signedBy(l, parent *link) error {
	pair := [2]certs.Fingerprint{l.Fingerprint(), parent.Fingerprint()}
	err, known := m.signed[pair]
	if !known {
		err = l.CheckSignature(&parent.Link)
		m.signed[pair] = err
	}
	return err
}
