package command

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/certgraft/certgraft/internal/command/words"
	"github.com/certgraft/certgraft/internal/hint"
)

// A fleet is the images of a list. A command does the same with each image. The
// result of an image is reported as soon as it is done. At the end come the
// warnings that several images share, each once, and then the total.
type fleet struct {
	p    *printer
	out  io.Writer // of the report
	noun string    // the noun for one entry of the list

	order  []string // of the counts in the total
	counts map[string]int
	heard  []heard
	known  map[heard]bool

	errs    []error
	advised map[string]bool // hints that were already written

	last func() error // runs before the total; may be nil
}

// outcome is the result of one entry of a list.
type outcome struct {
	as     string       // the word by which the total counts it
	json   any          // its line of JSON
	report func() error // writes the text for a user; nil writes no text
}

// Words that every total may count.
const (
	asFailed  = "failed"
	asSkipped = "not reached"
)

// newFleet returns a fleet whose total has its counts in that order.
func newFleet(p *printer, out io.Writer, noun string, order ...string) *fleet {
	return &fleet{p: p, out: out, noun: noun, order: append(order, asFailed, asSkipped), counts: map[string]int{}, known: map[heard]bool{}, advised: map[string]bool{}}
}

// each calls do for each entry of a list, and continues after an error, which it
// writes. It returns early only if the report cannot be written.
func each[T fmt.Stringer](ctx context.Context, f *fleet, list []T, do func(context.Context, T) (outcome, error)) error {
	for i, one := range list {
		if err := ctx.Err(); err != nil {
			f.fail(fmt.Errorf("stopped before %s: %w", one, err))
			f.counts[asSkipped] = len(list) - i
			break
		}
		done, err := do(ctx, one)
		if err := f.add(done); err != nil {
			return err
		}
		if err == nil {
			continue
		}
		if name := one.String(); !strings.HasPrefix(err.Error(), name) {
			err = fmt.Errorf("%s: %w", name, err)
		}
		f.fail(err)
	}
	return f.end(len(list))
}

// add counts and reports one outcome.
func (f *fleet) add(done outcome) error {
	f.counts[done.as]++
	switch {
	case f.p.json:
		return f.p.jsonLine(done.json)
	case done.report != nil:
		return done.report()
	}
	return nil
}

// fail writes an error, unless the report tells it. Each hint is written once,
// below the first error that has it.
func (f *fleet) fail(err error) {
	f.errs = append(f.errs, err)
	if !f.p.tells(err) {
		return
	}
	f.p.problem(err)
	for _, advice := range hint.Of(err) {
		if !f.advised[advice] {
			f.p.line("hint", cyan, advice)
		}
		f.advised[advice] = true
	}
}

// end writes the warnings that images share, and the total.
func (f *fleet) end(n int) error {
	if f.last != nil {
		if err := f.last(); err != nil {
			f.fail(err)
		}
	}
	f.say()
	if !f.p.json && !f.p.quiet {
		if err := f.p.write(f.out, func(w io.Writer) { fmt.Fprintln(w, f.total(n)) }); err != nil {
			return err
		}
	}
	if len(f.errs) == 0 {
		return nil
	}
	return toldError{errors.Join(f.errs...)}
}

// total counts the outcomes of the list.
func (f *fleet) total(n int) string {
	var parts []string
	for _, as := range f.order {
		if f.counts[as] > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", f.counts[as], as))
		}
	}
	text := "total: " + words.Plural(n, f.noun)
	if len(parts) > 0 {
		text += ": " + strings.Join(parts, ", ")
	}
	return text
}
