package installer

import (
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
	Fingerprints []certs.Fingerprint // of certificates, whatever their source
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
	if len(e.record.Certificates) == 0 {
		e.report.Notes = append(e.report.Notes, "there is no record of certgraft in this root: nothing was installed, or the record was deleted")
		return e.report, nil
	}
	gone, unknown := e.forget(selected)
	if gone.Len() == 0 && len(unknown) > 0 {
		e.report.Notes = append(e.report.Notes, "nothing was installed from "+strings.Join(unknown, ", ")+": the record has "+strings.Join(e.sourceNames(), ", "))
	}
	if err := e.takeOut(gone); err != nil {
		return nil, err
	}
	return e.report, e.record.write(root)
}

func (e *edit) sourceNames() []string {
	var names []string
	for _, s := range e.record.Sources {
		names = append(names, s.Name)
	}
	return names
}

// forget takes the selected sources out of the record, and returns the
// certificates that then have none, and the sources that it does not know.
func (e *edit) forget(selected Selection) (gone *certs.Set, unknown []string) {
	names := e.selectedSources(selected)
	for _, n := range selected.Sources {
		if !slices.Contains(e.sourceNames(), n) {
			unknown = append(unknown, n)
		}
	}
	e.record.Sources = slices.DeleteFunc(e.record.Sources, func(s recordedSource) bool { return slices.Contains(names, s.Name) })
	print := map[string]bool{}
	for _, f := range selected.Fingerprints {
		print[f.String()] = true
	}
	for i := range e.record.Certificates {
		c := &e.record.Certificates[i]
		c.Sources = slices.DeleteFunc(c.Sources, func(s string) bool { return slices.Contains(names, s) })
		if print[c.Fingerprint] {
			c.Sources = nil
		}
	}
	return e.orphans(), unknown
}

func (e *edit) selectedSources(selected Selection) []string {
	var names []string
	for _, s := range e.record.Sources {
		if selected.All || slices.Contains(selected.Sources, s.Name) || slices.Contains(selected.Sets, s.Set) {
			names = append(names, s.Name)
		}
	}
	if selected.All { // Mozilla roots that a bundle was started with, too
		for _, c := range e.record.Certificates {
			names = append(names, c.Sources...)
		}
	}
	return names
}

// orphans returns the certificates of the record that have no source left. Only
// their fingerprints are known until they are found in a store.
func (e *edit) orphans() *certs.Set {
	gone := &certs.Set{}
	held := e.everything()
	for _, c := range e.record.Certificates {
		if len(c.Sources) > 0 {
			continue
		}
		f, err := certs.ParseFingerprint(c.Fingerprint)
		if found := held.Get(f); err == nil && found != nil {
			gone.Add(found, "")
		}
	}
	return gone
}

// everything returns the certificates in all stores of the root.
func (e *edit) everything() *certs.Set {
	set := &certs.Set{}
	for c, err := range Trusted(e.root) {
		if err == nil {
			set.Add(c, "")
		}
	}
	if d, err := readDebian(e.root); err == nil {
		for _, data := range d.content {
			for c := range readPEM(data).certificates().All() {
				set.Add(c, "")
			}
		}
	}
	if files, err := e.envFiles(); err == nil {
		for _, name := range files {
			data, _ := readIfThere(e.root, name)
			for c := range readPEM(data).certificates().All() {
				set.Add(c, "")
			}
		}
	}
	return set
}

// takeOut removes gone from the stores that it was added to, and from the
// record.
func (e *edit) takeOut(gone *certs.Set) error {
	for _, s := range e.recordedStores() {
		r, err := s.remove(e, gone)
		if err != nil {
			return err
		}
		if r.Name != "" {
			e.report.Stores = append(e.report.Stores, r)
		}
	}
	e.record.Certificates = slices.DeleteFunc(e.record.Certificates, func(c recordedCert) bool { return len(c.Sources) == 0 })
	if len(e.record.Certificates) == 0 {
		e.record.Sources, e.record.Stores = nil, nil
	}
	return nil
}

// recordedStores returns the stores that something was added to, whatever the
// root looks like now.
func (e *edit) recordedStores() []store {
	var used []store
	for _, s := range []store{debianStore{}, alpineStore{}, bundleStore{}, envStore{}} {
		if slices.ContainsFunc(e.record.Certificates, func(c recordedCert) bool {
			return slices.ContainsFunc(c.Stores, func(n string) bool { return n == s.name() || strings.HasPrefix(n, s.name()+":") })
		}) {
			used = append(used, s)
		}
	}
	return used
}

// sync takes out what was installed from sources before and is no longer
// wanted from them.
func (e *edit) sync(sources []Source) error {
	for _, s := range sources {
		for i := range e.record.Certificates {
			c := &e.record.Certificates[i]
			f, err := certs.ParseFingerprint(c.Fingerprint)
			if err == nil && !s.Certs.Has(f) {
				c.Sources = slices.DeleteFunc(c.Sources, func(n string) bool { return n == s.Name })
			}
		}
	}
	if gone := e.orphans(); gone.Len() > 0 {
		return e.takeOut(gone)
	}
	return nil
}
