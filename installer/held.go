package installer

import "github.com/certgraft/certgraft/certs"

// Held returns the certificates that the stores of the root hold; the sources
// of each in the set are the paths of the stores that it is in.
func (i *Inspection) Held() *certs.Set {
	set := &certs.Set{}
	for _, s := range i.Stores {
		for c := range s.held.All() {
			set.Add(c, s.Path)
		}
	}
	return set
}
