package command

import (
	"context"
	"slices"

	"github.com/urfave/cli/v2"

	"github.com/certgraft/certgraft/image"
	"github.com/certgraft/certgraft/installer"
	"github.com/certgraft/certgraft/rootfs"
)

func (o *removeOptions) flags() []cli.Flag {
	return append([]cli.Flag{
		&cli.BoolFlag{Name: "all", Category: targetFlags, Usage: "take out everything that certgraft installed", Destination: &o.all},
		catalogFlag(&o.catalog),
		&cli.StringFlag{Name: "image", Category: targetFlags, Usage: "edit the image `IMAGE` in place of a root, and write it to --tag", Destination: &o.image},
		&cli.StringFlag{Name: "cache", Category: imageFlags, Usage: "keep what is known of layers in `DIR`", EnvVars: []string{"CERTGRAFT_CACHE"}, TakesFile: true, Destination: &o.patch.cache},
	}, o.patch.flags()...)
}

// check refuses flags that are for a root where an image is edited, and the
// reverse. The cache is named by the environment, too.
func (o *removeOptions) check(c *cli.Context) error {
	others, what := o.target.flags(), "a root, and --image is an image"
	if o.image == "" {
		others, what = o.patch.flags(), "an image: name it with --image"
	}
	for _, f := range others {
		name := f.Names()[0]
		if !slices.Contains([]string{"dry-run", "java-password-file", "cache"}, name) && c.IsSet(name) {
			return usagef("--%s is for %s", name, what)
		}
	}
	return nil
}

// runImage takes out of an image what certgraft patch put in.
func (o *removeOptions) runImage(ctx context.Context, p *printer, specs []string) error {
	selection, err := o.selection(specs)
	if err != nil {
		return err
	}
	password, err := readPassword(o.target.javaPassword)
	if err != nil {
		return err
	}
	o.patch.dryRun = o.target.dryRun
	w, _, err := o.patch.open(p, []string{o.image})
	if err != nil {
		return err
	}
	defer w.close()
	w.edit = func(root *rootfs.Overlay, config *image.Config, result *patchResult) error {
		if err := selection.known(root); err != nil {
			return err
		}
		report, err := installer.Remove(root, selection.Selection, installer.Options{JavaPassword: password, Environ: environOf(config.Env)})
		if err != nil {
			return err
		}
		config.Sources, config.Removed = report.Sources, removedNames(selection.Selection)
		var left []string
		config.Env, left = withoutVariables(config.Env, report.Unset)
		for _, name := range left {
			report.Notes = append(report.Notes, name+" was set by certgraft and changed since: it stays")
		}
		result.edited(config.Platform, report)
		return nil
	}
	return w.all(ctx)
}

// removedNames returns what the history calls that which was taken out.
func removedNames(s installer.Selection) []string {
	if s.All {
		return []string{"--all"}
	}
	names := slices.Clone(s.Sources)
	for _, set := range s.Sets {
		names = append(names, "@set:"+set)
	}
	return names
}
