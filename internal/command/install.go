package command

import (
	"context"
	"errors"
	"slices"

	"github.com/urfave/cli/v2"

	"github.com/certgraft/certgraft/installer"
	"github.com/certgraft/certgraft/rootfs"
)

// installOptions are the flags of certgraft install.
type installOptions struct {
	source   sourceOptions
	target   targetOptions
	edit     editOptions
	optional bool
}

func installCommand(p *printer) *cli.Command {
	o := &installOptions{}
	return &cli.Command{
		Name:        "install",
		Usage:       "add certificates to every trust store of a root file system",
		ArgsUsage:   "SOURCE…",
		Description: "certgraft install aws-rds\ncertgraft install --root /mnt ./corp.pem https://example.com/ca.pem@set:…\ncertgraft install --root . --output /out aws-rds:eu-west-1   (for COPY --from)",
		Flags:       o.flags(),
		Action:      withSources(func(ctx context.Context, specs []string) error { return o.run(ctx, p, specs) }),
	}
}

func (o *installOptions) flags() []cli.Flag {
	return slices.Concat([]cli.Flag{
		&cli.StringFlag{Name: "output", Category: targetFlags, Usage: "leave the root alone and write what would change into `DIR`", TakesFile: true, Destination: &o.target.output},
		optionalFlag(&o.optional, "nothing is installed"),
	}, o.edit.flags("root"), o.target.flags(), o.source.flags())
}

func (o *installOptions) run(ctx context.Context, p *printer, specs []string) error {
	opt, err := o.edit.installer()
	if err == nil {
		opt, err = o.target.installer(ctx, p, opt)
	}
	if err != nil {
		return errors.Join(o.source.fetch.misused(ctx, specs), err)
	}
	result := newEditResult(&o.target)
	if o.optional {
		catalogue, err := o.source.fetch.catalogue(ctx)
		if err != nil {
			return err
		}
		if specs = present(catalogue, specs); len(specs) == 0 && o.source.lock == "" {
			return result.withoutSources(p)
		}
	}
	sources, err := o.source.load(ctx, p, result, specs)
	if err != nil {
		return err
	}
	updated, err := o.target.edit(ctx, p, func(k *installer.Keychain, r *rootfs.Overlay) (err error) {
		if k != nil {
			result.report, err = k.Install(ctx, r, sources, opt)
			return err
		}
		result.report, err = installer.Install(r, sources, opt)
		return err
	})
	if err != nil {
		return o.withWays(ctx, p, sources, opt, err)
	}
	return result.finish(ctx, p, &o.target, updated)
}
