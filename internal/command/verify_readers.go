package command

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/urfave/cli/v2"

	"github.com/certgraft/certgraft/internal/command/words"
	"github.com/certgraft/certgraft/internal/hint"
	"github.com/certgraft/certgraft/readers"
)

// allReaders asks every reader that is found.
const allReaders = "all"

func asFlag(to *cli.StringSlice) cli.Flag {
	return wordsFlag{&cli.StringSliceFlag{Name: "as", Category: targetFlags, Usage: "have the reader `ID` decide, ID/RELEASE for a release of it, all for every one that is found (default: openssl)", Destination: to}, append(readerIDs(), allReaders)}
}

// checkReaders refuses ids that no reader has.
func checkReaders(ids []string) error {
	for _, id := range ids {
		name, _, _ := strings.Cut(id, "/")
		if _, ok := readers.Named(name, ""); ok || id == allReaders {
			continue
		}
		advice := "they are " + strings.Join(readerIDs(), ", ") + " and all"
		if near := hint.Near(name, readerIDs()); len(near) > 0 {
			advice = "did you mean " + words.Or(near) + "?"
		}
		return hint.Add(usagef("--as: no reader has the id %q", name), advice)
	}
	return nil
}

func readerIDs() (ids []string) {
	for _, r := range readers.All() {
		ids = append(ids, r.ID)
	}
	return ids
}

// opinion is what a reader makes of a server.
type opinion struct {
	readers.Instance
	readers.Decision

	asked bool // its refusal makes the verdict
}

// jury is what the readers say that are asked, and the others that are found.
type jury struct {
	opinions []opinion
	first    int // whose opinion the verdict is

	excused []string // who is not asked, since what it reads is not known
}

// ask has the readers decide. Those of --as are asked, or the default reader; the others
// that are found are heard.
func (t *trust) ask(c readers.Case, as []string) jury {
	var j jury
	c.With = t.with
	if d := t.readers.Default().Decide(c); d.Trusted {
		c.Bundle = d.Trust.Sources(d.Chain[len(d.Chain)-1].Fingerprint())
	}
	add := func(asked bool, instances ...readers.Instance) {
		for _, i := range instances {
			if !slices.ContainsFunc(j.opinions, func(o opinion) bool { return o.ID == i.ID && o.Path == i.Path && o.Release == i.Release }) {
				j.opinions = append(j.opinions, opinion{i, t.cured(i, i.Decide(c), c), asked})
			}
		}
	}
	for _, id := range as {
		if id != allReaders {
			named, _ := t.readers.Named(id)
			add(true, named...)
			continue
		}
		add(true, t.readers.Found()...)
		j.excuse()
	}
	if len(j.opinions) == 0 {
		add(true, t.readers.Default())
	}
	if len(c.Sent) > 0 {
		add(false, t.readers.Found()...)
	}
	j.first = j.decisive()
	return j
}

// cured adds the command that puts the root into a runtime's own store, where the default
// reader has it.
func (t *trust) cured(i readers.Instance, d readers.Decision, c readers.Case) readers.Decision {
	lacks := d.Cause == readers.Untrusted || d.Cause == readers.SelfSigned
	if i.ID != "java" || !lacks || len(c.Bundle) == 0 || t.at == nil {
		return d
	}
	source := "./ROOT.pem"
	if name := t.readers.Alone(c.Bundle); name != "" && t.at.image == (imageName{}) {
		source = shellQuoted(strings.TrimSuffix(t.at.name, "/") + name)
	}
	d.Cure = t.install + " --stores java " + source
	return d
}

// excuse does not count, of all readers, those that cannot tell: psql reads no store that
// nobody names.
func (j *jury) excuse() {
	if !slices.ContainsFunc(j.opinions, func(o opinion) bool { return !o.Blind }) {
		return
	}
	for n := range j.opinions {
		if j.opinions[n].Blind {
			j.opinions[n].asked = false
			j.excused = append(j.excused, j.opinions[n].name())
		}
	}
}

