package command

import (
	"cmp"
	"context"
	"fmt"

	"github.com/urfave/cli/v2"

	"github.com/certgraft/certgraft/certs"
	"github.com/certgraft/certgraft/installer"
	"github.com/certgraft/certgraft/internal/hint"
	"github.com/certgraft/certgraft/keystore"
)

// bundleOptions are the flags of certgraft bundle.
type bundleOptions struct {
	source sourceOptions
	format formatOptions
	form   bundleForm // the format that --format names
	output string
	root   string
	system bool

	formatName string
}

func bundleCommand(p *printer) *cli.Command {
	o := &bundleOptions{}
	flags := []cli.Flag{
		wordFlag{&cli.StringFlag{Name: "format", Category: outputFlags, Usage: "pem (one file), split (a PEM file for each), der (a DER file for each), jks or p12 (a Java trust store) or configmap (for Kubernetes)", Value: "pem", Destination: &o.formatName}, bundleForms.words(), false},
		&cli.StringFlag{Name: "output", Category: outputFlags, Usage: "write to `PATH`, - being standard output; a directory for split and der", Value: "-", TakesFile: true, Destination: &o.output},
		&cli.StringFlag{Name: "name", Category: outputFlags, Usage: "with --format configmap: it is called `NAME` (default: " + configMapName + ")", Destination: &o.format.name},
		&cli.StringFlag{Name: "password-file", Category: outputFlags, Usage: "with --format jks or p12: the password is in `FILE` (default: " + keystore.DefaultPassword + " for jks, none for p12)", TakesFile: true, Destination: &o.format.passwordFile},
		&cli.BoolFlag{Name: "with-system", Category: sourceFlags, Usage: "start with the certificates that the root trusts", Destination: &o.system},
		&cli.StringFlag{Name: "root", Category: sourceFlags, Usage: "the root file system in `DIR` for --with-system", Value: "/", TakesFile: true, Destination: &o.root},
	}
	return &cli.Command{
		Name:        "bundle",
		Usage:       "write certificates out, checked and re-encoded",
		ArgsUsage:   "SOURCE…",
		Description: "certgraft bundle aws-rds > rds.pem\ncertgraft bundle --format split --output certs/ ./corp.pem\ncertgraft bundle --format p12 --output truststore.p12 ./corp.pem\ncertgraft bundle --format configmap --with-system --output ca.yaml ./corp.pem",
		Flags:       append(flags, o.source.flags()...),
		Action:      withSources(func(ctx context.Context, specs []string) error { return o.run(ctx, p, specs) }),
	}
}

// bundleResult is the JSON of certgraft bundle.
type bundleResult struct {
	Format       string         `json:"format"`
	Output       string         `json:"output"`
	Certificates int            `json:"certificates"`
	Sources      []sourceResult `json:"sources"`
	Verdicts     []verdict      `json:"verdicts"`
	Warnings     []string       `json:"warnings"`
}

func (o *bundleOptions) run(ctx context.Context, p *printer, specs []string) error {
	if err := o.check(p); err != nil {
		return err
	}
	result := newEditResult(&targetOptions{})
	sources, err := o.source.load(ctx, p, result, specs)
	if err != nil {
		return err
	}
	set, err := o.collect(ctx, p, sources)
	if err != nil {
		return err
	}
	result.Warnings = append(result.Warnings, leftOut(o.formatName, set)...)
	result.remarks(p)
	if err := o.write(ctx, p, set); err != nil {
		return err
	}
	if !p.json {
		return nil
	}
	return p.result(bundleResult{
		Format: o.formatName, Output: o.output, Certificates: set.Len(),
		Sources: result.Sources, Verdicts: result.Verdicts, Warnings: result.Warnings,
	}, nil)
}

// check refuses formats and flags that exclude each other.
func (o *bundleOptions) check(p *printer) error {
	var err error
	if o.form, err = bundleForms.find("format", o.formatName); err != nil {
		return err
	}
	switch {
	case o.form.each != nil && o.output == "-":
		return hint.Add(usagef("--format %s writes a file for each certificate", o.formatName), "name a directory with --output")
	case o.output == "-" && p.json:
		return hint.Add(usagef("--json and the bundle both go to standard output"), "name a file with --output")
	case o.output == "-" && isStore(o.formatName) && isTerminal(p.out):
		return hint.Add(usagef("--format %s would write bytes to the terminal", o.formatName), "name a file with --output")
	}
	return o.format.check(o.formatName)
}

// write writes set to the file or directory of --output, or to standard output.
func (o *bundleOptions) write(ctx context.Context, p *printer, set *certs.Set) error {
	if o.form.each != nil {
		return writeEach(o.output, set, o.form)
	}
	data, err := o.form.whole(ctx, o.format, set)
	if err != nil {
		return err
	}
	if o.output != "-" {
		return replaceFile(o.output, data)
	}
	if _, err := p.out.Write(data); err != nil {
		return fmt.Errorf("write the bundle: %w", err)
	}
	return nil
}

// collect puts the certificates of all sources into one set. With --with-system
// the certificates of the root come first.
func (o *bundleOptions) collect(ctx context.Context, p *printer, sources []installer.Source) (*certs.Set, error) {
	set := &certs.Set{}
	if o.system {
		at, err := p.openRoot(ctx, o.root)
		if err != nil {
			return nil, err
		}
		defer at.close()
		var failed error
		set = at.trusted("system", func(err error) { failed = cmp.Or(failed, err) })
		if failed != nil {
			return nil, fmt.Errorf("read the trust stores of %s: %w", o.root, failed)
		}
	}
	for _, s := range sources {
		for c := range s.Certs.All() {
			set.Add(c, s.Anchor)
		}
	}
	return set, nil
}
