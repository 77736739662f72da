package installer

import (
	"slices"

	"github.com/certgraft/certgraft/certs"
)

// Source is the certificates to install from one place.
type Source struct {
	Name      string // public name, as in the record
	Anchor    string // the stem of the names of anchor files
	SetDigest string // digest of all certificates in the source
	Certs     *certs.Set
	Held      *certs.Set // all certificates in the source, also those not to install; nil is Certs
	StoodIn   bool       // a cache or a snapshot replaced the source: its removals since are unknown
}

// all returns all certificates in the source.
func (s Source) all() *certs.Set {
	if s.Held != nil {
		return s.Held
	}
	return s.Certs
}

// sameName is all sources with one public name, which the record cannot tell apart.
// Examples are two files with the same base name, or two URLs with different queries.
type sameName struct {
	name    string
	sources []Source
}

// byName groups the sources by public name, in the order of the first source of each
// name.
func byName(sources []Source) []sameName {
	var groups []sameName
	for _, s := range sources {
		i := slices.IndexFunc(groups, func(g sameName) bool { return g.name == s.Name })
		if i < 0 {
			groups = append(groups, sameName{name: s.Name})
			i = len(groups) - 1
		}
		groups[i].sources = append(groups[i].sources, s)
	}
	return groups
}

// setDigest returns the digest of all certificates in the sources.
func (g sameName) setDigest() string {
	if len(g.sources) == 1 {
		return g.sources[0].SetDigest
	}
	union := &certs.Set{}
	for _, s := range g.sources {
		for c := range s.all().All() {
			union.Add(c, g.name)
		}
	}
	return union.Digest()
}

// stoodIn reports whether a cache or a snapshot replaced one of the sources.
func (g sameName) stoodIn() bool {
	return slices.ContainsFunc(g.sources, func(s Source) bool { return s.StoodIn })
}

// lost reports whether a recorded certificate came from the sources and is in none of
// them now. It returns false if a source was replaced.
func (g sameName) lost(c recordedCert) bool {
	f, err := certs.ParseFingerprint(c.Fingerprint)
	return err == nil && !g.stoodIn() && slices.Contains(c.Sources, g.name) &&
		!slices.ContainsFunc(g.sources, func(s Source) bool { return s.all().Has(f) || s.Certs.Has(f) })
}

// note records the sources and returns each wanted certificate once.
func (e *edit) note(sources []Source) []wanted {
	var want []wanted
	seen := map[certs.Fingerprint]bool{}
	for _, s := range sources {
		for c := range s.Certs.All() {
			e.record.note(c, s.Name)
			e.reader.Know(c)
			if !seen[c.Fingerprint()] {
				seen[c.Fingerprint()] = true
				want = append(want, wanted{c, s.Anchor})
			}
		}
	}
	for _, g := range byName(sources) {
		e.record.setSource(g.name, g.setDigest())
		if !e.opt.Sync {
			e.nameGone(g)
		}
	}
	return want
}

// nameGone names installed certificates that their source no longer has. They stay,
// since something may still need them.
func (e *edit) nameGone(g sameName) {
	for _, c := range e.record.Certificates {
		if g.lost(c) {
			e.tell("%s was installed from %s before and stays, though %s no longer has it; --sync takes it out", c.Subject, g.name, g.name)
		}
	}
}
