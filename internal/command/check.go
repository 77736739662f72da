package command

import (
	"context"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/certgraft/certgraft/bundles"
	"github.com/certgraft/certgraft/certs"
	"github.com/certgraft/certgraft/installer"
	"github.com/certgraft/certgraft/internal/command/audit"
	"github.com/certgraft/certgraft/internal/command/words"
	"github.com/certgraft/certgraft/internal/hint"
	"github.com/certgraft/certgraft/internal/input"
)

// checkOptions are the flags of certgraft check.
type checkOptions struct {
	policy       string // file of the policy
	sarif        string // file for the findings
	javaPassword string // file with the password
	fetch        fetchOptions
	image        imageRootOptions

	warnings []string // about the sources of the policy
}

func checkCommand(p *printer) *cli.Command {
	o := &checkOptions{}
	return &cli.Command{
		Name:        "check",
		Usage:       "find CAs in roots and images that should not be trusted, or are missing, or expire",
		ArgsUsage:   "[ROOT|IMAGE…]",
		Description: "certgraft check                                    the running system\ncertgraft check --policy policy.json docker://debian:13\ncertgraft check --from-file images.txt --sarif found.sarif\nExit status 5 with an error or a warning, 0 with notes alone.",
		Flags: slices.Concat([]cli.Flag{
			&cli.StringFlag{Name: "policy", Category: targetFlags, Usage: "what roots must and may trust is in `FILE`, see docs/check.md", EnvVars: []string{"CERTGRAFT_CHECK_POLICY"}, TakesFile: true, Destination: &o.policy},
			&cli.StringFlag{Name: "sarif", Category: outputFlags, Usage: "write the findings to `FILE` too, as SARIF 2.1.0", TakesFile: true, Destination: &o.sarif},
			javaPasswordFlag(&o.javaPassword),
		}, o.image.list.flags("check the images", lookLine), o.image.flags(), o.fetch.flags()),
		Action: taking(0, -1, "", func(ctx context.Context, args []string) error {
			defer o.image.close()
			o.image.cache = o.fetch.cache // one place for downloads and layers
			return o.run(ctx, p, args)
		}),
	}
}

// The words by which the total counts a root.
const (
	asClean = "clean"
	asBad   = "with findings"
)

func (o *checkOptions) run(ctx context.Context, p *printer, args []string) error {
	if err := errors.Join(o.image.list.check(), mayReplace(o.sarif, sarifStart, "SARIF file", "certgraft check --sarif found.sarif")); err != nil {
		return err
	}
	auditor, err := o.auditor(ctx, p)
	if err != nil {
		return err
	}
	for _, w := range o.warnings {
		p.warn(w)
	}
	p.note("the lists of distrusted CAs in this program were checked on " + auditor.Lists.Date)
	list, err := o.candidates(ctx, p, args)
	if err != nil {
		return err
	}
	all := []audit.Audited{}
	check := func(ctx context.Context, c candidate) (outcome, error) {
		done, err := o.one(ctx, auditor, c)
		if done.Error == "" {
			all = append(all, audit.Audited{Name: c.name, Findings: done.Findings})
		}
		as := asClean
		switch {
		case done.Error != "":
			as = asFailed
		case audit.Grave(done.Findings):
			as = asBad
		}
		out := outcome{as: as, json: done}
		if done.Error == "" {
			out.report = func() error { return p.result(nil, done.text) }
		}
		return out, err
	}
	err = checkAll(ctx, p, list, check, o.image.list.given())
	return errors.Join(err, o.writeSARIF(all))
}

// checkAll checks one root; or several, and then writes the total.
func checkAll(ctx context.Context, p *printer, all []candidate, check func(context.Context, candidate) (outcome, error), list bool) error {
	if len(all) > 1 || list {
		return each(ctx, newFleet(p, p.out, "root", asClean, asBad), all, check)
	}
	done, err := check(ctx, all[0])
	switch {
	case done.as == asFailed:
		return err
	case p.json:
		return errors.Join(p.result(done.json, nil), err)
	}
	return errors.Join(done.report(), err)
}

