package command

import (
	"context"
	"fmt"
	"io"

	"github.com/certgraft/certgraft/image"
)

// planResult is the JSON of certgraft patch --print-plan; docs/json.md describes
// it for users.
type planResult struct {
	Schema    int          `json:"schema"` // 1; grows when a field changes its meaning
	Image     string       `json:"image"`
	Error     string       `json:"error,omitzero"` // of an image of a list that failed
	Digest    image.Digest `json:"digest"`
	Total     int64        `json:"total"` // bytes of all layers, each once
	Read      int64        `json:"read"`  // bytes of the layers that patch would read
	Platforms []planPart   `json:"platforms"`
}

type planPart struct {
	Platform string            `json:"platform"`
	Digest   image.Digest      `json:"digest"`
	Left     string            `json:"left,omitzero"`
	Layers   []image.LayerPlan `json:"layers"`
}

// printPlan writes which layers patch would read. It reads neither layers nor
// sources.
func (w *imageEditor) printPlan(ctx context.Context) error {
	if !w.o.place.list.given() {
		plan, err := w.plan(ctx, w.jobs[0])
		if err != nil {
			return err
		}
		return w.p.result(plan, plan.text)
	}
	f := newFleet(w.p, w.p.out, "image", asPlanned)
	return each(ctx, f, w.jobs, func(ctx context.Context, job patchJob) (outcome, error) {
		plan, err := w.plan(ctx, job)
		if err != nil {
			return outcome{as: asFailed, json: planResult{Schema: 1, Image: job.String(), Error: err.Error(), Platforms: []planPart{}}}, err
		}
		return outcome{as: asPlanned, json: plan, report: func() error { return w.p.result(nil, plan.text) }}, nil
	})
}

// asPlanned is the word by which the total counts a planned image.
const asPlanned = "planned"

// plan returns the layers of one image that patch would read.
func (w *imageEditor) plan(ctx context.Context, job patchJob) (*planResult, error) {
	img, err := job.from.Get(ctx)
	if err != nil {
		return nil, notARegistry(job.from, err)
	}
	opt := w.opt
	opt.Destinations = job.to
	parts, err := image.Plan(ctx, img, opt)
	if err != nil {
		return nil, err
	}
	return newPlanResult(job.from.String(), img, parts), nil
}

func newPlanResult(name string, img *image.Image, parts []image.PartPlan) *planResult {
	r := &planResult{Schema: 1, Image: name, Digest: img.Descriptor.Digest, Platforms: []planPart{}}
	seen := map[image.Digest]bool{}
	for _, part := range parts {
		r.Platforms = append(r.Platforms, planPart{part.Platform.String(), part.Digest, part.Left, orEmpty(part.Layers)})
		for _, l := range part.Layers {
			if !seen[l.Digest] {
				r.Total += l.Size
			}
			seen[l.Digest] = true
			if l.Action == image.ActionRead {
				r.Read += l.Size
			}
		}
	}
	return r
}

func (r *planResult) text(w io.Writer) {
	fmt.Fprintf(w, "%s is %s\n", r.Image, r.Digest)
	var rows [][]string
	for _, part := range r.Platforms {
		rows = append(rows, []string{part.Platform, part.Left})
		for _, l := range part.Layers {
			rows = append(rows, []string{"  " + string(l.Digest)[:min(19, len(l.Digest))], size(l.Size), string(l.Action), l.Why})
		}
	}
	table(w, rows)
	fmt.Fprintf(w, "would read %s of %s\n", size(r.Read), size(r.Total))
}
