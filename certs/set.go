package certs

import (
	"crypto/sha256"
	"encoding/hex"
	"iter"
	"maps"
	"slices"
)

// Set holds certificates in the order of their arrival, each once, with its
// sources. The zero value is an empty set.
type Set struct {
	order   []*Certificate
	members map[Fingerprint]*member
}

type member struct {
	cert    *Certificate
	sources []string
}

// Add adds c from source, which may be "". It reports whether c is new. If the
// set has c, Add adds only the source.
func (s *Set) Add(c *Certificate, source string) bool {
	m, there := s.members[c.Fingerprint()]
	if !there {
		if s.members == nil {
			s.members = map[Fingerprint]*member{}
		}
		m = &member{cert: c}
		s.members[c.Fingerprint()] = m
		s.order = append(s.order, c)
	}
	if source != "" && !slices.Contains(m.sources, source) {
		m.sources = append(m.sources, source)
	}
	return !there
}

// Has reports whether the set holds the certificate with fingerprint f.
func (s *Set) Has(f Fingerprint) bool { return s.members[f] != nil }

// Get returns the certificate with fingerprint f, or nil.
func (s *Set) Get(f Fingerprint) *Certificate {
	if m := s.members[f]; m != nil {
		return m.cert
	}
	return nil
}

// All yields the certificates in order.
func (s *Set) All() iter.Seq[*Certificate] { return slices.Values(s.order) }

// Len returns the number of certificates.
func (s *Set) Len() int { return len(s.order) }

// Sources returns the sources of the certificate with fingerprint f, in the
// order of their addition.
func (s *Set) Sources(f Fingerprint) []string {
	if m := s.members[f]; m != nil {
		return slices.Clone(m.sources)
	}
	return nil
}

// Digest returns the [SetDigest] of the certificates.
func (s *Set) Digest() string { return SetDigest(maps.Keys(s.members)) }

// AppendPEM appends all certificates as PEM, see [Certificate.AppendPEM].
func (s *Set) AppendPEM(dst []byte) []byte {
	for _, c := range s.order {
		dst = c.AppendPEM(dst)
	}
	return dst
}

// SetDigest returns the digest of a set of certificates: the SHA-256, in
// hexadecimal, of their distinct fingerprints in lower-case hexadecimal, sorted,
// each followed by a line feed. Order, duplicates, comments and line ends of a file
// do not change it. sha256sum gives the same:
//
//	sort -u fingerprints.txt | sha256sum
func SetDigest(fingerprints iter.Seq[Fingerprint]) string {
	sorted := slices.Compact(slices.SortedFunc(fingerprints, func(a, b Fingerprint) int { return slices.Compare(a[:], b[:]) }))
	h := sha256.New()
	for _, f := range sorted {
		h.Write([]byte(f.String() + "\n"))
	}
	return hex.EncodeToString(h.Sum(nil))
}
