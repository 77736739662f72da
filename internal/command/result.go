package command

import (
	"context"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/certgraft/certgraft/bundles"
	"github.com/certgraft/certgraft/installer"
	"github.com/certgraft/certgraft/internal/command/words"
	"github.com/certgraft/certgraft/rootfs"
)

// editResult is the JSON of certgraft install and remove; docs/json.md
// describes it for users.
type editResult struct {
	Schema       int                      `json:"schema"` // 1; grows when a field changes its meaning
	Root         string                   `json:"root"`
	Output       string                   `json:"output,omitzero"`
	DryRun       bool                     `json:"dryRun"`
	Changed      bool                     `json:"changed"`
	Distribution *installer.Detection     `json:"distribution"`
	Sources      []sourceResult           `json:"sources"`
	Stores       []installer.StoreReport  `json:"stores"`
	Stays        []installer.Stay         `json:"stays,omitzero"`
	Distrusted   []installer.Taken        `json:"distrusted,omitzero"`
	Already      []installer.Taken        `json:"already,omitzero"`
	Returned     []installer.Taken        `json:"returned,omitzero"`
	Missing      []installer.Unwanted     `json:"missing,omitzero"`
	Changes      []changeResult           `json:"changes"`
	Verdicts     []verdict                `json:"verdicts"`
	Warnings     []string                 `json:"warnings"`
	Notes        []string                 `json:"notes"`
	Readers      []installer.ReaderReport `json:"readers"`
	Advice       []installer.Advice       `json:"advice"`

	report  *installer.Report
	undo    bool // the command trusts distrusted CAs again
	verbose bool // the text of a dry run names each change
}

// changeResult is one written or removed name of the root.
type changeResult struct {
	Path   string `json:"path"`
	Action string `json:"action"` // create, replace or remove
	Type   string `json:"type"`   // file, link or directory
}

func newEditResult(o *targetOptions) *editResult {
	return &editResult{
		Schema: 1, Root: o.root, Output: o.output, DryRun: o.dryRun,
		Sources: []sourceResult{}, Stores: []installer.StoreReport{}, Changes: []changeResult{},
		Verdicts: []verdict{}, Warnings: []string{}, Notes: []string{}, Readers: []installer.ReaderReport{}, Advice: []installer.Advice{},
	}
}

// loaded takes over the content of the sources.
func (r *editResult) loaded(p *printer, all []*bundles.Bundle, verdicts []verdict) {
	for _, b := range all {
		s := sourceResult{Source: b.Source, Origin: string(b.Origin), URLs: b.URLs, SHA256: b.Digest, Set: b.Certs.Digest(), Certificates: b.Certs.Len(), Findings: findingsOf(b)}
		p.log().Debug("loaded", "source", s.Source, "origin", s.Origin, "certificates", s.Certificates, "set", s.Set)
		r.Sources = append(r.Sources, s)
		for _, w := range b.Warnings {
			r.Warnings = append(r.Warnings, b.Source+": "+w)
		}
	}
	r.Verdicts = append(r.Verdicts, verdicts...)
}

// remarks writes warnings about the sources.
func (r *editResult) remarks(p *printer) {
	for _, s := range r.Sources {
		p.warnFindings(s.Source, s.Findings)
	}
	p.warnVerdicts(r.Verdicts)
	for _, w := range r.Warnings {
		p.warn(w)
	}
	for _, n := range r.Notes {
		p.note(n)
	}
}

// withoutSources ends an install that has no source left.
func (r *editResult) withoutSources(p *printer) error {
	r.Notes = append(r.Notes, "no source exists: nothing is installed")
	r.remarks(p)
	if !p.json {
		return nil
	}
	return p.result(r, nil)
}

// finish runs the hooks of a live root and writes the report.
func (r *editResult) finish(ctx context.Context, p *printer, o *targetOptions, updated *rootfs.Result) error {
	r.edited(updated)
	r.verbose = p.verbose
	for _, c := range r.Changes {
		p.log().Debug(c.Action, "type", c.Type, "path", c.Path)
	}
	if r.Changed && o.live() && o.runHooks && !o.dryRun {
		r.Warnings = append(r.Warnings, installer.RunHooks(ctx, o.root, r.report)...)
	}
	r.remarks(p)
	if err := p.result(r, r.text); err != nil {
		return err
	}
	if !p.json && !p.quiet {
		for _, a := range r.Advice {
			p.line("advice", cyan, a.String())
		}
	}
	return nil
}

// edited takes over the report of the installer and the changes.
func (r *editResult) edited(updated *rootfs.Result) {
	r.Distribution = r.report.Detection
	r.Stores = append(r.Stores, r.report.Stores...)
	r.Stays = r.report.Stays
	r.Distrusted, r.Already, r.Returned, r.Missing = r.report.Taken, r.report.Already, r.report.Returned, r.report.Missing
	r.Warnings = append(r.Warnings, r.report.Warnings...)
	r.Warnings = append(r.Warnings, updated.Warnings...)
	r.Notes = append(r.Notes, r.report.Notes...)
	r.Readers = append(r.Readers, r.report.Readers...)
	r.Advice = append(r.Advice, r.report.Advice...)
	for _, name := range updated.InPlace {
		r.Notes = append(r.Notes, fmt.Sprintf("/%s is a mount point, or in one, and was written in place: if this process had been killed meanwhile the file could be incomplete", name))
	}
	for _, c := range updated.Changes {
		r.Changes = append(r.Changes, changeOf(c))
	}
	r.Changed = len(r.Changes) > 0
}

