package certs

import "golang.org/x/crypto/x509roots/fallback/bundle"

// MozillaRoots returns the Mozilla roots in golang.org/x/crypto/x509roots, and
// how many were left out because they are trusted with a constraint, for older
// certificates only say, which a file of certificates cannot express.
func MozillaRoots() (roots *Set, constrained int) {
	roots = &Set{}
	for root := range bundle.Roots() {
		if root.Constraint != nil {
			constrained++
			continue
		}
		if c, err := ParseCertificate(root.Certificate); err == nil {
			roots.Add(c, "")
		}
	}
	return roots, constrained
}
