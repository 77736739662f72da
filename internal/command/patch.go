package command

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"

	"github.com/urfave/cli/v2"

	"github.com/certgraft/certgraft/image"
	"github.com/certgraft/certgraft/installer"
	"github.com/certgraft/certgraft/rootfs"
)

// patchOptions are the flags of certgraft patch.
type patchOptions struct {
	source   sourceOptions
	place    patchPlace
	registry registryOptions
	image    imageOptions
	edit     patchEdit

	dryRun       bool
	metadataFile string
	cacheRepo    string
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
			least, want := 2, "an image and a source"
			if o.place.fromFile != "" {
				least, want = 1, "a source"
			}
			args, err := operands(c, least, -1, want)
			if err != nil {
				return err
			}
			return o.run(c.Context, p, args)
		},
	}
}

func (o *patchOptions) flags() []cli.Flag {
	flags := []cli.Flag{
		&cli.BoolFlag{Name: "dry-run", Category: targetFlags, Usage: "say what would change and write nothing", Destination: &o.dryRun},
		&cli.StringFlag{Name: "metadata-file", Category: outputFlags, Usage: "write the result as JSON to `FILE` as well", TakesFile: true, Destination: &o.metadataFile},
		&cli.StringFlag{Name: "cache-repo", Category: imageFlags, Usage: "keep what is known of layers in `REGISTRY/REPOSITORY` too, for runners that start empty", Destination: &o.cacheRepo},
	}
	flags = append(flags, o.place.flags()...)
	flags = append(flags, o.image.flags()...)
	flags = append(flags, o.edit.flags()...)
	flags = append(flags, o.registry.flags()...)
	return append(flags, o.source.flags()...)
}

// patcher patches images, one after another, with the same sources.
type patcher struct {
	o         *patchOptions
	p         *printer
	locations *image.Locations
	opt       image.Options
	sources   []installer.Source
	loaded    *editResult // what was said of the sources

	mu       sync.Mutex
	warnings []string // of the cache
}

func (o *patchOptions) run(ctx context.Context, p *printer, args []string) error {
	locations, err := o.registry.locations(p)
	if err != nil {
		return err
	}
	jobs, specs, err := o.place.jobs(p, locations, args)
	if err != nil {
		return err
	}
	opt, err := o.image.options(p)
	if err != nil {
		return err
	}
	w := &patcher{o: o, p: p, locations: locations}
	if err := w.openCaches(&opt); err != nil {
		return err
	}
	defer func() { _ = opt.Cache.Close() }() // it was only read and replaced by renames
	if err := o.edit.check(); err != nil {
		return err
	}
	loaded := newEditResult(&targetOptions{})
	sources, err := o.source.load(ctx, p, loaded, specs)
	if err != nil {
		return err
	}
	for _, s := range sources {
		opt.Sources = append(opt.Sources, s.Name)
	}
	loaded.remarks(p)
	locations.Jobs, opt.Jobs = o.image.jobs, o.image.jobs
	progress, done := p.downloads()
	defer done()
	locations.Progress = progress
	w.opt, w.sources, w.loaded = opt, sources, loaded
	return w.all(ctx, jobs)
}

// openCaches opens what is known of layers: beside the downloads, and in a
// registry. A dry run writes nothing there.
func (w *patcher) openCaches(opt *image.Options) (err error) {
	if w.o.cacheRepo != "" {
		if opt.CacheRepo, err = w.locations.CacheRepo(w.o.cacheRepo, w.o.dryRun, w.warn); err != nil {
			return fmt.Errorf("--cache-repo: %w", err)
		}
	}
	if w.o.source.fetch.cache != "" {
		opt.Cache, err = image.OpenCache(w.o.source.fetch.cache, w.p.log())
	}
	return err
}

// warn says what no single image is to blame for.
func (w *patcher) warn(message string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.p.warn(message)
	w.warnings = append(w.warnings, message)
}

// all patches every image, and goes on when one fails. One that was named on
// the command line fails by its own error.
func (w *patcher) all(ctx context.Context, jobs []patchJob) error {
	results := []*patchResult{}
	var errs []error
	for _, job := range jobs {
		result, err := w.one(ctx, job)
		if err != nil && w.o.place.fromFile != "" {
			err = fmt.Errorf("%s: %w", job.from, err)
			result = &patchResult{Schema: 1, Image: job.from.String(), Error: err.Error()}
		}
		if err != nil {
			errs = append(errs, err)
		}
		if result != nil {
			results = append(results, result)
		}
		if ctx.Err() != nil {
			break
		}
	}
	if err := w.report(results); err != nil {
		errs = append(errs, err)
	}
	return errors.Join(errs...)
}

// one patches one image and puts it where it is wanted.
func (w *patcher) one(ctx context.Context, job patchJob) (*patchResult, error) {
	img, err := job.from.Get(ctx)
	if err != nil {
		return nil, err
	}
	result := w.newResult(job, img)
	updated, err := image.Update(ctx, img, func(root *rootfs.Overlay, config *image.Config) error {
		return w.o.edit.run(root, config, w.sources, result)
	}, w.opt)
	if err != nil {
		return nil, err
	}
	w.mu.Lock()
	result.Warnings = append(result.Warnings, w.warnings...)
	w.mu.Unlock()
	result.updated(updated)
	result.remarks(w.p)
	if err := w.o.image.fullyRead(updated); err != nil {
		return nil, err
	}
	if w.o.dryRun {
		return result, nil
	}
	if job.inPlace && updated.Changed {
		if err := image.Unmoved(ctx, job.from, img); err != nil {
			return nil, err
		}
	}
	if slices.ContainsFunc(job.to, image.IsRegistry) && !image.IsRegistry(job.from) {
		if updated.Image, err = image.Packed(ctx, updated.Image, w.o.image.jobs); err != nil {
			return nil, err
		}
		result.Digest = updated.Image.Descriptor.Digest
	}
	for _, to := range job.to {
		if err := to.Put(ctx, updated.Image); err != nil {
			return nil, err
		}
		result.References = append(result.References, image.Pinned(to, updated.Image.Descriptor.Digest))
	}
	return result, nil
}
