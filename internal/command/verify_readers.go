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

// allReaders asks every reader of the root.
const allReaders = "all"

func asFlag(to *cli.StringSlice) cli.Flag {
	return wordsFlag{&cli.StringSliceFlag{Name: "as", Category: targetFlags, Usage: "have the reader `ID` decide, ID/RELEASE for a release of it, all for every one that is found (default: openssl)", Destination: to}, append(readerIDs(), allReaders)}
}

// checkReaders refuses unknown ids of readers.
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

// opinion is the decision of one reader on a server.
type opinion struct {
	readers.Instance
	readers.Decision

	asked bool // its refusal decides the verdict
}

// jury is the opinions of the asked readers, and of the others in the root.
type jury struct {
	opinions []opinion
	first    int // the opinion that is the verdict

	excused []string // readers that were not asked, because none of their stores exists
}

// ask lets the readers decide. The asked readers are those of --as, or the default
// reader. The other readers of the root only give their opinion.
func (t *trust) ask(c readers.Case, as []string) jury {
	var j jury
	c.With, c.Each = t.with, t.root == ""
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

// cured sets the cure of a Java runtime that lacks a root which the default reader
// has: the command that puts the root into the runtime's own store.
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

// excuse drops the readers without an opinion if all readers are asked. psql is
// one: it reads no store unless somebody names one.
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

// decisive returns the opinion that is the verdict: the first asked reader that
// refuses, else the first asked reader without an opinion, else the first reader.
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

// asked names the asked readers, and sslrootcert of the address for libpq.
func (j jury) asked(rootCert string) (names []string) {
	for _, o := range j.opinions {
		switch {
		case !o.asked:
		case o.ID == "libpq" && rootCert != "":
			names = append(names, o.name()+" with sslrootcert="+rootCert)
		default:
			names = append(names, o.name())
		}
	}
	return names
}

// unread names the files that the refusing reader ignores as a whole, without a
// damaged line.
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

// others writes lines about the readers that decide otherwise than the verdict.
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

// unnamed says of a reader without an opinion what makes it read a store, if the
// verdict is trust that this reader does not share.
func (j jury) unnamed(id string) (lines []string) {
	for _, o := range j.opinions {
		if o.ID == id && !o.asked && j.verdict().Trusted && o.setting() != "" {
			lines = append(lines, o.name()+": "+o.setting())
		}
	}
	return lines
}

// sentence says that readers trust or refuse. Why begins with "+" if they trust.
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

// why explains an opinion. For a reader that trusts it is the source of the root.
// For a reader that refuses it is a damage that may hide the root, else the
// reader's judgement of the chain and its cure.
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

// harm returns a damage for which the reader ignores a whole file.
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

// only names the variables whose files would make the server trusted, although no
// reader of the root trusts it. Programs may read such a file by the variable
// alone.
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

// reads reports whether a trusting reader has the root from the same file.
func (j jury) reads(d readers.Decision) bool {
	top := d.Chain[len(d.Chain)-1].Fingerprint()
	return slices.ContainsFunc(j.opinions, func(o opinion) bool {
		return o.Trusted && slices.ContainsFunc(o.Trust.Sources(top), func(s string) bool { return slices.Contains(d.Trust.Sources(top), s) })
	})
}

// readerResult is the JSON of a reader's decision.
type readerResult struct {
	ID      string         `json:"id"`
	Title   string         `json:"title"`
	Release string         `json:"release,omitzero"`
	Path    string         `json:"path,omitzero"`
	Asked   bool           `json:"asked"`   // its opinion decides the verdict
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
	All  bool   `json:"all"` // no certificate of the file is read
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

// whom names the one who trusts, with the reader if --as names it.
func (t *trust) whom(o opinion) string {
	if len(t.as) == 0 || t.root == "" {
		return t.whose
	}
	return o.name() + " of " + t.whose
}

// noStore says that a reader has no store to judge by, or returns "".
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

// repairing is a command that installs a CA which the root already has. Each
// install repairs the files that it edits.
func (t *trust) repairing(o opinion) string {
	source := "./ROOT.pem"
	if o.harm() != nil && t.at != nil && t.at.image == (imageName{}) {
		if name := o.Anchor(); name != "" {
			source = shellQuoted(strings.TrimSuffix(t.at.name, "/") + name)
		}
	}
	return t.install + " " + source
}
