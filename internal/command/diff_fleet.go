package command

import (
	"context"

	"github.com/certgraft/certgraft/certs"
	"github.com/certgraft/certgraft/image"
)

// The words by which the total counts two images.
const (
	asSame    = "the same"
	asDiffers = "different"
)

// fleet compares the two images on each line of a list.
func (o *diffOptions) fleet(ctx context.Context, p *printer) error {
	now, err := p.env.now()
	if err != nil {
		return err
	}
	roots, err := o.image.roots(ctx, p)
	if err != nil {
		return err
	}
	list, err := readImages(ctx, p, &o.image.list, roots.Locations, "A B")
	if err != nil {
		return err
	}
	f := newFleet(p, p.out, "pair", asSame, asDiffers)
	return each(ctx, f, list, func(ctx context.Context, of imageLine) (outcome, error) {
		side := func(at image.Location) side {
			return side{at.String(), func() (*place, error) { return roots.open(ctx, at) }}
		}
		result, err := o.compare(ctx, side(of[0]), side(of[1]), now)
		if err != nil {
			result = compareSets(&certs.Set{}, &certs.Set{}, now)
			result.A, result.B, result.Error, result.Warnings = of[0].String(), of[1].String(), err.Error(), []string{}
			return outcome{as: asFailed, json: result}, err
		}
		f.warn(result.Warnings, of...)
		out := outcome{as: asSame, json: result, report: func() error { return p.result(nil, result.text) }}
		if err = result.status(); err != nil {
			out.as = asDiffers
		}
		return out, err
	})
}