func changeOf(c rootfs.Change) changeResult {
	out := changeResult{Path: "/" + c.Name, Action: "create", Type: "file"}
	mode := c.Mode
	if c.Removed && c.Prior != nil {
		mode = c.Prior.Mode()
	}
	switch {
	case mode.IsDir():
		out.Type = "directory"
	case mode.Type() != 0:
		out.Type = "link"
	}
	switch {
	case c.Removed:
		out.Action = "remove"
	case c.Prior != nil:
		out.Action = "replace"
	}
	return out
}

// text writes the report: a line for each source, a line for each store, and a
// summary.
func (r *editResult) text(w io.Writer) {
	rows := sourceRows(r.Sources)
	if d := r.Distribution; d != nil {
		rows = append(rows, []string{"root", d.Family + " family", d.Rule})
	}
	table(w, append(rows, storeRows("", r.Stores)...))
	staysText(w, "", r.Stays)
	takenText(w, "", r.report)
	if r.DryRun {
		wouldText(w, "", r.Changes, r.verbose)
	}
	fmt.Fprintln(w, r.summary())
	trustedText(w, "", r.Readers)
}

// trustedText names the readers that now trust the CAs. Of is the beginning of the
// line: the image or platform.
func trustedText(w io.Writer, of string, all []installer.ReaderReport) {
	if names := installer.Trusting(all); len(names) > 0 {
		fmt.Fprintf(w, "%strusted by %s\n", of, strings.Join(names, ", "))
	}
}

// storeRows returns a row for each store, its name behind indent.
func storeRows(indent string, stores []installer.StoreReport) (rows [][]string) {
	for _, s := range stores {
		rows = append(rows, []string{indent + s.Name, counts(s), s.Path})
	}
	return rows
}

// staysText writes the stores that stay as they are, and why. Of is the beginning
// of the line.
func staysText(w io.Writer, of string, stays []installer.Stay) {
	const most = 10
	for _, s := range stays[:min(most, len(stays))] {
		fmt.Fprintf(w, "%sstays: %s, because %s\n", of, s.Subject, s.Because)
	}
	if n := len(stays) - most; n > 0 {
		fmt.Fprintf(w, "%sstays: %d more; --json names them\n", of, n)
	}
}

// wouldText writes the changes of a dry run: counted by kind, or each by its name.
// Of is the beginning of the line.
func wouldText(w io.Writer, of string, changes []changeResult, each bool) {
	if len(changes) == 0 {
		return
	}
	if each {
		for _, c := range changes {
			fmt.Fprintf(w, "%swould %s %s %s\n", of, c.Action, c.Type, c.Path)
		}
		return
	}
	var kinds []string
	for action, types := range words.Group(changes, func(c changeResult) (action, kind string) { return c.Action, c.Type }) {
		var counted []string
		for _, kind := range []string{"file", "link", "directory"} {
			if n := len(slices.DeleteFunc(slices.Clone(types), func(t string) bool { return t != kind })); n > 0 {
				counted = append(counted, words.Plural(n, kind))
			}
		}
		kinds = append(kinds, action+" "+words.List(counted))
	}
	fmt.Fprintf(w, "%swould %s; --verbose names each\n", of, strings.Join(kinds, ", "))
}

func counts(s installer.StoreReport) string {
	switch {
	case s.Removed > 0 && s.Added > 0:
		return fmt.Sprintf("%d added, %d removed, %d now", s.Added, s.Removed, s.Total)
	case s.Removed > 0:
		return fmt.Sprintf("%d removed, %d now", s.Removed, s.Total)
	case s.Added == 0 && s.Present == 0: // an install always adds or finds a CA
		return fmt.Sprintf("nothing to remove, %d now", s.Total)
	case s.Present > 0:
		return fmt.Sprintf("%d added, %d already there, %d now", s.Added, s.Present, s.Total)
	}
	return fmt.Sprintf("%d added, %d now", s.Added, s.Total)
}

func (r *editResult) summary() string {
	what := words.Plural(len(r.Changes), "change")
	switch {
	case !r.Changed && r.Output != "" && !r.DryRun: // an earlier output is replaced
		return "nothing to do: " + r.place() + " is up to date, and " + r.Output + " is empty"
	case !r.Changed && (r.undo || len(r.report.Missing)+len(r.report.Taken)+len(r.report.Already) > 0):
		return "nothing to do: " + r.place() + " is up to date"
	case !r.Changed && len(r.Sources) == 0: // certgraft remove loads no source
		return "nothing to do: no named source is installed in " + r.place()
	case !r.Changed:
		return "nothing to do: " + r.place() + " is up to date"
	case r.DryRun:
		return "dry run: " + what + " to " + r.place() + ", none made"
	case r.Output != "":
		return "done: " + what + " for " + r.place() + " written to " + r.Output
	}
	return "done: " + what + " to " + r.place()
}

func (r *editResult) place() string {
	if r.Root == "/" {
		return "this system"
	}
	return r.Root
}
