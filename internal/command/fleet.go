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

// A fleet is the images of a list, with each of which a command does the same.
// What one came to is reported as soon as it is done, what several have to say
// once at the end, and then the total.
type fleet struct {
	p    *printer
	out  io.Writer // of the report
	noun string    // what each of the list is

	order  []string // of what the total counts
	counts map[string]int
	heard  []heard
	known  map[heard]bool

	errs    []error
	advised map[string]bool // what to do about them

	last func() error // is done before the total; nil is nothing
}

// outcome is what one of a list came to.
type outcome struct {
	as     string       // as what the total counts it
	json   any          // its line of JSON
	report func() error // writes what a user reads of it; nil writes nothing
}

// Words that any total may count.
const (
	asFailed  = "failed"
	asSkipped = "not reached"
)

// newFleet returns a fleet whose total counts what is done in that order.
func newFleet(p *printer, out io.Writer, noun string, order ...string) *fleet {
	return &fleet{p: p, out: out, noun: noun, order: append(order, asFailed, asSkipped), counts: map[string]int{}, known: map[heard]bool{}, advised: map[string]bool{}}
}

// each does one thing with everything on a list, and goes on where it fails. It
// ends early where the report cannot be written; any other error it has told.
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

// add counts and reports what one came to.
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

// fail writes an error, but for one that the report tells. What to do about it is
// below it, where it is not below an earlier one.
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

// end writes what several had to say, and the total.
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

// total says what the images of the list came to.
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
