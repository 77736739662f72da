package installer

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/certgraft/certgraft/certs"
	"github.com/certgraft/certgraft/readers"
)

// advise names readers, browsers and hooks that do not know the installed certificates.
func (e *edit) advise(want []wanted) {
	e.adviseRuntimes(want)
	e.adviseBrowsers(want)
	e.tellHooks()
}

// adviseRuntimes asks each reader in the root whether it trusts the installed
// certificates, and advises on those that do not.
func (e *edit) adviseRuntimes(want []wanted) {
	if len(want) == 0 {
		return
	}
	var cas []*certs.Certificate
	for _, w := range want {
		cas = append(cas, w.Certificate)
	}
	for _, i := range e.search().Readers() {
		missing, damage, known := i.Lacks(cas)
		if !known {
			continue
		}
		state := ReaderReport{ID: i.ID, Name: i.Name(), Path: i.Path, title: i.Title, release: i.Release}
		switch {
		case len(missing) > 0:
			a := e.advice(i, missing, damage)
			state.Why = a.Do
			e.report.advise(a)
		case i.Measured():
			state.Why = refusal(i.Reader, cas)
		}
		state.Trusts = state.Why == ""
		e.report.ask(state)
	}
	e.warnRefusals()
}

// search returns the search for readers, and files of languages, in the root. Its
// results are kept for all callers.
func (e *edit) search() *readers.Search {
	if e.looked == nil {
		e.looked = readers.NewSearch(e.root.Aside(), e.opt.Environ, e.reader)
	}
	return e.looked
}

// refusal returns which of the CAs a reader has and still refuses, and what to do about
// the first one. It returns "" if the reader refuses none.
func refusal(r readers.Reader, cas []*certs.Certificate) string {
	text, todo, more := "", "", 0
	for _, c := range cas {
		switch f, cure := r.Refuses(c); {
		case f == nil:
		case text == "":
			text, todo = f.Text, cure
		default:
			more++
		}
	}
	if more > 0 {
		text += fmt.Sprintf(", and %d more are refused too", more)
	}
	if todo != "" {
		text += "; " + todo
	}
	return text
}

// warnRefusals warns of readers that refuse certificates that they have. Readers with
// the same reason share one warning.
func (e *edit) warnRefusals() {
	var said []string
	for _, r := range e.report.Readers {
		if r.Trusts || slices.Contains(said, r.Why) || slices.ContainsFunc(e.report.Advice, func(a Advice) bool { return a.Path == r.Path || a.Do == r.Why }) {
			continue
		}
		said = append(said, r.Why)
		var names []string
		for _, other := range e.report.Readers {
			if other.Why == r.Why {
				names = append(names, other.String())
			}
		}
		verb := "refuses"
		if len(names) > 1 {
			verb = "refuse"
		}
		e.warn("%s %s an installed CA: %s", strings.Join(names, ", "), verb, r.Why)
	}
}

// advice returns how to make a reader trust the certificates that it lacks.
func (e *edit) advice(i readers.Instance, missing []*certs.Certificate, damage []readers.Damage) Advice {
	cure, bundle := i.Remedy(), e.bundleName()
	a := Advice{Runtime: i.Title, Path: i.Path, id: i.ID}
	switch {
	case i.ID == "java":
		a.Path = cmp.Or(strings.Join(i.Stores(), ""), i.Path)
		a.Do = "this trust store was left as it is: " + e.again() + " --stores java SOURCE… edits it"
		if len(damage) > 0 {
			a.Do = harmed(damage[0])
		}
	case cure.Variable == nil || bundle == "":
		a.Do = fmt.Sprintf("it does not load %s", missing[0].Subject())
		if len(damage) > 0 {
			a.Do = harmed(damage[0])
		}
	default:
		a.Variable, a.Value, a.Adds = cure.Variable.Name, bundle, cure.Variable.Adds
		a.Do = e.variableAdvice(cure, bundle)
	}
	return a
}

// variableAdvice returns the variable to set, or another cure.
func (e *edit) variableAdvice(cure readers.Remedy, bundle string) string {
	if cure.Instead != "" {
		return strings.ReplaceAll(cure.Instead, "{bundle}", bundle)
	}
	do := "set " + cure.Variable.Name + "=" + bundle + cure.More
	if cure.Store != "" {
		do += fmt.Sprintf(", or edit its file, until the package is upgraded, with %s --stores auto,%s", e.again(), cure.Store)
	}
	if !cure.Variable.Adds && !isPublic(e.bundleHolds(bundle)) {
		do += "; the variable replaces its own roots, and this bundle does not hold the public CAs: add them with " + e.again() + " --with-mozilla, or add the CAs of a file that the program must trust"
	}
	return do
}

// harmed returns the place and the reason of damage that keeps a reader from loading a
// file.
func harmed(d readers.Damage) string {
	at := d.Path
	if d.Line > 0 {
		at += fmt.Sprintf(", line %d", d.Line)
	}
	return "it cannot read " + at + ": " + d.Why
}

// useful returns the variables that readers in the root need.
func (e *edit) useful() (needed []*readers.Variable) {
	for _, i := range e.search().Readers() {
		if v := i.Reader.Remedy().Variable; v != nil && !slices.Contains(needed, v) && !i.ReadsSystem() {
			needed = append(needed, v)
		}
	}
	return needed
}
