package installer

import (
	"iter"

	"github.com/certgraft/certgraft/certs"
)

// Held returns the certificates that the stores of the root hold; the sources
// of each in the set are the paths of the stores that it is in.
func (i *Inspection) Held() *certs.Set {
	set := &certs.Set{}
	for _, s := range i.Stores {
		for c := range s.All() {
			set.Add(c, s.Path)
		}
	}
	return set
}

// All yields the certificates that the store holds, each once, in the order of
// the store.
func (s StoreState) All() iter.Seq[*certs.Certificate] { return s.held.All() }

// Recorded is a certificate that certgraft installed, by its record. A store
// need not hold it any more.
type Recorded struct {
	Fingerprint string // as [certs.Fingerprint.String] writes it
	Subject     string
	Sources     []string // names, as in [Installed]
}

// Recorded returns the certificates that certgraft installed.
func (i *Inspection) Recorded() []Recorded {
	var out []Recorded
	for _, c := range i.record.Certificates {
		out = append(out, Recorded{Fingerprint: c.Fingerprint, Subject: c.Subject, Sources: c.Sources})
	}
	return out
}
