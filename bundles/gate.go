package bundles

import (
	"strings"

	"github.com/certgraft/certgraft/certs"
	"github.com/certgraft/certgraft/internal/hint"
)

// The known certificates of a catalogue entry vouch for the content of its
// URLs. A publisher adds CAs and removes some, but does not exchange all of
// them at once.

// gate refuses a bundle of a catalogue id that has none of the known
// certificates. A bundle with a pin or a lock needs no such check.
func (l *loader) gate(b *Bundle, s *source) error {
	if s.provider == nil || s.pinSet != "" || s.pinBytes != "" || l.opt.Lock != nil {
		return nil
	}
	known := s.knows()
	if known == nil {
		return nil
	}
	for c := range b.Certs.All() {
		if known(c.Fingerprint()) {
			return nil
		}
	}
	return hint.Add(refusedf("%s holds none of the certificates that the catalogue knows of %s", b.Origin.words(), s.public()),
		"something on the way may have changed it: compare it with what the publisher says (certgraft list "+s.provider.ID+" names the page); to take it all the same, pin it: "+s.public()+"@set:"+b.Certs.Digest())
}

// knows returns a function that reports whether the catalogue knows a
// certificate of the source. It is nil if the catalogue knows none.
func (s *source) knows() func(certs.Fingerprint) bool {
	if s.provider.ID == mozillaID { // the catalogue does not list Mozilla's roots
		return func(f certs.Fingerprint) bool { return mozillaDER()[f] != nil }
	}
	known := map[certs.Fingerprint]bool{}
	for _, k := range s.provider.known(s.region) {
		known[k.fingerprint()] = true
	}
	if len(known) == 0 {
		return nil
	}
	return func(f certs.Fingerprint) bool { return known[f] }
}

// checkKnown refuses a source without known certificates under the policy
// known. Local files are always allowed: the user chose them.
func (opt Options) checkKnown(s *source) error {
	switch {
	case opt.Policy != OnlyKnown || s.path != "" || s.stdin || s.pinSet != "" || s.pinBytes != "":
		return nil
	case s.provider == nil:
		return hint.Add(usagef("%s: the policy known takes what the catalogue knows, and a URL is not in it", s.spec), "pin it with @set:HEX, or save it as a file and look at it")
	case s.knows() == nil:
		return hint.Add(usagef("%s: the catalogue knows no certificate of it, and the policy is known", s.spec), "pin it with @set:HEX, or leave --policy known out")
	}
	return nil
}

// onlyKnown removes unknown certificates under the policy known.
func (l *loader) onlyKnown(b *Bundle, s *source) {
	if l.opt.Policy != OnlyKnown || s.provider == nil || s.pinSet != "" || s.pinBytes != "" {
		return
	}
	known, kept := s.knows(), &certs.Set{}
	var left []string
	for c := range b.Certs.All() {
		if known(c.Fingerprint()) {
			kept.Add(c, b.Source)
		} else {
			left = append(left, c.Name())
		}
	}
	if b.Certs = kept; len(left) > 0 {
		b.New = nil
		b.warn("not known to the catalogue, left out: %s", strings.Join(left, "; "))
	}
}