// candidate is a root or image to check.
type candidate struct {
	name string
	open func(context.Context) (*place, error)
}

// String returns the name.
func (c candidate) String() string { return c.name }

// candidates returns the roots and images to check: the arguments, the images of
// the list, or the running system.
func (o *checkOptions) candidates(ctx context.Context, p *printer, args []string) (all []candidate, err error) {
	if o.image.list.given() {
		if len(args) > 0 {
			return nil, usagef("check: --from-file names the images: leave %q out", args[0])
		}
		return o.listed(ctx, p)
	}
	if len(args) == 0 {
		args = []string{"/"}
	}
	for _, name := range args {
		all = append(all, candidate{name, func(ctx context.Context) (*place, error) { return o.image.place(ctx, p, "check", name) }})
	}
	return all, nil
}

func (o *checkOptions) listed(ctx context.Context, p *printer) (all []candidate, err error) {
	roots, err := o.image.roots(ctx, p)
	if err != nil {
		return nil, err
	}
	list, err := readLooks(ctx, p, &o.image.list, roots.Locations)
	for _, at := range list {
		all = append(all, candidate{at.String(), func(ctx context.Context) (*place, error) { return roots.open(ctx, at) }})
	}
	return all, err
}

// auditor reads the policy and the sources that it names.
func (o *checkOptions) auditor(ctx context.Context, p *printer) (*audit.Auditor, error) {
	a := &audit.Auditor{Required: &certs.Set{}}
	var err error
	if a.Now, err = p.env.now(); err != nil {
		return nil, err
	}
	if o.policy != "" {
		data, err := input.ReadFile(ctx, o.policy)
		if err != nil {
			return nil, fmt.Errorf("read the policy: %w", err)
		}
		if a.Policy, err = audit.ReadPolicy(data); err != nil {
			return nil, usageError{fmt.Errorf("%s: %w", o.policy, err)}
		}
	}
	fetch, done, err := o.fetch.options(ctx, p)
	if err != nil {
		return nil, err
	}
	defer done()
	if o.policy != "" {
		fetch.Dir = filepath.Dir(o.policy)
	}
	if a.Lists, err = bundles.Distrusts(ctx, fetch); err != nil {
		return nil, err
	}
	if a.Required, err = o.heldBy(ctx, fetch, a.Policy.Require); err != nil {
		return nil, fmt.Errorf("read a source that the policy requires: %w", err)
	}
	if len(a.Policy.Allow) > 0 {
		if a.Allowed, err = o.heldBy(ctx, fetch, append(a.Policy.Allow, a.Policy.Require...)); err != nil {
			return nil, fmt.Errorf("read a source that the policy allows: %w", err)
		}
	}
	if a.Forbidden, err = o.forbidden(ctx, a); err != nil {
		return nil, fmt.Errorf("read a CA that the policy forbids: %w", err)
	}
	return a, nil
}

// forbidden returns the CAs that the policy forbids.
func (o *checkOptions) forbidden(ctx context.Context, a *audit.Auditor) (all []installer.Unwanted, err error) {
	names := caNames{lists: a.Lists, javaPassword: o.javaPassword, dir: filepath.Dir(o.policy)}
	for _, name := range a.Policy.Forbid {
		one, err := names.find(ctx, name)
		if err != nil {
			return nil, err
		}
		all = append(all, one...)
	}
	return all, nil
}

// heldBy returns the certificates of sources. It keeps each warning about them, once.
func (o *checkOptions) heldBy(ctx context.Context, fetch bundles.Options, specs []string) (*certs.Set, error) {
	set := &certs.Set{}
	if len(specs) == 0 {
		return set, nil
	}
	loaded, err := bundles.Load(ctx, fetch, specs...)
	if err != nil {
		return nil, err
	}
	for _, b := range loaded {
		for _, w := range b.Warnings {
			if said := b.Source + ": " + w; !slices.Contains(o.warnings, said) {
				o.warnings = append(o.warnings, said)
			}
		}
		for c := range b.Certs.All() {
			set.Add(c, b.Source)
		}
	}
	return set, nil
}

