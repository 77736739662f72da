package installer

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"slices"

	"golang.org/x/sys/unix"

	"github.com/certgraft/certgraft/certs"
	"github.com/certgraft/certgraft/internal/hint"
)

// format is a kind of file that holds certificates.
type format struct {
	name string
	open func(e *edit, store, name string, data []byte) (content, error)
}

// content is an opened file of a format.
type content interface {
	held() *certs.Set
	add(w wanted) error
	drop(w *withdrawal) error // drops the certificates of w that nothing explains, and names the rest
	encode() ([]byte, error)  // returns the same bytes if nothing changed
}

// fill writes the wanted certificates that a place lacks, and records them.
func (e *edit) fill(store, place string, have *certs.Set, want []wanted, write func(w wanted) error) (StoreReport, error) {
	report := StoreReport{Name: store, Path: "/" + place, Total: have.Len()}
	for _, w := range want {
		if have.Has(w.Fingerprint()) {
			e.heldBefore(place, w)
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

// warnHardLink warns that the other names of a hard-linked file keep the old content.
func (e *edit) warnHardLink(name string) {
	info, err := e.root.Lstat(name)
	if err != nil {
		return
	}
	if st, ok := info.Sys().(*unix.Stat_t); ok && st.Nlink > 1 && info.Mode().IsRegular() {
		e.warn("/%s is one of %d hard links to a file: the other names keep the old content; make them symbolic links to it", name, st.Nlink)
	}
}

// heldBefore records that a file held a wanted certificate before certgraft added it to
// any store.
func (e *edit) heldBefore(name string, w wanted) {
	if !e.record.old[w.Fingerprint()] && !e.record.claims(name)[w.Fingerprint()] {
		e.record.file(name).Hold(w.Fingerprint())
	}
}

// fillDir is fill for a directory whose real path is real. It also reports the
// directory.
func (e *edit) fillDir(store, place, real string, have *certs.Set, want []wanted, write func(w wanted) error) error {
	report, err := e.fill(store, place, have, want, write)
	if err != nil {
		return err
	}
	report.Path = "/" + real
	e.report.add(report)
	return nil
}

// extendFile adds the wanted certificates that a file lacks, and reports the file.
func (e *edit) extendFile(store, name string, as format, want []wanted) error {
	real, err := e.root.Resolve(name)
	if err != nil {
		return err
	}
	report, err := e.extend(store, real, as, want)
	if err != nil {
		return err
	}
	e.covered = append(e.covered, real)
	e.report.add(report)
	return nil
}

// extend adds the wanted certificates that a file lacks, and reads the file back.
func (e *edit) extend(store, name string, as format, want []wanted) (StoreReport, error) {
	was, err := readIfThere(e.root, name)
	if err != nil {
		return StoreReport{}, fmt.Errorf("read the bundle to extend: %w", err)
	}
	c, err := e.open(store, name, as, was)
	if err != nil {
		return StoreReport{}, err
	}
	before := c.held()
	report, err := e.fill(store, name, before, want, c.add)
	if err != nil || len(want) == 0 {
		return report, err
	}
	data, err := c.encode()
	if err != nil {
		return report, err
	}
	if f := e.record.file(name); f.SHA256 == "" || !bytes.Equal(data, was) && f.AsLeft(was) {
		f.Left(data)
	}
	if bytes.Equal(data, was) {
		return report, nil
	}
	e.warnHardLink(name)
	if err := e.root.WriteFile(name, data, 0o644); err != nil {
		return report, err
	}
	report.Total, err = e.readBack(name, as, want, before)()
	return report, err
}

// shrinkAll takes gone out of each recorded file of a store that no store has edited
// yet. It skips files of unknown format.
func (e *edit) shrinkAll(store string, formatOf func(name string) format, gone map[certs.Fingerprint]bool) error {
	for _, name := range e.record.files(store) {
		as := formatOf(name)
		if as.open == nil || slices.Contains(e.shrunk, name) {
			continue
		}
		if err := e.shrink(store, as, e.withdrawal(name, gone)); err != nil {
			return err
		}
	}
	return e.removeCreated(store)
}

// shrink takes the certificates that nothing explains out of a file, and reports the
// file.
func (e *edit) shrink(store string, as format, w *withdrawal) error {
	was, err := readIfThere(e.root, w.name)
	if err != nil || was == nil {
		return err
	}
	c, err := e.open(store, w.name, as, was)
	if err != nil {
		return err
	}
	before := c.held().Len()
	if err := c.drop(w); err != nil {
		return err
	}
	data, err := c.encode()
	if err != nil {
		return err
	}
	left := c.held().Len()
	e.shrunk = append(e.shrunk, w.name)
	if before != left || len(w.ours) > 0 {
		e.report.add(StoreReport{Name: store, Path: "/" + w.name, Removed: before - left, Total: left})
	}
	if bytes.Equal(data, was) {
		return nil
	}
	if w.file.AsLeft(was) {
		w.file.Left(data)
	}
	return e.root.WriteFile(w.name, data, 0o644)
}

// open opens a file of a format.
func (e *edit) open(store, name string, as format, data []byte) (content, error) {
	c, err := as.open(e, store, name, data)
	if h, ok := errors.AsType[hint.Error](err); ok {
		return nil, hint.Add(fmt.Errorf("/%s: %w", name, h.Unwrap()), h.Hint())
	}
	if err != nil {
		return nil, hint.Add(fmt.Errorf("/%s is no %s that can be edited: %w", name, as.name, err), "restore it, or take it away, or edit the other stores alone with --keep-going")
	}
	return c, nil
}

// readBack reads a written file as programs do, on another processor. The returned
// function waits for the result, checks that the file has the wanted and the earlier
// certificates, and returns the number of certificates.
func (e *edit) readBack(name string, as format, want []wanted, before *certs.Set) func() (int, error) {
	data, err := e.root.Content(name)
	if err != nil {
		return func() (int, error) { return 0, fmt.Errorf("read the written file back: %w", err) }
	}
	beside := &edit{root: e.root, opt: e.opt, reader: e.reader.Helper(), record: &record{}, report: &Report{Detection: e.report.Detection}}
	var held *certs.Set
	done := make(chan struct{})
	go func() {
		defer close(done)
		held, err = beside.asRead(name, as, data)
	}()
	return func() (int, error) {
		if <-done; err != nil {
			return 0, fmt.Errorf("/%s was edited and cannot be read, %w: nothing was changed; please report this", name, err)
		}
		for _, w := range want {
			if !held.Has(w.Fingerprint()) {
				return 0, lacks(name, w.Certificate)
			}
		}
		for c := range before.All() {
			if !held.Has(c.Fingerprint()) {
				return 0, lacks(name, c)
			}
		}
		return held.Len(), nil
	}
}

// asRead returns the certificates of a file that needs no repair.
func (e *edit) asRead(name string, as format, data []byte) (*certs.Set, error) {
	c, err := as.open(e, "", name, data)
	if err != nil {
		return nil, err
	}
	if again, err := c.encode(); err != nil || !bytes.Equal(again, data) {
		return nil, errors.Join(errors.New("it is damaged"), err)
	}
	return c.held(), nil
}

func lacks(name string, c *certs.Certificate) error {
	return fmt.Errorf("/%s was edited and does not hold %s: nothing was changed; please report this", name, c.Subject())
}

// removeCreated deletes the files that a store created, once they are empty, and the
// links to them.
func (e *edit) removeCreated(store string) error {
	recorded := e.record.store(store)
	for _, name := range recorded.Created {
		if info, err := e.root.Lstat(name); err == nil && info.Mode().IsRegular() && info.Size() == 0 {
			if err := e.root.Remove(name); err != nil {
				return err
			}
		}
	}
	var left []string
	for _, name := range recorded.Created {
		switch info, err := e.root.Lstat(name); {
		case err != nil:
		case info.Mode()&fs.ModeSymlink != 0 && (!exists(e.root, name) || e.leadsToOurEmpty(name)):
			if err := e.root.Remove(name); err != nil {
				return err
			}
		default:
			left = append(left, name)
		}
	}
	recorded.Created = left
	return nil
}

// leadsToOurEmpty reports whether a link leads to an empty directory that this program
// made.
func (e *edit) leadsToOurEmpty(name string) bool {
	real, err := e.root.Resolve(name)
	if err != nil || !slices.Contains(e.record.Directories, real) {
		return false
	}
	entries, err := e.root.ReadDir(real)
	return err == nil && len(entries) == 0
}