// decisive returns whose opinion the verdict is: the first of those asked that refuses,
// else the first that cannot tell, else the first.
func (j jury) decisive() int {
	blind := 0
	for n, o := range j.opinions {
		switch {
		case !o.asked:
		case !o.Blind && !o.Trusted:
			return n
		case o.Blind && !j.opinions[blind].Blind:
			blind = n
		}
	}
	return blind
}

// asked names those whose word counts.
func (j jury) asked() (names []string) {
	for _, o := range j.opinions {
		if o.asked {
			names = append(names, o.name())
		}
	}
	return names
}

// unread says what the reader that refuses does not read of its places, where that is
// no damage in a line.
func (j jury) unread() (lines []string) {
	o := j.verdict()
	if o.Cause != readers.Untrusted && o.Cause != readers.SelfSigned {
		return nil
	}
	for _, d := range o.Damage {
		if d.All && d.Line == 0 {
			lines = append(lines, fmt.Sprintf("%s reads nothing of %s: %s", o.name(), d.Path, d.Why))
		}
	}
	return lines[:min(len(lines), 5)]
}

// verdict is the opinion that decides.
func (j jury) verdict() opinion { return j.opinions[j.first] }

// others says in lines what the other readers decide that decide otherwise.
func (j jury) others() (lines []string) {
	decided := j.verdict()
	var differ []opinion
	for n, o := range j.opinions {
		if n != j.first && !o.Blind && (o.Trusted != decided.Trusted || o.asked && !o.Trusted) {
			differ = append(differ, o)
		}
	}
	for why, whose := range words.Group(differ, func(o opinion) (why, name string) { return o.why(), o.name() }) {
		only := ""
		if len(differ) == 1 {
			only = "only "
		}
		lines = append(lines, sentence(only, words.Some(whose, 5), len(whose) == 1, why))
	}
	if len(j.excused) > 0 {
		lines = append(lines, words.Some(j.excused, 5)+": not asked, since none of its stores exists")
	}
	return lines
}

// sentence says of readers that they trust or refuse; why begins with "+" if they
// trust.
func sentence(only, whose string, one bool, why string) string {
	how, trusts := strings.CutPrefix(why, "+")
	switch {
	case trusts && one:
		return only + whose + " trusts it: " + how
	case trusts:
		return whose + " trust it: " + how
	case one:
		return whose + " refuses: " + how
	}
	return whose + " refuse: " + how
}

// why is where the reader that trusts has the root from; the damage that keeps it from
// loading, where that may be the reason; else what it says of the chain, with what cures it.
func (o opinion) why() string {
	if o.Trusted {
		return "+" + o.from()
	}
	if d := o.harm(); d != nil && (o.Cause == readers.Untrusted || o.Cause == readers.SelfSigned) {
		return fmt.Sprintf("it reads nothing of %s: line %d: %s", d.Path, d.Line, d.Why)
	}
	if o.Cure != "" {
		return o.Text + "; " + o.Cure
	}
	return o.Text
}

// harm is a damage over which the reader loses a file.
func (o opinion) harm() *readers.Damage {
	for _, d := range o.Damage {
		if d.All && d.Line > 0 {
			return &d
		}
	}
	return nil
}

func (o opinion) from() string {
	top := o.Chain[len(o.Chain)-1]
	from := o.Trust.Sources(top.Fingerprint())
	if len(from) == 0 {
		return "its rules allow it"
	}
	if from[0] == readers.BuiltIn {
		return "it has the root built in"
	}
	return "it reads " + from[0]
}

func (o opinion) name() string {
	name := o.Title
	if o.Release != "" {
		name += " " + o.Release
	}
	if o.Path != "" {
		name += " (" + o.Path + ")"
	}
	return name
}

