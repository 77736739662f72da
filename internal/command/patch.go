package command

import (
	"context"
	"slices"

	"github.com/urfave/cli/v2"

	"github.com/certgraft/certgraft/image"
	"github.com/certgraft/certgraft/internal/hint"
	"github.com/certgraft/certgraft/rootfs"
)

// patchOptions are the flags of certgraft patch.
type patchOptions struct {
	source sourceOptions
	target imageTarget
	edit   patchEdit

	dryRun, printPlan bool
}

func patchCommand(p *printer) *cli.Command {
	o := &patchOptions{}
	return &cli.Command{
		Name:      "patch",
		Usage:     "add certificates to every trust store of an image that exists",
		ArgsUsage: "IMAGE SOURCE…",
		Description: "IMAGE is REGISTRY/REPOSITORY:TAG, oci:DIR[:TAG], oci-archive:FILE[:TAG], docker-archive:FILE (- for\nstandard input) or docker-daemon:NAME. Needs no container engine.\n" +
			"certgraft patch registry.example.com/app:1 aws-rds --tag registry.example.com/app:1-ca\ndocker save app | certgraft patch docker-archive:- ./corp.pem | docker load",
		Flags: o.flags(),
		Action: func(c *cli.Context) error {
			args := c.Args().Slice()
			if err := o.check(c, len(args)); err != nil {
				return err
			}
			return o.run(c.Context, p, args)
		},
	}
}

// check names the missing arguments. With a list no image is needed, with a lock
// no source.
func (o *patchOptions) check(c *cli.Context, args int) error {
	images, least := 1, 2
	if o.target.place.list.given() {
		images, least = 0, least-1
	}
	if o.source.lock != "" {
		least--
	}
	what := "a source is"
	switch {
	case args >= least:
		return nil
	case least == 2 && args == 0:
		what = "an image and a source are"
	case args < images:
		what = "an image is"
	}
	return hint.Add(usagef("patch: %s missing", what), usageLine(c))
}

func (o *patchOptions) flags() []cli.Flag {
	return slices.Concat([]cli.Flag{
		&cli.BoolFlag{Name: "dry-run", Category: targetFlags, Usage: "write nothing and count what would change; --verbose names each file", Destination: &o.dryRun},
		&cli.BoolFlag{Name: "print-plan", Category: imageFlags, Usage: "say which layers would be read and why, and do nothing", Destination: &o.printPlan},
	}, o.target.flags("patch the images"), o.edit.flags(), o.source.flags())
}

func (o *patchOptions) run(ctx context.Context, p *printer, args []string) error {
	w, specs, err := o.target.open(ctx, p, args, imageWork{cache: o.source.fetch.cache, dryRun: o.dryRun, nowhere: o.printPlan})
	if err != nil {
		return err
	}
	defer w.close()
	if err := o.edit.check(); err != nil {
		return err
	}
	if err := w.readsOnce(specs); err != nil {
		return err
	}
	if o.printPlan {
		return w.printPlan(ctx)
	}
	loaded := newEditResult(&targetOptions{})
	sources, err := o.source.load(ctx, p, loaded, specs)
	if err != nil {
		return err
	}
	loaded.remarks(p)
	now, _ := p.env.now() // the value was checked before
	w.takes(loaded, now)
	return w.all(ctx, func(root *rootfs.Overlay, config *image.Config, result *patchResult) error {
		return o.edit.run(root, config, sources, result)
	})
}

// readsOnce refuses standard input as both image and source.
func (w *imageEditor) readsOnce(specs []string) error {
	for _, job := range w.jobs {
		if job.from.IsStream() && slices.ContainsFunc(specs, isStdin) {
			return stdinTwice(job.from.String(), "a source")
		}
	}
	return nil
}
