// Package installer finds the trust stores of a root file system and edits them.
//
// Start with [Install] and [Remove], which edit a [rootfs.Overlay], and with
// [Inspect], which looks at a root. They know nothing of where the root is: the
// running system, a directory or a container image.
//
// A store is one convention for keeping trusted certificates. It has anchors,
// the files that a distribution's own tool reads, and generated files, which
// that tool writes. Both are written: anchors alone are not effective until the
// tool runs, which it cannot in many an image, and a generated file alone is
// lost when it next runs. Where it can be, the result is what the tool itself
// would have written, so that running it later changes nothing.
//
// What was installed is kept in the root, in [RecordPath], for [Remove].
package installer

import (
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"

	"github.com/certgraft/certgraft/certs"
	"github.com/certgraft/certgraft/rootfs"
)

// ErrRefused is what an error wraps where a root does not want a certificate.
var ErrRefused = errors.New("the input was refused")

// Options say how a root is edited.
type Options struct {
	Stores            []string          // names of stores, system for the distribution's; nil is all that are safe to edit
	Append            bool              // only append to bundles: no anchors, no links
	WithMozilla       bool              // start a bundle where there is none with the Mozilla roots
	OverrideBlocklist bool              // install what the root has deselected
	Sync              bool              // take out what a source no longer has
	KeepGoing         bool              // edit the other stores when one fails
	Environ           map[string]string // environment of the programs in the root, where it is known
	Live              bool              // the root is the running system's
}

// Source is what is to be installed from one place.
type Source struct {
	Name      string // public name, as recorded
	Anchor    string // what anchor files are named after
	SetDigest string // of all certificates that it holds
	Certs     *certs.Set
}

// Report says what was done, or would be.
type Report struct {
	Detection *Detection
	Stores    []StoreReport
	Warnings  []string
	Notes     []string
	Advice    []Advice

	links linkChanges // for the hooks
}

// StoreReport says what became of one store.
type StoreReport struct {
	Name    string `json:"name"`
	Path    string `json:"path"`    // of the file that programs read
	Total   int    `json:"total"`   // certificates in it now
	Added   int    `json:"added"`   // by this run
	Present int    `json:"present"` // wanted, and there before
	Removed int    `json:"removed"` // by this run
}

// Advice is what someone has to do for a runtime that reads none of the stores.
type Advice struct {
	Runtime string `json:"runtime"`
	Path    string `json:"path"`
	Do      string `json:"do"`
}

// String returns the advice on one line.
func (a Advice) String() string { return a.Runtime + " (" + a.Path + "): " + a.Do }

// store is one convention for keeping trusted certificates.
type store interface {
	// name is what the user and the record call the store.
	name() string
	// install adds what is wanted and not there.
	install(e *edit, want []wanted) (StoreReport, error)
	// remove takes gone out, as far as this program added it.
	remove(e *edit, gone *certs.Set) (StoreReport, error)
}

// wanted is a certificate that is to be in the stores.
type wanted struct {
	*certs.Certificate
	anchor string // what its anchor file is named after
}

// edit is one run on one root.
type edit struct {
	root   *rootfs.Overlay
	opt    Options
	record *record
	report *Report
}

func newEdit(root *rootfs.Overlay, opt Options) (*edit, error) {
	detection, err := Detect(root)
	if err != nil {
		return nil, err
	}
	recorded, err := readRecord(root)
	if err != nil {
		return nil, err
	}
	return &edit{root: root, opt: opt, record: recorded, report: &Report{Detection: detection}}, nil
}

// stores returns the stores that are to be edited.
func (e *edit) stores() ([]store, error) {
	var all []store
	switch {
	case e.opt.Append:
		all = append(all, bundleStore{})
	case e.report.Detection.Family == "debian":
		all = append(all, debianStore{})
	case e.report.Detection.Family == "alpine":
		all = append(all, alpineStore{})
	default:
		all = append(all, bundleStore{})
	}
	if len(e.opt.Environ) > 0 {
		all = append(all, envStore{})
	}
	if e.opt.Stores == nil {
		return all, nil
	}
	return selectStores(all, e.opt.Stores)
}