// only names the variables whose files make a server trusted that no reader trusts which was
// found: what reads them is known by the variable alone.
func (t *trust) only(c readers.Case, j jury) (lines []string) {
	if j.verdict().Cause != readers.Untrusted && j.verdict().Cause != readers.SelfSigned || t.at == nil {
		return nil
	}
	files := readers.NamedFiles(t.at.options.Environ)
	for _, variable := range slices.Sorted(maps.Keys(files)) {
		file := files[variable]
		d := t.readers.File(file).Decide(c)
		if d.Trusted && !j.reads(d) {
			lines = append(lines, fmt.Sprintf("only programs that read %s trust it: %s has %s", variable, file, d.Chain[len(d.Chain)-1].Name()))
		}
	}
	return lines
}

// reads reports whether a reader that trusts has the root from the same file.
func (j jury) reads(d readers.Decision) bool {
	top := d.Chain[len(d.Chain)-1].Fingerprint()
	return slices.ContainsFunc(j.opinions, func(o opinion) bool {
		return o.Trusted && slices.ContainsFunc(o.Trust.Sources(top), func(s string) bool { return slices.Contains(d.Trust.Sources(top), s) })
	})
}

// readerResult is the JSON of what a reader decides.
type readerResult struct {
	ID      string         `json:"id"`
	Title   string         `json:"title"`
	Release string         `json:"release,omitzero"`
	Path    string         `json:"path,omitzero"`
	Asked   bool           `json:"asked"`   // its word makes the verdict
	Verdict string         `json:"verdict"` // trusted, not trusted or undecided
	Cause   readers.Cause  `json:"cause,omitzero"`
	Text    string         `json:"text,omitzero"`
	Cure    string         `json:"cure,omitzero"`
	Damage  []damageResult `json:"damage,omitzero"`
}

type damageResult struct {
	Path string `json:"path"`
	Line int    `json:"line,omitzero"`
	Why  string `json:"why"`
	All  bool   `json:"all"` // nothing of the file is read
}

func (j jury) result() (all []readerResult) {
	for _, o := range j.opinions {
		r := readerResult{ID: o.ID, Title: o.Title, Release: o.Release, Path: o.Path, Asked: o.asked, Verdict: "not trusted", Cause: o.Cause, Text: o.Text, Cure: o.Cure}
		switch {
		case o.Blind:
			r.Verdict, r.Cause, r.Text, r.Cure = "undecided", "", "none of its places exists", ""
		case o.Trusted:
			r.Verdict = "trusted"
		}
		for _, d := range o.Damage {
			r.Damage = append(r.Damage, damageResult(d))
		}
		all = append(all, r)
	}
	return all
}

// whom says in words who trusts, where it is not the default reader.
func (t *trust) whom(o opinion) string {
	if len(t.as) == 0 || t.root == "" {
		return t.whose
	}
	return o.name() + " of " + t.whose
}

// noStore says why a reader has nothing to judge by, "" if it has.
func (t *trust) noStore(o opinion) string {
	switch {
	case !o.Blind:
		return ""
	case len(t.as) == 0:
		return t.whose + " has neither OpenSSL nor a bundle of CAs"
	}
	return o.name() + " finds none of its stores in " + t.whose
}

// setting says what makes a reader read a store that it does not find by itself, "" if it
// finds one or needs none.
func (o opinion) setting() string {
	if !o.Blind || o.Cause != readers.Untrusted && o.Cause != readers.SelfSigned {
		return ""
	}
	return o.Cure
}

// repairing is a command that installs what the root has already: any install repairs the
// files that it edits.
func (t *trust) repairing(o opinion) string {
	source := "./ROOT.pem"
	if o.harm() != nil && t.at != nil && t.at.image == (imageName{}) {
		if name := o.Anchor(); name != "" {
			source = shellQuoted(strings.TrimSuffix(t.at.name, "/") + name)
		}
	}
	return t.install + " " + source
}
