package installer

import (
	"errors"
	"slices"
	"strings"

	"github.com/certgraft/certgraft/certs"
	"github.com/certgraft/certgraft/rootfs"
)

// Selection says what is to be removed.
type Selection struct {
	All          bool
	Sources      []string            // public names, as recorded
	Sets         []string            // set digests, as recorded
	Fingerprints []certs.Fingerprint // of certificates that no selected source names, whatever theirs
}

// Remove takes out of the stores of root what was installed from the selected
// sources, unless another source has it too, and nothing that was there before.
// It reads the record only: files that others changed meanwhile lose our
// certificates and nothing else. Nothing to remove is no error.
func Remove(root *rootfs.Overlay, selected Selection, opt Options) (*Report, error) {
	e, err := newEdit(root, opt)
	if err != nil {
		return nil, err
	}
	if opt.Stores != nil {
		return nil, hinted{errors.New("a certificate is removed from every store that it was added to"), "leave --stores out"}
	}
	if len(e.record.Certificates) == 0 {
		e.tell("there is no record of certgraft in this root: nothing was installed, or the record was deleted")
		return e.report, nil
	}
	e.forget(selected)
	if err := e.takeOut(); err != nil {
		return nil, err
	}
	e.report.Sources = append([]string{}, e.sourceNames()...)
	return e.report, e.record.write(root)
}

// forget takes the selected sources off the certificates in the record.
func (e *edit) forget(selected Selection) {
	names, unknown := e.selectedSources(selected)
	prints := map[string]bool{}
	for _, f := range selected.Fingerprints {
		prints[f.String()] = true
	}
	found := len(names) > 0
	for i := range e.record.Certificates {
		c := &e.record.Certificates[i]
		before := len(c.Sources)
		c.Sources = slices.DeleteFunc(c.Sources, func(s string) bool { return slices.Contains(names, s) })
		if prints[c.Fingerprint] && before == len(c.Sources) || selected.All {
			c.Sources, found = nil, true
		}
	}
	if !found && len(unknown) > 0 {
		e.tell("nothing was installed from %s: the record has %s", strings.Join(unknown, ", "), strings.Join(e.sourceNames(), ", "))
	}
	e.record.Sources = slices.DeleteFunc(e.record.Sources, func(s recordedSource) bool { return selected.All || slices.Contains(names, s.Name) })
}

// selectedSources returns the recorded names of the selected sources, and the
// names that are not recorded.
func (e *edit) selectedSources(selected Selection) (names, unknown []string) {
	for _, s := range e.record.Sources {
		if selected.All || slices.Contains(selected.Sources, s.Name) || slices.Contains(selected.Sets, s.Set) {
			names = append(names, s.Name)
		}
	}
	for _, n := range selected.Sources {
		if !slices.Contains(names, n) {
			unknown = append(unknown, n)
		}
	}
	return names, unknown
}

func (e *edit) sourceNames() []string {
	var names []string
	for _, s := range e.record.Sources {
		names = append(names, s.Name)
	}
	return names
}

// takeOut removes the certificates that have no source left from the stores
// that they were added to, whatever the root looks like now, and from the
// record.
func (e *edit) takeOut() error {
	gone := map[certs.Fingerprint]bool{}
	for _, c := range e.record.Certificates {
		if f, err := certs.ParseFingerprint(c.Fingerprint); err == nil && len(c.Sources) == 0 {
			gone[f] = true
		}
	}
	if len(gone) == 0 {
		return nil
	}
	for _, row := range stores {
		if !e.record.knows(row.store.name()) {
			continue
		}
		if err := row.store.remove(e, gone); err != nil {
			return err
		}
	}
	e.record.Certificates = slices.DeleteFunc(e.record.Certificates, func(c recordedCert) bool { return len(c.Sources) == 0 })
	if len(e.record.Certificates) == 0 {
		e.report.Unset = e.record.Environment
		e.record.Sources, e.record.Stores, e.record.Environment = nil, nil, nil
	}
	return nil
}