func selectStores(all []store, names []string) ([]store, error) {
	var chosen []store
	for _, n := range names {
		found := false
		for i, s := range all {
			if n == s.name() || n == "system" && i == 0 || n == "auto" {
				found = true
				if !slices.ContainsFunc(chosen, func(c store) bool { return c.name() == s.name() }) {
					chosen = append(chosen, s)
				}
			}
		}
		if !found {
			return nil, hinted{fmt.Errorf("this root has no store %q", n), "stores: " + storeNames(all) + ", or system for the first of them"}
		}
	}
	return chosen, nil
}

func storeNames(all []store) string {
	var names []string
	for _, s := range all {
		names = append(names, s.name())
	}
	return strings.Join(names, ", ")
}

// Install adds the certificates of sources to the stores of root. Nothing is
// written to the root itself: on an error the overlay is to be thrown away.
func Install(root *rootfs.Overlay, sources []Source, opt Options) (*Report, error) {
	e, err := newEdit(root, opt)
	if err != nil {
		return nil, err
	}
	if rule, ok := later[e.report.Detection.ID]; ok {
		e.warn("the store of %s is not written yet: only its bundle is extended, which %s undoes", e.report.Detection.ID, rule)
	}
	want := e.note(sources)
	if opt.Sync {
		if err := e.sync(sources); err != nil {
			return nil, err
		}
	}
	stores, err := e.stores()
	if err != nil {
		return nil, err
	}
	if err := e.installInto(stores, want); err != nil {
		return nil, err
	}
	e.warnIntermediates(want)
	e.advise()
	return e.report, e.record.write(root)
}

func (e *edit) installInto(stores []store, want []wanted) error {
	var errs []error
	for _, s := range stores {
		r, err := s.install(e, want)
		switch {
		case err != nil && !e.opt.KeepGoing:
			return err
		case err != nil:
			e.warn("store %s: %s", s.name(), err)
			errs = append(errs, err)
		case r.Name != "":
			e.report.Stores = append(e.report.Stores, r)
		}
	}
	if len(errs) == len(stores) {
		return errors.Join(errs...)
	}
	return nil
}

// note enters the sources into the record and returns what is wanted, each
// certificate once.
func (e *edit) note(sources []Source) []wanted {
	var want []wanted
	seen := map[certs.Fingerprint]bool{}
	for _, s := range sources {
		e.record.setSource(s.Name, s.SetDigest)
		for c := range s.Certs.All() {
			e.record.note(c, s.Name)
			if !seen[c.Fingerprint()] {
				seen[c.Fingerprint()] = true
				want = append(want, wanted{c, s.Anchor})
			}
		}
		e.nameGone(s)
	}
	return want
}

// nameGone names what was installed from a source that the source no longer
// has. It stays: something may still need it.
func (e *edit) nameGone(s Source) {
	if e.opt.Sync {
		return
	}
	for _, c := range e.record.Certificates {
		f, err := certs.ParseFingerprint(c.Fingerprint)
		if err == nil && slices.Contains(c.Sources, s.Name) && !s.Certs.Has(f) {
			e.report.Notes = append(e.report.Notes, fmt.Sprintf("%s was installed from %s before and stays, though it is no longer wanted from there; --sync takes it out", c.Subject, s.Name))
		}
	}
}

// warnIntermediates names what is trusted only by programs that take any
// certificate of a store for an end of the chain.
func (e *edit) warnIntermediates(want []wanted) {
	trusted := map[string]bool{}
	for c, err := range Trusted(e.root) {
		if err == nil {
			trusted[c.Subject()] = true
		}
	}
	for _, w := range want {
		if w.IsCA() && !w.SelfIssued() && !trusted[w.Issuer()] {
			e.warn("%s is an intermediate, and its root %s is not trusted here: OpenSSL and what is built on it (curl, psql, Ruby, PHP, Python before 3.13) go on to the root and fail; install the root too", w.Subject(), w.Issuer())
		}
	}
}

func (e *edit) warn(format string, args ...any) {
	e.report.Warnings = append(e.report.Warnings, fmt.Sprintf(format, args...))
}

// hinted is an error that knows what to do next.
type hinted struct {
	error
	hint string
}

func (h hinted) Unwrap() error { return h.error }

// Hint returns the advice to print below the error.
func (h hinted) Hint() string { return h.hint }

// readIfThere returns the content of a file, nil where there is none.
func readIfThere(root fs.FS, name string) ([]byte, error) {
	data, err := fs.ReadFile(root, name)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	return data, err
}
