// Package installer finds the trust stores of a root file system and edits them.
//
// Start with [Install] and [Remove], which edit a [rootfs.Overlay], and with [Inspect],
// which looks at a root. They work the same on the running system, a directory and a
// container image.
//
// A store is one convention for keeping trusted certificates. It has anchors, the files
// that a distribution's own tool reads, and generated files, which that tool writes.
// This package writes both. Anchors alone have no effect until the tool runs, and many
// images cannot run it. A generated file alone is lost when the tool next runs. Where
// possible, the result is what the tool itself would have written, so that a later run
// of the tool changes nothing. Where the tool would not have left a root as it is, the
// package adds the certificates and leaves the rest unchanged.
//
// The root keeps a record of the installed certificates at [RecordPath], for [Remove].
//
// The API may change before version 1.0.
package installer

import (
	"errors"
	"fmt"
	"io/fs"
	"slices"

	"github.com/certgraft/certgraft/installer/internal/distrusted"
	"github.com/certgraft/certgraft/internal/hint"
	"github.com/certgraft/certgraft/rootfs"
)

// Install adds the certificates of sources to the stores of root. It writes to the
// overlay only: after an error the caller must discard the overlay.
func Install(root *rootfs.Overlay, sources []Source, opt Options) (*Report, error) {
	e, err := newEdit(root, opt)
	if err != nil {
		return nil, err
	}
	sources = e.withoutMozilla(sources)
	want := e.note(sources)
	if err := e.refuseDistrusted(want); err != nil {
		return nil, err
	}
	if opt.Sync {
		if err := e.sync(byName(sources)); err != nil {
			return nil, err
		}
	}
	stores, err := e.stores()
	if err != nil {
		return nil, err
	}
	if want, err = e.beginBundle(want); err != nil {
		return nil, err
	}
	if err := e.installInto(stores, want); err != nil {
		return nil, err
	}
	if !e.first {
		e.warnAlone(want)
	}
	e.warnUnrooted(want)
	e.advise(want)
	e.adviseCompiled(want)
	return e.report, e.record.write(root)
}

func (e *edit) installInto(stores []store, want []wanted) error {
	if !e.opt.KeepGoing {
		for _, s := range stores {
			if err := s.install(e, want); err != nil {
				return err
			}
		}
		return nil
	}
	var errs []error
	for _, s := range stores {
		if err := e.try(s, want); err != nil {
			e.warn("store %s was left as it is: %s", s.name(), err)
			errs = append(errs, err)
		}
	}
	if len(errs) == len(stores) {
		return errors.Join(errs...)
	}
	return nil
}

// try edits one store completely or not at all.
func (e *edit) try(s store, want []wanted) error {
	recorded, err := e.record.clone()
	if err != nil {
		return err
	}
	trial, report := *e, *e.report
	trial.root, trial.record, trial.report = rootfs.NewOverlay(e.root), recorded, &report
	if err := s.install(&trial, want); err != nil {
		return err
	}
	if err := trial.root.Try(); err != nil {
		return err
	}
	*e.record, *e.report, e.covered = *recorded, report, trial.covered
	return replay(e.root, trial.root)
}

// replay makes the changes of trial in root. It removes a directory after the files in
// it.
func replay(root, trial *rootfs.Overlay) error {
	changes := slices.Collect(trial.Changes())
	for _, c := range slices.Backward(changes) {
		if c.Removed {
			if err := root.Remove(c.Name); err != nil {
				return err
			}
		}
	}
	for _, c := range changes {
		var err error
		switch {
		case c.Removed:
		case c.Mode.IsDir():
			err = root.MkdirAll(c.Name, c.Mode.Perm())
		case c.Mode&fs.ModeSymlink != 0:
			err = root.Symlink(c.Target, c.Name)
		default:
			err = root.WriteFile(c.Name, c.Data, c.Mode.Perm())
			if err == nil && c.Owner != nil {
				err = root.Chown(c.Name, *c.Owner)
			}
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// warnUnrooted names certificates that are no roots and whose issuer the root does not
// trust. Only programs that accept any certificate of a store as the end of a chain
// trust them.
func (e *edit) warnUnrooted(want []wanted) {
	below := slices.DeleteFunc(slices.Clone(want), func(w wanted) bool { return w.SelfIssued() })
	if len(below) == 0 {
		return // the usual case: spare reading the bundles
	}
	trusted := map[string]bool{}
	for c, err := range e.trusted() {
		if err == nil {
			trusted[c.Subject()] = true
		}
	}
	for _, w := range below {
		if !trusted[w.Issuer()] {
			e.warn("%s is no root, and its issuer %s is not trusted here: OpenSSL and programs that use it (psql, Node, Ruby, PHP, Python before 3.13) go on to the root and fail; install the root too", w.Subject(), w.Issuer())
		}
	}
}

// refuseDistrusted returns an error if a wanted certificate is distrusted in this root.
func (e *edit) refuseDistrusted(want []wanted) error {
	kept, err := distrusted.Read(e.root)
	if err != nil {
		return err
	}
	for _, w := range want {
		switch i := slices.IndexFunc(kept.Asked, func(a distrusted.Asked) bool { return a.Is(w.Certificate) }); {
		case i < 0:
		case e.opt.OverrideBlocklist:
			e.warn("%s is installed although certgraft distrust took it out of this root", w.Subject())
		default:
			return hint.Add(fmt.Errorf("%w: %s is distrusted in this root: certgraft distrust took it out", ErrRefused, w.Subject()),
				"leave it out, trust it again with certgraft distrust --undo, or install it anyway with --override-blocklist")
		}
	}
	return nil
}
