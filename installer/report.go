package installer

import (
	"fmt"
	"strings"

	"github.com/certgraft/certgraft/certs"
)

// Report says what an edit changed, or would change.
type Report struct {
	Detection *Detection
	Stores    []StoreReport
	Warnings  []string
	Notes     []string
	Stays     []Stay         // certificates that could not be taken out
	Readers   []ReaderReport // in the root
	Taken     []Taken        // by [Distrust]
	Already   []Taken        // named for [Distrust], and out before it
	Returned  []Taken        // by [TrustAgain]
	Missing   []Unwanted     // not in the root
	Advice    []Advice
	Instead   []Instead     // variables that name files that must not be edited
	Sources   []string      // of certificates in the root
	Unset     []SetVariable // set in the image's config for certificates that are gone

	java  bool        // this edit changed the trust store of Debian's hook for Java
	hooks bool        // the distribution's own tool would have run hooks
	links linkChanges // the tool's input for the hooks
}

// Stay is a certificate that should have been taken out and is still in the root.
type Stay struct {
	Fingerprint string `json:"fingerprint"`
	Subject     string `json:"subject"`
	Because     string `json:"because"` // why it stays
}

// Unwanted is a certificate or a public key to distrust.
type Unwanted struct {
	Certificate string             `json:"certificate,omitzero"` // SHA-256 of the certificate, or "" for a key
	Key         string             `json:"key,omitzero"`         // SHA-256 of its SubjectPublicKeyInfo
	Name        string             `json:"name"`                 // the name in the report
	Why         string             `json:"why,omitzero"`         // "" if no reason was given
	Cert        *certs.Certificate `json:"-"`                    // nil if unknown
	Listed      bool               `json:"-"`                    // it comes from a list, so a root may lack it
}

// Taken is a certificate that was taken out of a root.
type Taken struct {
	Fingerprint string   `json:"fingerprint"`
	Subject     string   `json:"subject"`
	Why         string   `json:"why,omitzero"`
	From        []string `json:"from"` // files, without links

	cert *certs.Certificate // nil in Returned
}

// Instead is a variable that should name the bundle. It now names a file that must not
// be edited.
type Instead struct {
	Name, Value string
	Warning     string // holds until the variable is changed
}

// StoreReport says what an edit changed in one file, or in one of several stores.
type StoreReport struct {
	Name    string `json:"name"`
	Path    string `json:"path"`    // the file that programs read
	Total   int    `json:"total"`   // certificates in the file now
	Added   int    `json:"added"`   // by this run
	Present int    `json:"present"` // wanted certificates that the file had before
	Removed int    `json:"removed"` // by this run
}

// Advice is a task for the user, for a runtime that reads none of the stores.
type Advice struct {
	Runtime string `json:"runtime"`
	Path    string `json:"path"`
	Do      string `json:"do"`

	Others   []string `json:"others,omitzero"`   // paths of the same runtime
	Variable string   `json:"variable,omitzero"` // to set to Value
	Value    string   `json:"value,omitzero"`
	Adds     bool     `json:"adds,omitzero"` // the variable keeps the runtime's own roots

	id string // the reader's id
}

// ReaderReport says whether a reader in the root trusts the installed certificates.
type ReaderReport struct {
	ID     string   `json:"id"`   // as in docs/readers.md
	Name   string   `json:"name"` // with its release, if known
	Path   string   `json:"path"`
	Others []string `json:"others,omitzero"` // paths of the same reader with the same result
	Trusts bool     `json:"trusts"`          // all installed certificates
	Why    string   `json:"why,omitzero"`    // why it does not trust them

	title, release string
}

// String returns the name and the paths of a reader.
func (r ReaderReport) String() string { return r.Name + " (" + places(r.Path, r.Others) + ")" }

// Trusting returns the readers that trust the installed certificates, each once with
// its releases.
func Trusting(readers []ReaderReport) (names []string) {
	at := map[string]int{} // index in names, by title
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

// places returns the first path and the number of others.
func places(first string, others []string) string {
	if len(others) > 0 {
		first += fmt.Sprintf(" and %d more", len(others))
	}
	return first
}

// advise adds advice. Readers with the same advice share one entry.
func (r *Report) advise(a Advice) {
	for i, before := range r.Advice {
		if before.id == a.id && before.Do == a.Do {
			r.Advice[i].Others = append(r.Advice[i].Others, a.Path)
			return
		}
	}
	r.Advice = append(r.Advice, a)
}

// Obeyed records that the advice was followed, so that the reader now trusts the
// certificates.
func (r *Report) Obeyed(a Advice) {
	for i, s := range r.Readers {
		if s.ID == a.id && s.Why == a.Do {
			r.Readers[i].Trusts, r.Readers[i].Why = true, ""
		}
	}
}

// ask adds the report of a reader. Readers with the same result share one entry.
func (r *Report) ask(s ReaderReport) {
	for i, before := range r.Readers {
		if before.ID == s.ID && before.Name == s.Name && before.Why == s.Why {
			r.Readers[i].Others = append(r.Readers[i].Others, s.Path)
			return
		}
	}
	r.Readers = append(r.Readers, s)
}

// add adds the report of a store. It sums the counts with an earlier report of the same
// path, such as that of a sync.
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

// linkChanges are the links to anchors that were added and removed.
type linkChanges struct{ added, removed []string }

// lines returns the input of a hook: +LINK for each added link, -LINK for each removed
// one.
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

// some returns the first name and the number of others.
func some(names []string) string {
	if len(names) == 1 {
		return names[0]
	}
	return fmt.Sprintf("%s and %d more", names[0], len(names)-1)
}
