package command

import (
	"context"
	"fmt"
	"io"

	"github.com/certgraft/certgraft/image"
	"github.com/certgraft/certgraft/probe"
)

// fleet says for each image of a list whether its programs would trust the server.
// It connects to the server once.
func (o *verifyOptions) fleet(ctx context.Context, p *printer, arg string) error {
	now, err := p.env.now()
	if err != nil {
		return err
	}
	target, opt, err := o.connection(ctx, p, arg)
	if err != nil {
		return err
	}
	if err := o.trust.check(); err != nil {
		return err
	}
	roots, err := o.trust.imageRoot.roots(ctx, p)
	if err != nil {
		return err
	}
	list, err := readLooks(ctx, p, &o.trust.imageRoot.list, roots.Locations)
	if err != nil {
		return err
	}
	h, err := o.hearing(ctx, p, now)
	if err != nil {
		return err
	}
	loaded, err := o.trust.loadSources(ctx, p)
	if err != nil {
		return err
	}
	h.session = probe.Connect(ctx, target, opt)
	if err := o.server(h); err != nil {
		return err
	}
	f := newFleet(p, p.out, "image", string(probe.Trusted), string(probe.NotTrusted), string(probe.Undecided))
	return each(ctx, f, list, func(ctx context.Context, at image.Location) (outcome, error) {
		trust, err := o.trust.ofImage(ctx, roots, at, loaded)
		if err != nil {
			return outcome{as: asFailed, json: verifyResult{Schema: 1, Trust: trustResult{Root: at.String(), With: []string{}}, Error: err.Error(), Warnings: []string{}}}, err
		}
		defer trust.Close()
		result := h.judge(trust)
		f.warn(result.Warnings, at)
		return outcome{as: string(result.Verdict.Status), json: result, report: func() error { return p.result(nil, result.line) }}, verdictStatus(result.Verdict)
	})
}

// server reports the part of the verdict that no image changes. It returns an
// error if that part decides: then no image need be read.
func (o *verifyOptions) server(h hearing) error {
	result := h.judge(o.trust.newTrust())
	if err := o.save(h.session, &result); err != nil {
		return err
	}
	if len(h.session.Raw) > 0 {
		if h.p.json || h.p.quiet {
			return nil
		}
		return h.p.write(h.p.out, result.server)
	}
	for _, w := range result.Warnings {
		h.p.warn(w)
	}
	if h.p.json {
		if err := h.p.jsonLine(result); err != nil {
			return err
		}
	} else if err := h.p.result(result, result.text); err != nil {
		return err
	}
	return verdictStatus(result.Verdict)
}

// server writes the address of the server.
func (r verifyResult) server(w io.Writer) {
	fmt.Fprintf(w, "%s, %s\n", r.address(), r.Protocol)
	if r.Saved != "" {
		fmt.Fprintf(w, "%s has the certificates of the server; the file proves nothing about the server\n", r.Saved)
	}
}

// line writes the verdict of one image of a list.
func (r verifyResult) line(w io.Writer) {
	fmt.Fprintf(w, "%s: ", r.Trust.Root)
	r.verdictText(w)
	for _, c := range r.Caveats {
		fmt.Fprintf(w, "  but: %s\n", c)
	}
}
