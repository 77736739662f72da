package keystore

import (
	"slices"

	"golang.org/x/crypto/cryptobyte"
)

// Piece is an entry that was cut out of a store: its bytes and its place.
type Piece struct {
	Entry `json:"-"`

	Part   int    `json:"part,omitempty"`   // index of its part in a PKCS#12 file
	At     int    `json:"at"`               // number of entries before it, keys included
	Behind string `json:"behind,omitempty"` // alias of the entry before it
	Raw    []byte `json:"raw"`
}

// place returns the index of the piece in a list of entries: after Behind, if
// the list has it, else At.
func (p Piece) place(aliases []string) int {
	if i := slices.Index(aliases, p.Behind); i >= 0 && p.At > 0 {
		return i + 1
	}
	return min(p.At, len(aliases))
}

func (s *jks) Cut(drop func(Entry) bool) ([]Piece, error) {
	var pieces []Piece
	before := ""
	for i, e := range s.entries {
		if e.trust && drop(e.Entry) {
			pieces = append(pieces, Piece{Entry: e.Entry, At: i, Behind: before, Raw: e.raw})
		}
		before = e.Alias
	}
	return pieces, s.Remove(drop)
}

func (s *jks) Restore(pieces []Piece) error {
	for _, p := range pieces {
		in := cryptobyte.String(p.Raw)
		e, ok := readJKSEntry(&in, s.version)
		if !ok || !in.Empty() {
			return ErrFormat
		}
		if s.taken(e.Alias) {
			continue // someone restored it already
		}
		var aliases []string
		for _, e := range s.entries {
			aliases = append(aliases, e.Alias)
		}
		s.entries = slices.Insert(s.entries, p.place(aliases), e)
	}
	return nil
}

func (s *pkcs12) Cut(drop func(Entry) bool) ([]Piece, error) {
	var pieces []Piece
	for part, safe := range s.safes {
		before := ""
		for i, b := range safe.bags {
			if b.trust && drop(b.Entry) {
				pieces = append(pieces, Piece{Entry: b.Entry, Part: part, At: i, Behind: before, Raw: b.raw})
			}
			before = b.Alias
		}
	}
	return pieces, s.Remove(drop)
}

func (s *pkcs12) Restore(pieces []Piece) error {
	for _, p := range pieces {
		in := cryptobyte.String(p.Raw)
		b, ok := readBag(&in)
		if !ok || !in.Empty() {
			return ErrFormat
		}
		if s.taken(b.Alias) {
			continue // someone restored it already
		}
		if p.Part >= len(s.safes) || s.safes[p.Part].opaque {
			s.safes = append(s.safes, safe{})
			p.Part = len(s.safes) - 1
		}
		to := &s.safes[p.Part]
		var aliases []string
		for _, b := range to.bags {
			aliases = append(aliases, b.Alias)
		}
		to.bags, to.changed = slices.Insert(to.bags, p.place(aliases), b), true
	}
	return nil
}
