package command

import (
	"context"
	"fmt"
	"os"
	"path/filepath"

	"github.com/urfave/cli/v2"

	"github.com/certgraft/certgraft/certs"
	"github.com/certgraft/certgraft/installer"
	"github.com/certgraft/certgraft/rootfs"
)

// bundleOptions are the flags of certgraft bundle.
type bundleOptions struct {
	source sourceOptions
	format string
	output string
	root   string
	system bool
}

func bundleCommand(p *printer) *cli.Command {
	o := &bundleOptions{}
	flags := []cli.Flag{
		&cli.StringFlag{Name: "format", Category: outputFlags, Usage: "pem (one file), split (a PEM file for each) or der (a DER file for each)", Value: "pem", Destination: &o.format},
		&cli.StringFlag{Name: "output", Category: outputFlags, Usage: "write to `PATH`, - being standard output; a directory for split and der", Value: "-", TakesFile: true, Destination: &o.output},
		&cli.BoolFlag{Name: "with-system", Category: sourceFlags, Usage: "start with the certificates that the root trusts", Destination: &o.system},
		&cli.StringFlag{Name: "root", Category: sourceFlags, Usage: "the root file system in `DIR` for --with-system", Value: "/", TakesFile: true, Destination: &o.root},
	}
	return &cli.Command{
		Name:        "bundle",
		Usage:       "write certificates out, checked and re-encoded",
		ArgsUsage:   "SOURCE…",
		Description: "certgraft bundle aws-rds > rds.pem\ncertgraft bundle --format split --output certs/ ./corp.pem",
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
	write, known := map[string]func(string, *certs.Set) error{
		"pem": p.writePEM, "split": writeSplit, "der": writeDER,
	}[o.format]
	switch {
	case !known:
		return usagef("--format %s: it is pem, split or der", o.format)
	case o.format != "pem" && o.output == "-":
		return withHint(usagef("--format %s writes a file for each certificate", o.format), "name a directory with --output")
	case o.output == "-" && p.json:
		return withHint(usagef("--json and the bundle both go to standard output"), "name a file with --output")
	}
	result := newEditResult(&targetOptions{})
	sources, err := o.source.load(ctx, p, result, specs)
	if err != nil {
		return err
	}
	set, err := o.collect(sources)
	if err != nil {
		return err
	}
	result.remarks(p)
	if err := write(o.output, set); err != nil {
		return err
	}
	if !p.json {
		return nil
	}
	return p.result(bundleResult{
		Format: o.format, Output: o.output, Certificates: set.Len(),
		Sources: result.Sources, Verdicts: result.Verdicts, Warnings: result.Warnings,
	}, nil)
}

// collect puts the certificates of all sources into one set, behind those of
// the root if they are wanted.
func (o *bundleOptions) collect(sources []installer.Source) (*certs.Set, error) {
	set := &certs.Set{}
	if o.system {
		if err := addSystem(set, o.root); err != nil {
			return nil, err
		}
	}
	for _, s := range sources {
		for c := range s.Certs.All() {
			set.Add(c, s.Anchor)
		}
	}
	return set, nil
}

// addSystem adds what the stores of root trust.
func addSystem(set *certs.Set, root string) error {
	fsys, closer, err := rootfs.ReadOnly(root)
	if err != nil {
		return err
	}
	defer closer.Close()
	for c, err := range installer.Trusted(fsys) {
		if err != nil {
			return fmt.Errorf("read the trust stores of %s: %w", root, err)
		}
		set.Add(c, "system")
	}
	return nil
}

func (p *printer) writePEM(output string, set *certs.Set) error {
	pem := set.AppendPEM(nil)
	if output == "-" {
		if _, err := p.out.Write(pem); err != nil {
			return fmt.Errorf("write the bundle: %w", err)
		}
		return nil
	}
	return replaceFile(output, pem)
}

func writeSplit(dir string, set *certs.Set) error {
	return writeEach(dir, set, ".crt", func(c *certs.Certificate) []byte { return c.AppendPEM(nil) })
}

func writeDER(dir string, set *certs.Set) error {
	return writeEach(dir, set, ".der", func(c *certs.Certificate) []byte { return c.Raw })
}

// writeEach writes one file per certificate, named as anchors are.
func writeEach(dir string, set *certs.Set, ext string, encode func(*certs.Certificate) []byte) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return fmt.Errorf("make the output directory: %w", err)
	}
	for c := range set.All() {
		name := certs.FileName(anchorSource(set, c), c, 16)
		name = name[:len(name)-len(filepath.Ext(name))] + ext
		if err := replaceFile(filepath.Join(dir, name), encode(c)); err != nil {
			return err
		}
	}
	return nil
}

func anchorSource(set *certs.Set, c *certs.Certificate) string {
	if sources := set.Sources(c.Fingerprint()); len(sources) > 0 {
		return sources[0]
	}
	return "bundle"
}
