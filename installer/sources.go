package installer

import (
	"slices"

	"github.com/certgraft/certgraft/certs"
)

// sameName is all sources of one public name, which the record cannot tell apart:
// two files of the same base name, or two URLs that differ in the query.
type sameName struct {
	name    string
	sources []Source
}

// byName returns the sources by their public names, in the order of the first
// of each.
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

// all returns everything that the source holds.
func (s Source) all() *certs.Set {
	if s.Held != nil {
		return s.Held
	}
	return s.Certs
}

// setDigest is of all that the sources hold together.
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

// stoodIn reports whether one of the sources was not read itself.
func (g sameName) stoodIn() bool {
	return slices.ContainsFunc(g.sources, func(s Source) bool { return s.StoodIn })
}

// lost reports whether a recorded certificate is from the sources and none of
// them has it any more, as far as that is known.
func (g sameName) lost(c recordedCert) bool {
	f, err := certs.ParseFingerprint(c.Fingerprint)
	return err == nil && !g.stoodIn() && slices.Contains(c.Sources, g.name) &&
		!slices.ContainsFunc(g.sources, func(s Source) bool { return s.all().Has(f) || s.Certs.Has(f) })
}

// note enters the sources into the record and returns what is wanted, each
// certificate once.
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

// nameGone names what was installed from a source that the source no longer
// has. It stays: something may still need it.
func (e *edit) nameGone(g sameName) {
	for _, c := range e.record.Certificates {
		if g.lost(c) {
			e.tell("%s was installed from %s before and stays, though %s no longer has it; --sync takes it out", c.Subject, g.name, g.name)
		}
	}
}

// sync takes out what was installed from sources before and they no longer
// have.
func (e *edit) sync(groups []sameName) error {
	for _, g := range groups {
		if g.stoodIn() {
			e.warn("not synced: %s was not reached, so nothing that was installed from it was taken out; run it again when it can be", g.name)
		}
		for i := range e.record.Certificates {
			if c := &e.record.Certificates[i]; g.lost(*c) {
				c.Sources = slices.DeleteFunc(c.Sources, func(n string) bool { return n == g.name })
			}
		}
	}
	return e.takeOut()
}
