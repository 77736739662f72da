package command

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/urfave/cli/v2"

	"github.com/certgraft/certgraft/bundles"
	"github.com/certgraft/certgraft/image"
	"github.com/certgraft/certgraft/installer"
	"github.com/certgraft/certgraft/internal/command/words"
	"github.com/certgraft/certgraft/internal/hint"
	"github.com/certgraft/certgraft/rootfs"
)

// distrustCommandOptions are the flags of certgraft distrust: the flags of remove,
// which edits the same targets, and its own.
type distrustCommandOptions struct {
	removeOptions

	undo, mustExist bool
}

func distrustCommand(p *printer) *cli.Command {
	o := &distrustCommandOptions{}
	return &cli.Command{
		Name:        "distrust",
		Usage:       "take CAs out of every trust store for good, whoever put them there",
		ArgsUsage:   "WHAT…",
		Description: "WHAT is the SHA-256 fingerprint of a certificate, spki:SHA-256 of a public key, a file of certificates, @LIST or @all.\ncertgraft distrust @emsign\ncertgraft distrust --image registry.example.com/app:1 --tag registry.example.com/app:1-safe @all\ncertgraft distrust --undo old-ca.pem",
		Flags:       append(o.flags(), o.target.flags()...),
		Action: func(c *cli.Context) error {
			what := c.Args().Slice()
			if len(what) == 0 && !o.undo {
				return hint.Add(usagef("distrust: no CA is named"), usageLine(c))
			}
			if err := o.check(c); err != nil {
				return err
			}
			unwanted, err := o.unwanted(c.Context, p, what)
			if err != nil {
				return err
			}
			if o.edits() {
				return o.runImage(c.Context, p, unwanted)
			}
			return o.run(c.Context, p, unwanted)
		},
	}
}

func (o *distrustCommandOptions) flags() []cli.Flag {
	return append([]cli.Flag{
		&cli.BoolFlag{Name: "undo", Category: targetFlags, Usage: "give back what was taken out; without WHAT, all of it", Destination: &o.undo},
		&cli.BoolFlag{Name: "must-exist", Category: targetFlags, Usage: "fail if a WHAT is in no store and not distrusted already, and change nothing", Destination: &o.mustExist},
		catalogFlag(&o.catalog),
	}, o.imageFlags("distrust it in the images")...)
}

// unwanted returns the CAs that the arguments name; nil without arguments.
func (o *distrustCommandOptions) unwanted(ctx context.Context, p *printer, what []string) (all []installer.Unwanted, err error) {
	lists, err := bundles.Distrusts(ctx, bundles.Options{Catalog: catalogFiles(o.catalog)})
	if err != nil {
		return nil, err
	}
	listed, names := false, caNames{lists: lists, javaPassword: o.target.javaPassword}
	for _, name := range what {
		one, err := names.find(ctx, name)
		if err != nil {
			return nil, fmt.Errorf("distrust: %w", err)
		}
		if strings.HasPrefix(name, "@") {
			listed = true
			o.warnDated(p, lists, name)
		}
		all = append(all, one...)
	}
	if listed && !o.undo {
		p.note("the lists of distrusted CAs in this program were checked on " + lists.Date)
	}
	return all, nil
}

// warnDated warns of the lists with a name that block nothing by themselves.
func (o *distrustCommandOptions) warnDated(p *printer, lists *bundles.Distrusted, name string) {
	found, err := lists.Find(name)
	if err != nil || o.undo {
		return
	}
	for _, l := range found {
		if l.After != "" {
			p.warn(fmt.Sprintf("@%s: others still trust what was issued until %s; without its CAs that is refused too", l.Name, l.After))
		}
	}
}

func (o *distrustCommandOptions) run(ctx context.Context, p *printer, unwanted []installer.Unwanted) error {
	opt, err := o.target.installer(ctx, p, installer.Options{})
	if err != nil {
		return err
	}
	result := newEditResult(&o.target)
	result.undo = o.undo
	updated, err := o.target.edit(ctx, p, func(k *installer.Keychain, r *rootfs.Overlay) (err error) {
		if k != nil {
			return hint.Add(errors.New("a macOS keychain is not edited by distrust"), "in Keychain Access set the certificate to Never Trust; --root DIR edits the root file system of a container")
		}
		result.report, err = o.edit(r, unwanted, opt)
		return err
	})
	if err != nil {
		return inItsImage("distrust", err)
	}
	return result.finish(ctx, p, &o.target, updated)
}

