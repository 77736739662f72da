package installer

import (
	"errors"
	"fmt"

	"github.com/certgraft/certgraft/certs"
)

// format is a kind of file that holds certificates and is read and written as a
// whole, unlike bundles, whose bytes stay.
type format struct {
	name string
	open func(e *edit, name string, data []byte) (content, error)
}

// content is such a file.
type content interface {
	held() *certs.Set
	add(w wanted) error
	drop(gone map[certs.Fingerprint]bool) error
	encode() ([]byte, error)
}

// fill writes what is wanted and a place does not have, and enters it into the
// record.
func (e *edit) fill(store, place string, have *certs.Set, want []wanted, write func(w wanted) error) (StoreReport, error) {
	report := StoreReport{Name: store, Path: "/" + place, Total: have.Len()}
	for _, w := range want {
		if have.Has(w.Fingerprint()) {
			report.Present++
			continue
		}
		if err := write(w); err != nil {
			return report, err
		}
		e.record.added(w.Certificate, storeOf(store, place))
		report.Added++
		report.Total++
	}
	return report, nil
}

// openFile reads a file of a format; nil content where there is no file.
func (e *edit) openFile(name string, as format) (content, error) {
	data, err := readIfThere(e.root, name)
	if err != nil || data == nil {
		return nil, err
	}
	c, err := as.open(e, name, data)
	if err != nil {
		if h, ok := errors.AsType[hinted](err); ok {
			return nil, hinted{fmt.Errorf("/%s: %w", name, h.error), h.hint}
		}
		return nil, hinted{fmt.Errorf("/%s is no %s that can be edited: %w", name, as.name, err), "restore it, or take it away, or edit the other stores alone with --keep-going"}
	}
	return c, nil
}

// extendFile adds to a file what is wanted and not in it, and reads it back.
func (e *edit) extendFile(store, name string, as format, want []wanted) error {
	real, err := e.root.Resolve(name)
	if err != nil {
		return err
	}
	c, err := e.openFile(real, as)
	if err != nil || c == nil {
		return err
	}
	before := c.held()
	report, err := e.fill(store, real, before, want, c.add)
	if err != nil {
		return fmt.Errorf("/%s: %w", real, err)
	}
	if report.Added > 0 {
		if report.Total, err = e.rewrite(real, as, c, want, before); err != nil {
			return err
		}
	}
	e.report.add(report)
	return nil
}

// rewrite writes an edited file and finds in what was written all that there
// was and all that is wanted.
func (e *edit) rewrite(name string, as format, c content, want []wanted, before *certs.Set) (total int, err error) {
	data, err := c.encode()
	if err != nil {
		return 0, fmt.Errorf("write /%s: %w", name, err)
	}
	if err := e.root.WriteFile(name, data, 0o644); err != nil {
		return 0, err
	}
	again, err := e.openFile(name, as)
	if err != nil {
		return 0, err
	}
	needed := &certs.Set{}
	for _, w := range want {
		needed.Add(w.Certificate, "")
	}
	for c := range before.All() {
		needed.Add(c, "")
	}
	held := again.held()
	for c := range needed.All() {
		if !held.Has(c.Fingerprint()) {
			return 0, fmt.Errorf("/%s was edited and does not hold %s: nothing was changed; please report this", name, c.Subject())
		}
	}
	return held.Len(), nil
}

// shrinkFile takes gone out of a file, as far as this program added it.
func (e *edit) shrinkFile(store, name string, as format, gone map[certs.Fingerprint]bool) error {
	c, err := e.openFile(name, as)
	if err != nil || c == nil {
		return err
	}
	before := c.held().Len()
	out := map[certs.Fingerprint]bool{}
	for f := range e.record.in(storeOf(store, name)) {
		out[f] = gone[f]
	}
	if err := c.drop(out); err != nil {
		return fmt.Errorf("/%s: %w", name, err)
	}
	left := c.held().Len()
	e.report.add(StoreReport{Name: store, Path: "/" + name, Removed: before - left, Total: left})
	if left == before {
		return nil
	}
	data, err := c.encode()
	if err != nil {
		return fmt.Errorf("write /%s: %w", name, err)
	}
	return e.root.WriteFile(name, data, 0o644)
}
