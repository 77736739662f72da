package command

import (
	"context"
	"fmt"
	"io"
	"strings"

	"github.com/certgraft/certgraft/image"
	"github.com/certgraft/certgraft/internal/command/words"
)

// asInspected is the word by which the total counts an inspected image.
const asInspected = "inspected"

// fleet inspects the images of a list. Each gets one line, where inspect of one
// image writes a report.
func (o *inspectOptions) fleet(ctx context.Context, p *printer, args []string) (err error) {
	switch {
	case len(args) > 0:
		return usagef("inspect: --from-file names the images: leave %q out", args[0])
	case o.html != "":
		return usagef("inspect: --html is a page of one image, and --from-file names many")
	case o.cyclonedx != "":
		return usagef("inspect: --cyclonedx is a bill of one image, and --from-file names many")
	}
	if err := o.prepare(ctx, p); err != nil {
		return err
	}
	roots, err := o.image.roots(ctx, p)
	if err != nil {
		return err
	}
	list, err := readLooks(ctx, p, &o.image.list, roots.Locations)
	if err != nil {
		return err
	}
	f := newFleet(p, p.out, "image", asInspected)
	return each(ctx, f, list, func(ctx context.Context, at image.Location) (outcome, error) {
		found, err := o.inspectImage(ctx, roots, at)
		if err != nil {
			return outcome{as: asFailed, json: rootResult{Schema: 1, imageName: imageName{Image: at.String()}, Error: err.Error()}}, err
		}
		f.hear(found.Image, 1, found.notices())
		return outcome{as: asInspected, json: found, report: func() error { return p.result(nil, found.line) }}, nil
	})
}

func (o *inspectOptions) inspectImage(ctx context.Context, roots *imageRoots, at image.Location) (r rootResult, err error) {
	root, err := roots.open(ctx, at)
	if err != nil {
		return r, err
	}
	defer root.close()
	return o.inspect(ctx, root)
}

// notices returns the oddities of the stores. Images on the same base share them.
func (r rootResult) notices() (all []notice) {
	for _, w := range r.Warnings {
		all = append(all, notice{warning: true, text: w})
	}
	for _, s := range r.Stores {
		for _, problem := range s.Problems {
			all = append(all, notice{warning: true, text: s.Path + ": " + problem})
		}
	}
	return all
}

// line writes the stores of an image in one line.
func (r rootResult) line(w io.Writer) {
	parts := []string{r.Distribution.Family + " family", words.Plural(len(r.Stores), "store"), words.Plural(r.Held().Len(), "certificate")}
	expired := 0
	for _, s := range r.Stores {
		expired = max(expired, s.Expired)
	}
	if expired > 0 {
		parts = append(parts, fmt.Sprintf("%d expired", expired))
	}
	for _, i := range r.Installed {
		parts = append(parts, fmt.Sprintf("%d from %s by certgraft", i.Certificates, i.Source))
	}
	if n := len(r.Distrusted); n > 0 {
		parts = append(parts, fmt.Sprintf("%d distrusted by certgraft", n))
	}
	if n := len(r.Differences); n > 0 {
		parts = append(parts, "the stores disagree on "+words.Plural(n, "certificate"))
	}
	fmt.Fprintf(w, "%s (%s): %s\n", r.Image, r.Platform, strings.Join(parts, ", "))
}