// edit distrusts the named CAs in one root, or trusts them again with --undo.
func (o *distrustCommandOptions) edit(root *rootfs.Overlay, unwanted []installer.Unwanted, opt installer.Options) (*installer.Report, error) {
	if o.undo {
		return installer.TrustAgain(root, unwanted, opt)
	}
	report, err := installer.Distrust(root, unwanted, opt)
	if err != nil {
		return nil, err
	}
	if o.patch.place.list.given() {
		return report, nil // another image of the list may have the CA
	}
	missing, listed := missingOf(report.Missing)
	if len(report.Taken)+len(report.Already) == 0 && listed > 0 {
		missing = append(missing, "anything of the lists")
	}
	if o.mustExist && len(missing) > 0 {
		return nil, hint.Add(fmt.Errorf("no store has %s: nothing was changed", words.Some(missing, mostNames)), "leave it out, or leave --must-exist out")
	}
	return report, nil
}

// inNoImage names the CAs that no image of a list has. With --must-exist they are an
// error. An image that failed says nothing of them.
func (o *distrustCommandOptions) inNoImage(p *printer, unwanted []installer.Unwanted, results []*patchResult) error {
	missing, read := missingInAll(unwanted, results)
	if read == 0 || len(missing) == 0 {
		return nil
	}
	images := words.Plural(read, "image")
	names, listed := missingOf(missing)
	if o.mustExist {
		if listed > 0 && !slices.ContainsFunc(unwanted, func(u installer.Unwanted) bool { return u.Listed && !slices.Contains(missing, u) }) {
			names = append(names, "anything of the lists")
		}
		if len(names) > 0 {
			return hint.Add(fmt.Errorf("no store of %s has %s", images, words.Some(names, mostNames)), "leave it out, or leave --must-exist out")
		}
	}
	if p.json || p.quiet {
		return nil
	}
	return p.write(p.err, func(w io.Writer) { missingText(w, "in no store of "+images, missing) })
}

// missingInAll returns the CAs that no platform of any image has, and the number of
// images that were read.
func missingInAll(unwanted []installer.Unwanted, results []*patchResult) (missing []installer.Unwanted, read int) {
	missing = slices.Clone(unwanted)
	for _, r := range results {
		if len(r.reports) == 0 {
			continue
		}
		read++
		for _, one := range r.reports {
			missing = slices.DeleteFunc(missing, func(u installer.Unwanted) bool { return !slices.Contains(one.Missing, u) })
		}
	}
	return missing, read
}

// runImage distrusts the named CAs in one image, or in the images of a list.
func (o *distrustCommandOptions) runImage(ctx context.Context, p *printer, unwanted []installer.Unwanted) error {
	return o.editImages(ctx, p, func(root *rootfs.Overlay, config *image.Config, opt installer.Options) (*installer.Report, error) {
		report, err := o.edit(root, unwanted, opt)
		if err != nil {
			return nil, err
		}
		sources, err := installer.RecordedSources(root)
		config.Sources = orEmpty(sources)
		return report, err
	}, func(results []*patchResult) error { return o.inNoImage(p, unwanted, results) })
}

// takenText writes which CAs were taken out of a root or given back, and which
// were out already or not found.
func takenText(w io.Writer, of string, r *installer.Report) {
	group := func(verb string, all []installer.Taken) {
		for why, names := range words.Group(all, func(t installer.Taken) (string, string) { return t.Why, t.Subject }) {
			line := of + verb + ": " + words.Some(names, mostNames)
			if why != "" {
				line += ": " + why
			}
			fmt.Fprintln(w, line)
		}
	}
	group("distrusted", r.Taken)
	group("already distrusted", r.Already)
	group("given back", r.Returned)
	missingText(w, of+"in no store", r.Missing)
}

// missingText names the CAs that no store has. Where is the beginning of the line.
func missingText(w io.Writer, where string, missing []installer.Unwanted) {
	names, listed := missingOf(missing)
	if len(names) > 0 {
		fmt.Fprintf(w, "%s: %s\n", where, words.Some(names, mostNames))
	}
	if listed > 0 {
		fmt.Fprintf(w, "%s: %d entries of the lists\n", where, listed)
	}
}

// missingOf returns the names of the CAs that no store holds, and the number of
// further CAs that only the lists name.
func missingOf(missing []installer.Unwanted) (names []string, listed int) {
	for _, u := range missing {
		if u.Listed {
			listed++
		} else {
			names = append(names, shortName(u))
		}
	}
	return names, listed
}

// shortName returns the name of a CA in a report: of a fingerprint the first 16
// digits. The JSON has all 64.
func shortName(u installer.Unwanted) string {
	const digits = 16
	switch u.Name {
	case u.Certificate:
		return u.Name[:digits]
	case "spki:" + u.Key:
		return u.Name[:len("spki:")+digits]
	}
	return u.Name
}
