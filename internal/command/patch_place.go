package command

import (
	"context"

	"github.com/urfave/cli/v2"

	"github.com/certgraft/certgraft/image"
	"github.com/certgraft/certgraft/internal/hint"
)

// patchPlace are the flags for the destination of patched images.
type patchPlace struct {
	tags    cli.StringSlice
	inPlace bool
	list    imageList
}

func (o *patchPlace) flags() []cli.Flag {
	return []cli.Flag{
		&cli.StringSliceFlag{Name: "tag", Aliases: []string{"t"}, Category: targetFlags, Usage: "write the image to `IMAGE`; may be given often", Destination: &o.tags},
		&cli.BoolFlag{Name: "in-place", Category: targetFlags, Usage: "write the image to where it came from", Destination: &o.inPlace},
	}
}

// patchJob is one image and its destinations.
type patchJob struct {
	from    image.Location
	to      []image.Location
	inPlace bool
}

// String names the image.
func (job patchJob) String() string { return job.from.String() }

// has reports whether a destination has the patched image before the write.
func (job patchJob) has(ctx context.Context, to image.Location, was, img *image.Image) bool {
	if job.inPlace || to.IsStream() {
		return was.Descriptor.Digest == img.Descriptor.Digest
	}
	return to.Has(ctx, img.Descriptor.Digest)
}

// write writes the patched image to one destination.
func (job patchJob) write(ctx context.Context, to image.Location, was, img *image.Image) error {
	if job.inPlace {
		return to.Replace(ctx, was, img)
	}
	return to.Put(ctx, img)
}

// jobs returns the images to patch, and the arguments that are sources. With
// nowhere an image needs no destination.
func (o *patchPlace) jobs(ctx context.Context, p *printer, l *image.Locations, args []string, nowhere bool) ([]patchJob, []string, error) {
	if o.list.given() {
		jobs, err := o.listed(ctx, p, l, nowhere)
		return jobs, args, err
	}
	if err := o.list.check(); err != nil {
		return nil, nil, err
	}
	job, err := o.job(l, args[0], nowhere)
	if err == nil {
		err = writers{}.add(1, job.to)
	}
	if err != nil {
		return nil, nil, err
	}
	for _, to := range job.to {
		switch {
		case to.IsStream() && isTerminal(p.out):
			return nil, nil, hint.Add(usagef("%s would write an archive to the terminal", to), "pipe it into docker load, or name a file")
		case to.IsStream() && p.json:
			return nil, nil, hint.Add(usagef("--json and the image both go to standard output"), "use --metadata-file FILE")
		}
	}
	return []patchJob{job}, args[1:], nil
}

// listed returns the images of the list that this run must patch.
func (o *patchPlace) listed(ctx context.Context, p *printer, l *image.Locations, nowhere bool) ([]patchJob, error) {
	if o.inPlace || len(o.tags.Value()) > 0 {
		return nil, hint.Add(usagef("--from-file says where each image goes: it excludes --tag and --in-place"), "write a line for each image: IMAGE DESTINATION, or IMAGE IMAGE to edit it in place")
	}
	form := "IMAGE DESTINATION"
	if nowhere {
		form = "IMAGE [DESTINATION]"
	}
	seen := writers{}
	return readList(ctx, p, &o.list, form, func(line int, words []string) (job patchJob, err error) {
		if job.from, err = parseListed(l, words[0]); err != nil {
			return job, err
		}
		if job.to, err = parseAll(l, words[1:]); err != nil {
			return job, err
		}
		if len(job.to) > 0 && job.to[0].IsStream() {
			return job, usagef("- is not for lists")
		}
		return job, seen.add(line, job.to)
	})
}

// writers holds the written places of a run. For each place it maps the names
// written there to lines of the list.
type writers map[string]map[string]int

// add refuses a place that another line already writes, because the earlier image
// would be lost.
func (w writers) add(line int, to []image.Location) error {
	for _, at := range to {
		where, name := at.Place()
		if first, twice := w.writes(where, name); twice {
			err := usagef("%s is written twice", at)
			if first != line {
				err = usagef("%s is written already, by line %d", at, first)
			}
			return hint.Add(err, "give each image a destination of its own")
		}
		if w[where] == nil {
			w[where] = map[string]int{}
		}
		w[where][name] = line
	}
	return nil
}

// writes returns the first line that writes the same name in a place. An image
// without a name replaces the only image of the place, whatever its name, and the
// next image may replace it.
func (w writers) writes(where, name string) (first int, found bool) {
	for other, line := range w[where] {
		if (other == name || other == "" || name == "") && (!found || line < first) {
			first, found = line, true
		}
	}
	return first, found
}

func (o *patchPlace) job(l *image.Locations, text string, nowhere bool) (patchJob, error) {
	from, err := l.Parse(text)
	if err != nil {
		return patchJob{}, err
	}
	job := patchJob{from: from, inPlace: o.inPlace}
	switch tags := o.tags.Value(); {
	case o.inPlace && len(tags) > 0:
		return job, usagef("--tag and --in-place exclude each other")
	case o.inPlace && from.IsDigest():
		return job, hint.Add(usagef("--in-place: %s is named by its digest, and a digest cannot change", text), "name it by its tag, or name a destination with --tag")
	case nowhere && !o.inPlace && len(tags) == 0:
		return job, nil
	case o.inPlace, len(tags) == 0 && from.IsStream():
		job.to = []image.Location{from}
	case len(tags) == 0:
		return job, hint.Add(usagef("%s has no destination", text), "name it with --tag IMAGE, or overwrite the image with --in-place")
	default:
		job.to, err = parseAll(l, tags)
	}
	return job, err
}

func parseAll(l *image.Locations, tags []string) ([]image.Location, error) {
	var all []image.Location
	streams := 0
	for _, tag := range tags {
		to, err := l.Parse(tag)
		if err != nil {
			return nil, err
		}
		if err := to.Makes(); err != nil {
			return nil, err
		}
		if to.IsDigest() {
			return nil, hint.Add(usagef("--tag %s names a digest, which the image does not have yet", tag), "name a tag")
		}
		if to.IsStream() {
			streams++
		}
		all = append(all, to)
	}
	if streams > 1 {
		return nil, usagef("--tag: standard output takes one archive")
	}
	return all, nil
}
