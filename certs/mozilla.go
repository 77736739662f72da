package certs

import (
	"crypto/sha256"
	"iter"

	"golang.org/x/crypto/x509roots/fallback/bundle"
)

// MozillaDate is the day of the set of Mozilla roots in this program.
const MozillaDate = "2026-10-30"

// MozillaRoots returns the Mozilla roots in golang.org/x/crypto/x509roots, and
// how many were left out because they are trusted with a constraint, for older
// certificates only say, which a file of certificates cannot express.
func MozillaRoots() (roots *Set, constrained int) {
	roots = &Set{}
	all := 0
	for range bundle.Roots() {
		all++
	}
	for _, der := range MozillaDER() {
		all--
		if c, err := ParseCertificate(der); err == nil {
			roots.Add(c, "")
		}
	}
	return roots, all
}

// MozillaDER yields the roots of [MozillaRoots] without parsing them, for those
// who look for a few.
func MozillaDER() iter.Seq2[Fingerprint, []byte] {
	return func(yield func(Fingerprint, []byte) bool) {
		for root := range bundle.Roots() {
			if root.Constraint == nil && !yield(sha256.Sum256(root.Certificate), root.Certificate) {
				return
			}
		}
	}
}
