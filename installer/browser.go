package installer

import (
	"encoding/base64"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strings"

	"github.com/certgraft/certgraft/certs"
	"github.com/certgraft/certgraft/installer/internal/recorded"
	"github.com/certgraft/certgraft/internal/browser"
	"github.com/certgraft/certgraft/internal/hint"
)

// browserStore is the policies of browsers that name CAs to trust. Chromium's
// CACertificates has the certificates. Firefox's Certificates.Install has the paths of
// files. A policy belongs to the administrator, so install edits policies only when
// --stores names browser.
type browserStore struct{}

func (browserStore) name() string { return "browser" }

func (browserStore) used(e *edit) bool { return len(browser.Find(e.root)) > 0 }

func (s browserStore) install(e *edit, want []wanted) error {
	targets, err := e.policies()
	if err != nil {
		return err
	}
	for _, t := range targets {
		for _, passed := range t.Passed {
			e.warn("%s: this is not JSON, so %s skips the file, and it was left unchanged; repair it and install again", passed, strings.Join(t.Browsers, ", "))
		}
		if err := makeDirs(e.root, e.record, path.Dir(t.Path)); err != nil {
			return err
		}
		if err := e.extendFile(s.name(), t.Path, policyFormat(t.Kind), want); err != nil {
			return err
		}
	}
	return nil
}

func (s browserStore) remove(e *edit, gone map[certs.Fingerprint]bool) error {
	files := slices.DeleteFunc(e.record.files(s.name()), func(name string) bool { return e.recordedKind(name) != browser.Firefox })
	formatOf := func(name string) format { return policyFormat(e.recordedKind(name)) }
	if err := e.shrinkAll(s.name(), formatOf, gone); err != nil || len(files) == 0 {
		return err
	}
	for _, d := range browser.Databases(e.root) {
		if d.IsFirefox() {
			e.warn("a profile keeps a CA that Firefox took from the policy at a start: certutil -L -d sql:%s names what %s has, and certutil -D -d sql:%s -n NAME takes it out", d.Path, d.Path, d.Path)
		}
	}
	return nil
}

// policies returns the files of policies that the browsers in the root read.
func (e *edit) policies() ([]browser.Target, error) {
	return browser.Policies(e.root, browser.Find(e.root), "CACertificates", "Certificates", "Install")
}

// inPolicies calls note with each CA that a policy names.
func (e *edit) inPolicies(note func(c *certs.Certificate, name string)) error {
	targets, err := e.policies()
	for _, t := range targets {
		data, _ := e.root.Content(t.Path)
		f, err := policyFormat(t.Kind).open(e, "", t.Path, data)
		if err != nil {
			continue // the browser takes nothing from it
		}
		for c := range f.held().All() {
			note(c, t.Path)
		}
	}
	return err
}

// recordedKind returns the browser whose policies are in a recorded file. For Firefox,
// the record also has the files of certificates.
func (e *edit) recordedKind(name string) browser.Kind {
	if slices.ContainsFunc(e.record.file(name).Added, func(p recorded.Place) bool { return p.Alias != "" }) {
		return browser.Firefox
	}
	return browser.Chromium
}

// policyFormat returns the format of a browser's policies.
func policyFormat(kind browser.Kind) format {
	return format{"file of policies", func(e *edit, store, name string, data []byte) (content, error) {
		f := &policyFile{edit: e, store: store, name: name, was: data, kind: kind}
		text := data
		if data == nil {
			text = []byte("{\n}\n")
		}
		var err error
		if f.Policy, err = browser.Open(text, f.kind); err == nil {
			f.entries, _, err = f.List(f.key()...)
		}
		if err != nil {
			return nil, hint.Add(refused{fmt.Errorf("it cannot be edited: %w", err)}, "repair it, or leave the browsers alone: --stores auto edits all other stores")
		}
		return f, nil
	}}
}

// refused is an error for [ErrRefused] that names the refused file itself.
type refused struct{ error }

func (refused) Is(target error) bool { return target == ErrRefused }

// policyFile is an opened file of policies.
type policyFile struct {
	*edit
	*browser.Policy
	store, name string
	kind        browser.Kind
	was         []byte   // nil if the file does not exist
	entries     []string // the list of CAs
	added       []string
}

// key returns the path of the list of CAs in the policies.
func (f *policyFile) key() []string {
	if f.kind == browser.Firefox {
		return []string{"policies", "Certificates", "Install"}
	}
	return []string{"CACertificates"}
}

func (f *policyFile) held() *certs.Set {
	set := &certs.Set{}
	for _, entry := range f.entries {
		if c := f.certificate(entry); c != nil {
			set.Add(c, "")
		}
	}
	return set
}

