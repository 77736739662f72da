package installer

import (
	"fmt"
	"strings"

	"github.com/certgraft/certgraft/certs"
)

// Report says what was done, or would be.
type Report struct {
	Detection *Detection
	Stores    []StoreReport
	Warnings  []string
	Notes     []string
	Stays     []Stay         // of what was to be taken out
	Readers   []ReaderReport // that are in the root
	Taken     []Taken        // by [Distrust]
	Returned  []Taken        // by [TrustAgain]
	Missing   []Unwanted     // that the root does not have
	Advice    []Advice
	Instead   []Instead     // variables that name what must not be edited
	Sources   []string      // that something in the root is from
	Unset     []SetVariable // that the image's config has for what is not there any more

	java  bool        // the trust store of Debian's hook for Java was edited
	hooks bool        // the distribution's own tool would have run hooks
	links linkChanges // what it would have told them
}

// Stay is a certificate that was to be taken out and is still in the root.
type Stay struct {
	Fingerprint string `json:"fingerprint"`
	Subject     string `json:"subject"`
	Because     string `json:"because"` // what explains it
}

// Unwanted is a certificate, or a public key, that is not to be trusted.
type Unwanted struct {
	Certificate string             `json:"certificate,omitzero"` // SHA-256 of it, or "" for a key
	Key         string             `json:"key,omitzero"`         // SHA-256 of its SubjectPublicKeyInfo
	Name        string             `json:"name"`                 // what the report calls it
	Why         string             `json:"why,omitzero"`         // "" where nobody said
	Cert        *certs.Certificate `json:"-"`                    // where it is known
	Listed      bool               `json:"-"`                    // a list has it: that a root lacks it is no news
}

// Taken is a certificate that was taken out of a root.
type Taken struct {
	Fingerprint string   `json:"fingerprint"`
	Subject     string   `json:"subject"`
	Why         string   `json:"why,omitzero"`
	From        []string `json:"from"` // files, links left aside
}

// Instead is a variable that should name the bundle, where it names a file that
// another store reads.
type Instead struct {
	Name, Value string
	Warning     string // of what is so until then
}

// StoreReport says what became of one file, or one store of several.
type StoreReport struct {
	Name    string `json:"name"`
	Path    string `json:"path"`    // of the file that programs read
	Total   int    `json:"total"`   // certificates in it now
	Added   int    `json:"added"`   // by this run
	Present int    `json:"present"` // wanted, and there before
	Removed int    `json:"removed"` // by this run
}

// Advice is what someone has to do for a runtime that reads none of the stores.
type Advice struct {
	Runtime string `json:"runtime"`
	Path    string `json:"path"`
	Do      string `json:"do"`

	Others   []string `json:"others,omitzero"`   // paths of the same runtime
	Variable string   `json:"variable,omitzero"` // to set, to Value
	Value    string   `json:"value,omitzero"`
	Adds     bool     `json:"adds,omitzero"` // the variable adds to the roots of the runtime, and hides none

	id string // of the reader
}

// ReaderReport says what a reader in the root makes of what was installed.
type ReaderReport struct {
	ID     string   `json:"id"`   // as docs/readers.md has it
	Name   string   `json:"name"` // with its release, where that is known
	Path   string   `json:"path"`
	Others []string `json:"others,omitzero"` // paths of the same reader, of which the same is true
	Trusts bool     `json:"trusts"`          // all that was to be installed
	Why    string   `json:"why,omitzero"`    // it does not

	title, release string
}

// String names a reader and where it is.
func (r ReaderReport) String() string { return r.Name + " (" + places(r.Path, r.Others) + ")" }

// Trusting names those that trust what was installed, each once with its releases.
func Trusting(readers []ReaderReport) (names []string) {
	at := map[string]int{} // by title
	for _, s := range readers {
		if !s.Trusts {
			continue
		}
		i, known := at[s.title]
		switch {
		case !known:
			at[s.title] = len(names)
			names = append(names, s.Name)
		case s.release != "":
			names[i] += "/" + s.release
		}
	}
	return names
}

// String returns the advice on one line.
func (a Advice) String() string {
	return a.Runtime + " (" + places(a.Path, a.Others) + "): " + a.Do
}

// places names the first of several paths and counts the others.
func places(first string, others []string) string {
	if len(others) > 0 {
		first += fmt.Sprintf(" and %d more", len(others))
	}
	return first
}

// advise enters advice. Readers that need the same have one line.
func (r *Report) advise(a Advice) {
	for i, before := range r.Advice {
		if before.id == a.id && before.Do == a.Do {
			r.Advice[i].Others = append(r.Advice[i].Others, a.Path)
			return
		}
	}
	r.Advice = append(r.Advice, a)
}

// Obeyed notes that somebody did what was advised, so that the reader trusts now.
func (r *Report) Obeyed(a Advice) {
	for i, s := range r.Readers {
		if s.ID == a.id && s.Why == a.Do {
			r.Readers[i].Trusts, r.Readers[i].Why = true, ""
		}
	}
}

// ask enters what a reader makes of it.
func (r *Report) ask(s ReaderReport) {
	for i, before := range r.Readers {
		if before.ID == s.ID && before.Name == s.Name && before.Why == s.Why {
			r.Readers[i].Others = append(r.Readers[i].Others, s.Path)
			return
		}
	}
	r.Readers = append(r.Readers, s)
}

// add enters what became of a store. What was said of it before, when a sync
// took something out, is added up.
func (r *Report) add(s StoreReport) {
	for i, before := range r.Stores {
		if before.Path == s.Path {
			s.Name, s.Present = before.Name, max(s.Present, before.Present)
			s.Added += before.Added
			s.Removed += before.Removed
			r.Stores[i] = s
			return
		}
	}
	r.Stores = append(r.Stores, s)
}

// linkChanges are the links to anchors that came and went.
type linkChanges struct{ added, removed []string }

// lines are what a hook reads: +LINK for each that came, -LINK for each that
// went.
func (c linkChanges) lines() string {
	var out strings.Builder
	for _, name := range c.added {
		out.WriteString("+" + name + "\n")
	}
	for _, name := range c.removed {
		out.WriteString("-" + name + "\n")
	}
	return out.String()
}

// some names the first of names and counts the others.
func some(names []string) string {
	if len(names) == 1 {
		return names[0]
	}
	return fmt.Sprintf("%s and %d more", names[0], len(names)-1)
}