// checkResult is the JSON of one root; docs/json.md describes it.
type checkResult struct {
	Schema int    `json:"schema"` // 1; grows when a field changes its meaning
	Root   string `json:"root,omitzero"`
	imageName
	Checked  time.Time       `json:"checked"`
	Lists    string          `json:"lists"` // when the lists of distrusted CAs were last checked
	Findings []audit.Finding `json:"findings"`
	Warnings []string        `json:"warnings"`       // about the sources of the policy
	Error    string          `json:"error,omitzero"` // why this root was not checked
}

// one checks one root or image.
func (o *checkOptions) one(ctx context.Context, a *audit.Auditor, c candidate) (checkResult, error) {
	r := checkResult{Schema: 1, Checked: a.Now.UTC(), Lists: a.Lists.Date, Findings: []audit.Finding{}, Warnings: append([]string{}, o.warnings...)}
	at, found, err := o.look(ctx, c, a.Now)
	if err != nil {
		r.Root, r.Error = c.name, err.Error()
		return r, err
	}
	if r.imageName = at.image; r.Image == "" {
		r.Root = c.name
	}
	r.Findings = append(r.Findings, a.Look(found)...)
	if !audit.Grave(r.Findings) {
		return r, nil
	}
	return r, reportedError{fmt.Errorf("%s: %s", c.name, words.Plural(len(r.Findings), "finding")), exitFound}
}

func (o *checkOptions) look(ctx context.Context, c candidate, now time.Time) (*place, *installer.Inspection, error) {
	at, err := c.open(ctx)
	if err != nil {
		return nil, nil, err
	}
	defer at.close()
	switch {
	case isTar(at.data):
		return nil, nil, fmt.Errorf("check %s: %w", c.name, isArchive(c.name))
	case at.root == nil:
		return nil, nil, hint.Add(usagef("check %s: it is a file, and no root and no image", c.name), "certgraft inspect "+c.name+" says what the file holds")
	}
	if at.options.JavaPassword, err = readPassword(ctx, o.javaPassword); err != nil {
		return nil, nil, err
	}
	found, err := installer.Inspect(at.root, now, at.options)
	if err != nil {
		return nil, nil, fmt.Errorf("check %s: %w", c.name, err)
	}
	return at, found, nil
}

// mostNames is the number of certificates with the same finding that text names.
const mostNames = 20

// text writes the findings, grouped by rule.
func (r checkResult) text(w io.Writer) {
	name := r.Root
	if r.Image != "" {
		name = fmt.Sprintf("%s (%s, %s)", r.Image, r.Platform, r.Digest)
	}
	if len(r.Findings) == 0 {
		fmt.Fprintf(w, "%s: nothing found\n", name)
		return
	}
	fmt.Fprintf(w, "%s: %s\n", name, words.Plural(len(r.Findings), "finding"))
	type alike struct{ rule, detail string }
	groups := words.Group(r.Findings, func(f audit.Finding) (alike, string) { return alike{f.Rule, f.Detail + in(f)}, f.Name })
	for k, names := range groups {
		fmt.Fprintf(w, "  %s: ", k.rule)
		if len(names) > 0 && names[0] != "" {
			fmt.Fprintf(w, "%s: ", words.Some(names, mostNames))
		}
		fmt.Fprintln(w, k.detail)
	}
}

// in names the stores of a finding, unless its text names them.
func in(f audit.Finding) string {
	if f.Rule == "missing" || f.Rule == "disagree" || f.Rule == "unreadable" {
		return ""
	}
	return "; in " + strings.Join(f.Stores, ", ")
}

// sarifStart is the beginning of a file of findings.
const sarifStart = "{\n  \"$schema\": \"https://docs.oasis-open.org/sarif/"

// writeSARIF writes the file of findings if --sarif names one.
func (o *checkOptions) writeSARIF(all []audit.Audited) error {
	if o.sarif == "" {
		return nil
	}
	data, err := audit.SARIF(all, version())
	if err == nil {
		err = replaceFile(o.sarif, data)
	}
	if err != nil {
		return fmt.Errorf("write the findings: %w", err)
	}
	return nil
}
