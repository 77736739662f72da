package command

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/certgraft/certgraft/image"
	"github.com/certgraft/certgraft/rootfs"
)

// imageTarget are the flags of the commands that edit an image.
type imageTarget struct {
	place    patchPlace
	registry registryOptions
	image    imageOptions

	metadataFile, cacheRepo string
}

// flags returns the flags. Does says what the command does with the images of a
// list.
func (o *imageTarget) flags(does string) []cli.Flag {
	return slices.Concat([]cli.Flag{
		&cli.StringFlag{Name: "metadata-file", Category: outputFlags, Usage: "write the result as JSON to `FILE` as well", TakesFile: true, Destination: &o.metadataFile},
		&cli.StringFlag{Name: "cache-repo", Category: imageFlags, Usage: "keep what is known of layers in `REGISTRY/REPOSITORY` too, for runners that start empty", Destination: &o.cacheRepo},
	}, o.place.flags(), o.place.list.flags(does, "IMAGE and where to write it"), o.image.flags(), o.registry.flags())
}

// imageWork says how a command edits images, beside its flags.
type imageWork struct {
	cache   string // directory that keeps facts about layers
	dryRun  bool   // no image is written
	nowhere bool   // a destination is not required
	removes bool   // the edit takes CAs out, so a replaced image may have had more
}

// imageEdit edits the root of one image and its config.
type imageEdit func(root *rootfs.Overlay, config *image.Config, result *patchResult) error

// imageEditor makes the same edit in images, one after another.
type imageEditor struct {
	o         *imageTarget
	work      imageWork
	p         *printer
	locations *image.Locations
	jobs      []patchJob
	opt       image.Options
	loaded    *editResult // messages about the sources
	judgedAt  time.Time   // the moment of judgement; zero without one
	done      func()      // clears the progress
	notice    func(image string, platforms int, all []notice)
	end       func([]*patchResult) error // judges the images of a list together; may be nil

	mu       sync.Mutex
	warnings []string // of the cache
	advised  []string // of destinations
}

// open reads the flags and arguments of an edit. It returns the arguments after
// the image.
func (o *imageTarget) open(ctx context.Context, p *printer, args []string, work imageWork) (*imageEditor, []string, error) {
	locations, err := o.registry.locations(ctx, p)
	if err != nil {
		return nil, nil, err
	}
	w := &imageEditor{o: o, work: work, p: p, locations: locations, loaded: newEditResult(&targetOptions{})}
	w.notice = func(_ string, _ int, all []notice) { sayOf(p, all) }
	if w.jobs, args, err = o.place.jobs(ctx, p, locations, args, work.nowhere || work.dryRun); err != nil {
		return nil, nil, err
	}
	if w.opt, err = o.image.options(p); err != nil {
		return nil, nil, err
	}
	if err := w.openCaches(); err != nil {
		return nil, nil, err
	}
	locations.Jobs, w.opt.Jobs = o.image.jobs, o.image.jobs
	locations.Progress, w.done = p.downloads()
	return w, args, nil
}

// openCaches opens the caches of facts about layers: the local directory, and a
// repository in a registry. A dry run does not write to the registry.
func (w *imageEditor) openCaches() (err error) {
	if w.o.cacheRepo != "" {
		if w.opt.CacheRepo, err = w.locations.CacheRepo(w.o.cacheRepo, w.work.dryRun, w.warn); err != nil {
			return fmt.Errorf("--cache-repo: %w", err)
		}
	}
	if w.work.cache != "" {
		w.opt.Cache, err = image.OpenCache(w.work.cache, w.p.log())
	}
	return err
}

func (w *imageEditor) close() {
	w.done()
	_ = w.opt.Cache.Close() // it was only read and replaced by renames
}

// warn writes a warning that concerns no single image.
func (w *imageEditor) warn(message string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.p.warn(message)
	w.warnings = append(w.warnings, message)
}

// takes notes the sources that the images will get.
func (w *imageEditor) takes(loaded *editResult, judgedAt time.Time) {
	w.loaded, w.judgedAt = loaded, judgedAt.Truncate(time.Second)
	for _, s := range loaded.Sources {
		w.opt.Sources = append(w.opt.Sources, s.Source)
	}
}

// all edits each image. An image of the command line returns its own error.
func (w *imageEditor) all(ctx context.Context, edit imageEdit) error {
	if w.o.place.list.given() {
		return w.list(ctx, edit)
	}
	result, err := w.one(ctx, w.jobs[0], edit)
	if result == nil {
		return err
	}
	if err != nil {
		result.Error = err.Error()
	}
	return errors.Join(err, w.report(result))
}

