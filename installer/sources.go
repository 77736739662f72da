package installer

import (
	"slices"

	"github.com/certgraft/certgraft/certs"
)

// Source is what is to be installed from one place.
type Source struct {
	Name      string // public name, as recorded
	Anchor    string // what anchor files are named after
	SetDigest string // of all certificates that it holds
	Certs     *certs.Set
	Held      *certs.Set // all that it holds, those too that are not to be installed; nil is Certs
	StoodIn   bool       // a cache or a snapshot stood in for it: what it lost since is not known
}

// all returns everything that the source holds.
func (s Source) all() *certs.Set {
	if s.Held != nil {
		return s.Held
	}
	return s.Certs
}

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
