package readers

import (
	"github.com/certgraft/certgraft/certs"
)

// memory is what is known of certificates whoever judges them: their fields, and who
// signed whom. Twenty readers look at the same chain.
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

// signedBy returns why the key of parent has not signed l, nil if it has.
func (m *memory) signedBy(l, parent *link) error {
	pair := [2]certs.Fingerprint{l.Fingerprint(), parent.Fingerprint()}
	err, known := m.signed[pair]
	if !known {
		err = l.CheckSignature(&parent.Link)
		m.signed[pair] = err
	}
	return err
}