// list edits the images of a list, and continues after an image that fails.
func (w *imageEditor) list(ctx context.Context, edit imageEdit) error {
	f := newFleet(w.p, w.p.err, "image", asChanged, asWould, asThere, asTagged, asWanted)
	w.notice = f.hear
	if err := w.reportSources(); err != nil {
		return err
	}
	results := []*patchResult{}
	f.last = func() error {
		if w.end == nil {
			return w.writeMetadata(results)
		}
		return errors.Join(w.end(results), w.writeMetadata(results))
	}
	return each(ctx, f, w.jobs, func(ctx context.Context, job patchJob) (outcome, error) {
		result, err := w.one(ctx, job, edit)
		if err != nil {
			result = cmp.Or(result, &patchResult{Schema: 1, Image: job.from.String()})
			result.Error = err.Error()
		}
		results = append(results, result)
		return outcome{as: result.counted(), json: result, report: func() error { return w.reportLine(result) }}, err
	})
}

// one edits one image and writes it to its destination. With an error it returns a
// result only if the write had begun.
func (w *imageEditor) one(ctx context.Context, job patchJob, edit imageEdit) (*patchResult, error) {
	defer w.done() // the next message begins on a line of its own
	img, err := job.from.Get(ctx)
	if err != nil {
		return nil, notARegistry(job.from, err)
	}
	result := w.newResult(job, img)
	opt := w.opt
	if !w.work.dryRun {
		opt.Destinations = job.to
	}
	before := 0 // reports, of the images that were edited before this one
	updated, err := image.Update(ctx, img, func(root *rootfs.Overlay, config *image.Config) error {
		if config.Again {
			result.reports = result.reports[:before]
		}
		before = len(result.reports)
		return edit(root, config, result)
	}, opt)
	if err != nil {
		return nil, err
	}
	w.mu.Lock()
	result.Warnings = append(result.Warnings, w.warnings...)
	w.mu.Unlock()
	result.updated(updated)
	about := func() []string { return nil }
	if updated.Changed {
		about = aboutOf(ctx, job.from, img)
	}
	unread := w.o.image.fullyRead(updated)
	if unread == nil && !w.work.dryRun {
		err = w.put(ctx, job, img, updated, result)
	}
	result.About = about()
	heard := result.notices()
	if w.o.place.list.given() { // whose report has one line for an image
		heard = append(heard, result.staying()...)
	}
	w.notice(result.Image, len(result.reports), heard)
	if unread != nil {
		return nil, unread
	}
	return result, err
}

// aboutOf starts to ask the registry for documents about the original image. That
// takes as long as the upload of the new image, so both run at the same time. The
// result waits for the answer.
func aboutOf(ctx context.Context, at image.Location, was *image.Image) func() []string {
	answer := make(chan []string, 1)
	go func() { answer <- at.About(ctx, was.Descriptor.Digest) }()
	return func() []string { return <-answer }
}

func (w *imageEditor) newResult(job patchJob, img *image.Image) *patchResult {
	return &patchResult{
		Schema: 1, Image: job.from.String(), Was: img.Descriptor.Digest, DryRun: w.work.dryRun, References: []string{}, JudgedAt: w.judgedAt,
		Sources: w.loaded.Sources, Platforms: []platformResult{}, Dropped: []image.Dropped{}, Verdicts: w.loaded.Verdicts, Warnings: slices.Clone(w.loaded.Warnings), verbose: w.p.verbose,
	}
}

// put writes the edited image to its destinations.
func (w *imageEditor) put(ctx context.Context, job patchJob, was *image.Image, updated *image.Result, result *patchResult) error {
	if slices.ContainsFunc(job.to, image.Location.IsRegistry) && !job.from.IsRegistry() {
		packed, layers, err := image.Compress(ctx, updated.Image, w.o.image.jobs)
		if err != nil {
			return err
		}
		if len(layers) > 0 {
			updated.Image = packed
			result.compressed(packed.Descriptor.Digest, layers)
		}
	}
	for _, to := range job.to {
		if !job.has(ctx, to, was, updated.Image) {
			w.adviseReplaced(ctx, job, to)
			result.named = append(result.named, to.String())
		}
		result.places = append(result.places, to.String())
		if err := job.write(ctx, to, was, updated.Image); err != nil {
			return err
		}
		if ref := to.Pinned(updated.Image.Descriptor.Digest); !slices.Contains(result.References, ref) { // two tags of one repository
			result.References = append(result.References, ref)
		}
		w.advise(to.Advice(updated.Image))
	}
	return nil
}

// adviseReplaced says that an image in a registry or layout is about to be
// replaced, if the command takes CAs out and has not read that image.
func (w *imageEditor) adviseReplaced(ctx context.Context, job patchJob, to image.Location) {
	if !w.work.removes || w.work.dryRun || job.inPlace || to.String() == job.from.String() || !to.IsRegistry() && !strings.HasPrefix(to.String(), "oci:") {
		return
	}
	if _, err := to.Get(ctx); err == nil {
		w.advise("an image that was at the destination is replaced, with all that was installed in it: the image that is named first was read; to edit an image in place, name it alone or twice")
	}
}

// advise says once which engines cannot read an image at its destination.
func (w *imageEditor) advise(text string) {
	if text != "" && !slices.Contains(w.advised, text) {
		w.advised = append(w.advised, text)
		w.p.note(text)
	}
}
