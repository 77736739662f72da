// Package readers knows the programs and libraries that judge certificates: where
// to find them, which files they read, and how they judge.
//
// Start with [All], or with [Named] for one reader. [Reader.Judge] says whether a
// reader accepts a server's certificates. The rules are measured: e2e/readers runs
// the real programs against servers that each have one oddity. testdata/matrix.tsv
// holds the results, and a test compares every rule with every cell.
//
// The API may change before version 1.0.
package readers

import (
	"strings"
	"time"

	"github.com/certgraft/certgraft/certs"
)

// Reader is a program or library that judges certificates, in a release.
type Reader struct {
	ID      string // "python"
	Title   string // "Python's ssl"
	Release string // "3.13"; "" is the newest measured release

	rules *rules
}

// Name returns the title, and the release if it is known.
func (r Reader) Name() string {
	if r.Release == "" {
		return r.Title
	}
	return r.Title + " " + r.Release
}

// All returns all readers, in the order of the output.
func All() (all []Reader) {
	for n := range table {
		all = append(all, table[n].reader(""))
	}
	return all
}

// Named returns a reader in a release; "" means the newest. The name of a program,
// such as psql, stands for the id of its reader. ok is false for an unknown id.
func Named(id, release string) (r Reader, ok bool) {
	if row := named(id); row != nil {
		return row.reader(release), true
	}
	return Reader{}, false
}

// Judge says whether the reader accepts the certificates that a server sends, its
// own first, for a host. trust is the CAs that the reader loads. Judge checks
// every signature, except signatures of unknown kinds.
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

// Reads returns the variables that name files for the reader, with a + if they add
// to the others. paths are the lists of paths that it reads without variables: the
// first of each list that exists.
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