// certificate returns the certificate that the browser reads from an entry, or nil.
func (f *policyFile) certificate(entry string) *certs.Certificate {
	var der []byte
	var err error
	if f.kind == browser.Firefox {
		for _, dir := range []string{"", "usr/lib/mozilla/certificates", "usr/lib64/mozilla/certificates"} {
			if data, err := f.root.Content(path.Join(dir, strings.TrimPrefix(entry, "/"))); err == nil && path.IsAbs(entry) == (dir == "") {
				if c := f.reader.Single(data); c != nil {
					return c
				}
				der = data
				break
			}
		}
	} else if der, err = base64.StdEncoding.DecodeString(entry); err != nil || strings.ContainsAny(entry, "\r\n") {
		return nil
	}
	c, err := certs.ParseCertificate(der)
	if err != nil {
		return nil
	}
	return c
}

// add notes an entry for [policyFile.encode]. For Firefox it also writes a file with
// the certificate beside the policies.
func (f *policyFile) add(w wanted) error {
	entry := base64.StdEncoding.EncodeToString(w.Raw)
	if f.kind == browser.Firefox {
		name, err := f.freeName(path.Dir(f.name), w, ".crt")
		if err != nil {
			return err
		}
		if err := f.root.WriteFile(name, w.AppendPEM(nil), 0o644); err != nil {
			return err
		}
		entry = "/" + name
	}
	f.added = append(f.added, entry)
	f.record.file(f.name).Put(recorded.Place{Fingerprint: w.Fingerprint().String(), Alias: f.alias(entry)})
	return nil
}

// alias returns the text by which the record knows an entry: the path for Firefox, ""
// for Chromium, whose entry is the certificate.
func (f *policyFile) alias(entry string) string {
	if f.kind == browser.Firefox {
		return entry
	}
	return ""
}

// drop deletes the entries that this program made, and the files that they name.
func (f *policyFile) drop(w *withdrawal) error {
	by := map[certs.Fingerprint][]int{}
	for i, entry := range f.entries {
		if c := f.certificate(entry); c != nil && w.gone[c.Fingerprint()] {
			by[c.Fingerprint()] = append(by[c.Fingerprint()], i)
		}
	}
	var places []int
	for print, at := range by {
		if i := f.ours(w, print, at); i >= 0 {
			places = append(places, i)
		}
	}
	for print := range w.ours {
		if at, known := w.file.PlaceOf(print); known && w.gone[print] && isOurs(at.Alias) {
			if err := f.root.Remove(strings.TrimPrefix(at.Alias, "/")); err != nil {
				return err
			}
		}
	}
	if err := f.Delete(places, w.file.Made, f.key()...); err != nil {
		return err
	}
	var err error
	f.entries, _, err = f.List(f.key()...)
	return err
}

// ours returns which of the entries with a certificate this program made, or -1. It
// names certificates that stay.
func (f *policyFile) ours(w *withdrawal, print certs.Fingerprint, at []int) int {
	mine := -1
	if placed, known := w.file.PlaceOf(print); known && w.ours[print] {
		for _, i := range at {
			if f.alias(f.entries[i]) == placed.Alias {
				mine = i
			}
		}
	}
	switch {
	case mine < 0:
		w.stay(print, "someone else put it into /"+f.name)
	case len(at) > 1:
		w.stay(print, "someone else has it in /"+f.name+" too")
	}
	return mine
}

func (f *policyFile) encode() ([]byte, error) {
	if len(f.added) > 0 {
		made, err := f.Append(f.added, f.key()...)
		if err != nil {
			return nil, err
		}
		if made != nil {
			f.record.file(f.name).Made = made
		}
		if f.was == nil {
			f.record.store(f.store).create(f.name)
		}
		f.entries, f.added = append(f.entries, f.added...), nil
		return f.Bytes(), nil
	}
	if f.IsEmpty() && slices.Contains(f.record.store(f.store).Created, f.name) {
		return []byte{}, nil // removeCreated deletes it
	}
	if f.was == nil {
		return nil, nil
	}
	return f.Bytes(), nil
}

// BrowserState is a browser in a root.
type BrowserState struct {
	Name string `json:"name"`
	Path string `json:"path"` // its program or its directory of policies
}

// browsers returns the browsers that trust no store of the root.
func (e *edit) browsers() []BrowserState {
	all, standIn := []BrowserState{}, browser.StandIn(e.root)
	for _, b := range browser.Find(e.root) {
		if standIn == "" || !b.LoadsNSS() {
			all = append(all, BrowserState{b.Name, b.Path})
		}
	}
	return all
}

