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
	Digest    image.Digest `json:"digest"`
	Total     int64        `json:"total"` // bytes of all layers, each once
	Read      int64        `json:"read"`  // of those that would be read
	Platforms []planPart   `json:"platforms"`
}

type planPart struct {
	Platform string            `json:"platform"`
	Digest   image.Digest      `json:"digest"`
	Left     string            `json:"left,omitzero"`
	Layers   []image.LayerPlan `json:"layers"`
}

// printPlan says what would be read. Nothing is: neither a layer nor a source.
func (w *imageEditor) printPlan(ctx context.Context) error {
	var results []*planResult
	for _, job := range w.jobs {
		img, err := job.from.Get(ctx)
		if err != nil {
			return err
		}
		opt := w.opt
		opt.Destinations = job.to
		parts, err := image.Plan(ctx, img, opt)
		if err != nil {
			return err
		}
		results = append(results, newPlanResult(job.from.String(), img, parts))
	}
	var v any = results
	if w.o.place.fromFile == "" {
		v = results[0]
	}
	return w.p.result(v, func(out io.Writer) {
		for _, r := range results {
			r.text(out)
		}
	})
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
