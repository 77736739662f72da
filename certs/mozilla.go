package certs

import (
	"crypto/sha256"
	"iter"

	"golang.org/x/crypto/x509roots/fallback/bundle"
)

// MozillaDate is the date of the Mozilla roots in this program.
const MozillaDate = "2026-10-30"

// MozillaRoots returns the Mozilla roots in golang.org/x/crypto/x509roots.
// constrained counts the roots that are left out: they are trusted with a
// constraint, for example only for older certificates. A file of certificates
// cannot express that.
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

// MozillaDER yields the roots of [MozillaRoots] without parsing them, for
// callers who need a few.
func MozillaDER() iter.Seq2[Fingerprint, []byte] {
	return func(yield func(Fingerprint, []byte) bool) {
		for root := range bundle.Roots() {
			if root.Constraint == nil && !yield(sha256.Sum256(root.Certificate), root.Certificate) {
				return
			}
		}
	}
}