// adviseBrowsers names the browsers, and the databases of NSS, that do not trust the
// installed certificates.
func (e *edit) adviseBrowsers(want []wanted) {
	if len(want) == 0 {
		return
	}
	standIn, spared := browser.StandIn(e.root), false
	asked := slices.ContainsFunc(e.report.Stores, func(s StoreReport) bool { return s.Name == browserStore{}.name() })
	for _, b := range browser.Find(e.root) {
		name, value := b.Variable()
		switch {
		case standIn != "" && b.LoadsNSS():
			spared = true
		case !asked:
			e.adviseOnce(Advice{Runtime: b.Name, Path: b.Path, Do: "it trusts the CAs that its policies name: " + e.again() + " --stores auto,browser SOURCE… writes them"})
		case name != "":
			e.adviseOnce(Advice{Runtime: b.Name, Path: b.Path, Do: "set " + name + "=" + value, Variable: name, Value: value})
		}
	}
	for _, d := range browser.Databases(e.root) {
		switch {
		case standIn != "" && d.LoadsNSS():
			spared = true
		case !asked || !d.HasPolicies():
			e.adviseOnce(Advice{Runtime: "NSS of " + d.Whom, Path: d.Path, Do: e.certutil(d.Path, want)})
		}
	}
	if spared {
		e.tell("%s is p11-kit's module: Chromium and other programs that load it trust the CAs of this root without further changes", standIn)
	}
}

// adviseOnce adds advice. Paths with the same advice share one entry.
func (e *edit) adviseOnce(a Advice) {
	for i := range e.report.Advice {
		if old := &e.report.Advice[i]; old.Runtime == a.Runtime && old.Do == a.Do {
			old.Others = append(old.Others, a.Path)
			return
		}
	}
	e.report.Advice = append(e.report.Advice, a)
}

// certutil returns the command that adds wanted certificates to a database of NSS.
func (e *edit) certutil(dir string, want []wanted) string {
	line := fmt.Sprintf("certutil -A -d sql:%s -t C,, -n '%s' -i %s", dir, strings.ReplaceAll(want[0].Name(), "'", `'\''`), e.anchorOf(want[0]))
	if len(want) > 1 {
		line += fmt.Sprintf(", and the same for the other %d", len(want)-1)
	}
	return line
}

// anchorOf returns the path of the anchor of a certificate, or FILE if it has none.
func (e *edit) anchorOf(w wanted) string {
	for _, dir := range []string{localDir, "etc/pki/ca-trust/source/anchors", "etc/pki/trust/anchors", "etc/ca-certificates/trust-source/anchors"} {
		files, err := filesIn(e.root, dir, func(f fs.DirEntry) bool { return isOurs(f.Name()) })
		for _, f := range files {
			if c := e.reader.Single(f.data); err == nil && c != nil && c.Fingerprint() == w.Fingerprint() {
				return f.path
			}
		}
	}
	return "FILE"
}

// distrustInBrowsers makes Chromium and its relatives distrust certificates, whatever
// their built-in roots. Firefox has no such policy, and NSS has no policies: the note
// and the advice say what to do there.
func (e *edit) distrustInBrowsers(unwanted *certs.Set) error {
	found := browser.Find(e.root)
	targets, err := browser.Policies(e.root, found, "CADistrustedCertificates")
	if err != nil {
		return err
	}
	for _, t := range targets {
		if err := e.distrustIn(t, unwanted); err != nil {
			return err
		}
	}
	if slices.ContainsFunc(found, func(f browser.Browser) bool { return strings.HasPrefix(f.Name, "Firefox") }) {
		e.tell("Firefox has roots of its own, and no policy that blocks one: certutil -A -d sql:PROFILE -t p,p,p -n NAME -i FILE distrusts a CA in a profile")
	}
	if browser.StandIn(e.root) != "" && e.family(fedora.id) {
		return nil // p11-kit's module reads the blocklist
	}
	for c := range unwanted.All() {
		for _, d := range browser.Databases(e.root) {
			e.adviseOnce(Advice{Runtime: "NSS of " + d.Whom, Path: d.Path, Do: fmt.Sprintf("certutil -A -d sql:%s -t p,p,p -n '%s' -i FILE distrusts it there", d.Path, strings.ReplaceAll(c.Name(), "'", `'\''`))})
		}
	}
	return nil
}

// distrustIn adds distrusted certificates to one file of policies.
func (e *edit) distrustIn(t browser.Target, unwanted *certs.Set) error {
	data, err := readIfThere(e.root, t.Path)
	if err != nil {
		return err
	}
	text := data
	if data == nil {
		text = []byte("{\n}\n")
	}
	p, err := browser.Open(text, t.Kind)
	if err != nil {
		e.warn("/%s cannot be edited (%s): %s may trust the CA still", t.Path, err, strings.Join(t.Browsers, ", "))
		return nil
	}
	have, _, err := p.List(t.Key...)
	var more []string
	for c := range unwanted.All() {
		if entry := base64.StdEncoding.EncodeToString(c.Raw); !slices.Contains(have, entry) {
			more = append(more, entry)
		}
	}
	if err != nil || len(more) == 0 {
		return err
	}
	if _, err := p.Append(more, t.Key...); err != nil {
		return err
	}
	e.report.add(StoreReport{Name: browserStore{}.name(), Path: "/" + t.Path, Added: len(more), Total: len(have) + len(more)})
	return e.root.WriteFile(t.Path, p.Bytes(), 0o644)
}
