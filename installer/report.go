package installer

import (
	"fmt"
	"strings"
)

// Report says what was done, or would be.
type Report struct {
	Detection *Detection
	Stores    []StoreReport
	Warnings  []string
	Notes     []string
	Stays     []Stay // of what was to be taken out
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
}

// String returns the advice on one line.
func (a Advice) String() string {
	where := a.Path
	if len(a.Others) > 0 {
		where += fmt.Sprintf(" and %d more", len(a.Others))
	}
	return a.Runtime + " (" + where + "): " + a.Do
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
