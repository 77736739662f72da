package readers

import (
	"slices"
	"strings"
	"time"

	"github.com/certgraft/certgraft/certs"
)

// Case is a server for the readers to judge.
type Case struct {
	Sent []*certs.Certificate // the server's own certificate first
	Host string
	At   time.Time
	With *certs.Set // counts as installed; nil for none
	Each bool       // readers that read no file by themselves load With too

	Bundle []string // the files with the root, one of which a cure can name
}

// Decision is the decision of a reader on a case.
type Decision struct {
	Verdict
	Trust  *certs.Set // the loaded certificates that a path could need; their sources are the places of the reader
	Damage []Damage   // why the reader does not load more
	Blind  bool       // none of the reader's places exists, so its store is unknown
}

// Decide says whether the reader accepts a server with the certificates that it
// loads. It reads only the files that the case needs; [Instance.Load] returns all.
func (i Instance) Decide(c Case) Decision {
	if c.With == nil || !c.Each && !i.reads() {
		c.With = &certs.Set{}
	}
	g := &gathering{Instance: i, sent: c.Sent, with: c.With, blind: true}
	decide := func() Verdict { return i.judge(i.files.memory, c.Sent, g.trust(), c.Host, c.At) }
	for _, p := range i.row.places(i.at) {
		if p.read.each != nil && i.rules.find == byAll && g.addRead(p) && decide().Trusted {
			break // further certificates cannot make the reader refuse
		}
		if !g.add(p) {
			break
		}
	}
	v := decide()
	if given := i.given(); given != "" && !g.blind && v.Cure != "" && (v.Cause == Untrusted || v.Cause == SelfSigned) {
		v.Cure = "the root is missing in " + given
	}
	if len(c.Bundle) > 0 {
		v.Cure = strings.Replace(v.Cure, aFile, c.Bundle[0], 1)
	}
	return Decision{Verdict: v, Trust: g.trust(), Damage: g.damage, Blind: g.blind && c.With.Len() == 0}
}

// reads reports whether the reader reads any place if nobody names one to it. To
// libpq, for example, an installed CA means nothing without sslrootcert.
func (i Instance) reads() bool {
	return slices.ContainsFunc(i.row.places(i.at), func(p place) bool {
		named := func(v *Variable) bool { return i.at.environ[v.Name] != "" }
		return p.own || len(p.paths) > 0 || slices.ContainsFunc(p.variables, named)
	})
}

// Warm reads the files that [Instance.Decide] will need, but no directories.
func (i Instance) Warm() {
	for _, p := range i.row.places(i.at) {
		switch {
		case p.own:
			i.files.mozilla()
		case p.read.hash == nil && p.read.each == nil:
			for _, name := range i.names(p) {
				i.files.shelf(p.read, name).named(subject{})
			}
		}
	}
}

// gathering is the certificates that a reader loads from its places for a case.
type gathering struct {
	Instance
	sent []*certs.Certificate
	with *certs.Set

	stocks []stock
	damage []Damage
	blind  bool
	lost   bool
}

// stock returns certificates by the name of their subject.
type stock func(subject) []entry

// add reads a place. It returns false if the reader cannot start without the
// place.
func (g *gathering) add(p place) bool {
	if p.own {
		g.blind = false
		g.stocks = append(g.stocks, g.files.mozilla().named)
		return true
	}
	before := len(g.damage)
	g.damage = append(g.damage, g.missing(p)...)
	for _, name := range g.names(p) {
		g.blind = false
		if p.read.hash != nil {
			g.stocks = append(g.stocks, g.links(p.read, name))
			continue
		}
		s := g.files.shelf(p.read, name)
		g.damage = append(g.damage, s.damage...)
		g.stocks = append(g.stocks, s.passing(p.read))
	}
	g.lost = p.must && len(g.damage) > before
	g.blind = g.blind && !g.lost
	return !g.lost
}

// addRead takes the files of a directory that were already read. It returns false
// if the reader has no certificates yet.
func (g *gathering) addRead(p place) bool {
	for _, name := range g.names(p) {
		g.blind = false
		for _, s := range g.files.alreadyRead(p.read, name) {
			g.stocks = append(g.stocks, s.passing(p.read))
		}
	}
	return len(g.stocks) > 0
}

// passing returns the certificates of a shelf that a format accepts.
func (s *shelf) passing(as format) stock {
	if as.passes == nil {
		return s.named
	}
	return func(name subject) (all []entry) {
		for _, e := range s.named(name) {
			if as.passes(e.cert) {
				all = append(all, e)
			}
		}
		return all
	}
}

// links reads the certificates of one name from a directory.
func (g *gathering) links(as format, dir string) stock {
	return func(name subject) []entry {
		l := &loading{files: g.files, shelf: &shelf{}}
		as.hash(l, dir, name)
		for _, d := range l.damage {
			if !slices.Contains(g.damage, d) {
				g.damage = append(g.damage, d)
			}
		}
		return l.held
	}
}

// trust returns the certificates that a path could need. Their names are those of
// the sent certificates, of the issuers of these, and of the issuers of each
// certificate found so.
func (g *gathering) trust() *certs.Set {
	held, seen := &certs.Set{}, map[subject]bool{}
	var names []subject
	want := func(name subject) {
		if !seen[name] {
			seen[name] = true
			names = append(names, name)
		}
	}
	for _, c := range g.sent[:min(len(g.sent), mostSent)] {
		want(subject{c.SubjectHash(), c.SubjectHashOld()})
		want(issuerOf(c))
	}
	for n := 0; n < len(names) && !g.lost; n++ {
		for _, take := range g.stocks {
			for _, e := range take(names[n]) {
				if held.Add(e.cert, e.path) {
					want(issuerOf(e.cert))
				}
			}
		}
	}
	for c := range g.with.All() {
		for _, source := range g.with.Sources(c.Fingerprint()) {
			held.Add(c, source)
		}
	}
	return held
}

func issuerOf(c *certs.Certificate) subject {
	hash, old := c.IssuerHashes()
	return subject{hash, old}
}
