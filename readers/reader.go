// Package readers knows the programs and libraries that decide about certificates:
// where each is found, what it reads, and how it judges.
//
// Start with [All], or with [Named] for one. [Reader.Judge] says whether a reader
// accepts what a server sends. The rules are measured: e2e/readers runs the real
// programs against servers that are odd in one thing, testdata/matrix.tsv is what they
// did, and a test holds every rule against every cell of it.
//
// The API may change before version 1.0.
package readers

import (
	"strings"
	"time"

	"github.com/certgraft/certgraft/certs"
)

// Reader is a program or a library that decides about certificates, in a release.
type Reader struct {
	ID      string // "python"
	Title   string // "Python's ssl"
	Release string // "3.13"; "" is the newest that was measured

	rules *rules
}

// Name returns the title and the release, where it is known.
func (r Reader) Name() string {
	if r.Release == "" {
		return r.Title
	}
	return r.Title + " " + r.Release
}

// All returns the readers that are known, in the order in which they are named.
func All() (all []Reader) {
	for n := range table {
		all = append(all, table[n].reader(""))
	}
	return all
}

// Named returns a reader in a release, "" for the newest; ok is false if the id is
// not known.
func Named(id, release string) (r Reader, ok bool) {
	if row := named(id); row != nil {
		return row.reader(release), true
	}
	return Reader{}, false
}

// Judge says whether the reader accepts what a server sends, its own certificate
// first, as that of a host, where it trusts those in trust. Every signature is checked, but
// for those of kinds that are not known here.
func (r Reader) Judge(sent []*certs.Certificate, trust *certs.Set, host string, at time.Time) Verdict {
	return r.judge(newMemory(), sent, trust, host, at)
}

func (r Reader) judge(m *memory, sent []*certs.Certificate, trust *certs.Set, host string, at time.Time) Verdict {
	v := r.rules.judge(m, sent, trust, host, at)
	if v.Trusted {
		return v
	}
	try := func(other Reader) Verdict { return other.rules.judge(m, sent, trust, host, at) }
	v.Cure = r.cure(v.Fault, v, try)
	for n, f := range v.Also {
		v.Also[n].Cure = r.cure(f, v, try)
	}
	return v
}

// Reads returns the variables that name what the reader reads, with a + where they add
// to the rest, and the paths that it reads without them, the first that exists of each list.
func (r Reader) Reads() (variables, paths []string) {
	row := named(r.ID)
	if row == nil {
		row = unmeasured(r.ID)
	}
	for _, p := range row.places(where{path: "…/…"}) {
		for _, v := range p.variables {
			name := v.Name
			if v.Adds {
				name += "+"
			}
			variables = append(variables, name)
		}
		if len(p.paths) > 0 {
			paths = append(paths, "/"+strings.Join(p.paths, " or /"))
		}
	}
	return variables, paths
}

func (r *row) reader(release string) Reader { return Reader{r.id, r.title, release, r.at(release)} }
