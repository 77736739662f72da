package installer

import (
	"errors"
	"io/fs"
	"maps"
	"path"
	"slices"
	"strings"

	"github.com/certgraft/certgraft/certs"
	"github.com/certgraft/certgraft/installer/internal/distrusted"
	"github.com/certgraft/certgraft/internal/pemfile"
	"github.com/certgraft/certgraft/rootfs"
)

// DistrustPath is the file in a root that says what [Distrust] took out.
const DistrustPath = distrusted.Path

func (u Unwanted) asked() distrusted.Asked {
	return distrusted.Asked{Certificate: u.Certificate, Key: u.Key, Name: u.Name, Why: u.Why}
}

// Is reports whether u names the certificate c or its key.
func (u Unwanted) Is(c *certs.Certificate) bool { return u.asked().Is(c) }

// covers reports whether a asks for the certificate in u or for its key.
func (u Unwanted) covers(a distrusted.Asked) bool { return u.Cert != nil && a.Is(u.Cert) }

// Distrust takes certificates out of every store of root, whoever added them. It uses
// each store's own way to block a CA, so that the distribution's tool does not bring
// them back. The root keeps the removed data at [DistrustPath], for [TrustAgain].
// Distrust writes to the overlay only: after an error the caller must discard the
// overlay.
//
// Distrust first gives back all that was taken out earlier, and then takes out
// everything that is distrusted. So one record always covers the whole difference.
func Distrust(root *rootfs.Overlay, unwanted []Unwanted, opt Options) (*Report, error) {
	was, err := distrusted.Read(root)
	if err != nil {
		return nil, err
	}
	asked := slices.Clone(was.Asked)
	for _, u := range unwanted {
		if !slices.ContainsFunc(asked, u.asked().Same) {
			asked = append(asked, u.asked())
		}
	}
	out, err := outBefore(root, was, opt)
	if err != nil {
		return nil, err
	}
	report, err := distrust(root, was, asked, unwanted, opt)
	if err != nil {
		return nil, err
	}
	out.leave(report, unwanted)
	return report, nil
}

// Distrusted returns the first 16 digits of each distrusted certificate, and spki: with
// those of each distrusted key.
func Distrusted(root fs.FS) (names []string, err error) {
	kept, err := distrusted.Read(root)
	if err != nil {
		return nil, err
	}
	const digits = 16
	for _, a := range kept.Asked {
		if a.Key != "" {
			names = append(names, "spki:"+a.Key[:min(digits, len(a.Key))])
			continue
		}
		names = append(names, a.Certificate[:min(digits, len(a.Certificate))])
	}
	return names, nil
}

// distrust gives back the data in was, and takes out the certificates in asked.
func distrust(root *rootfs.Overlay, was *distrusted.Record, asked []distrusted.Asked, unwanted []Unwanted, opt Options) (*Report, error) {
	before := rootfs.NewOverlay(root)
	returned, err := giveBack(before, was, opt)
	if err != nil {
		return nil, err
	}
	after := rootfs.NewOverlay(before)
	e, err := newEdit(after, opt)
	if err != nil {
		return nil, err
	}
	b := &ban{edit: e, asked: asked, unwanted: unwanted, kept: distrusted.New(), found: &certs.Set{}}
	if err := b.all(); err != nil {
		return nil, err
	}
	if err := b.keep(before); err != nil {
		return nil, err
	}
	b.tellTaken()
	e.report.Notes = append(returned, e.report.Notes...)
	if err := replay(before, after); err != nil {
		return nil, err
	}
	return e.report, replay(root, before)
}

// ban is one run of taking certificates out.
type ban struct {
	*edit
	asked    []distrusted.Asked
	unwanted []Unwanted // of this run
	kept     *distrusted.Record
	found    *certs.Set                   // the distrusted certificates in the root
	gone     map[certs.Fingerprint]bool   // found, by fingerprint
	why      explanation                  // from the sources of the root's own store, before the edit
	changes  map[string]distrusted.Change // of edited files, by path
	aside    map[string]bool              // removed files
	from     map[certs.Fingerprint][]string
}

// wants reports whether a certificate must be distrusted, and why.
func (b *ban) wants(c *certs.Certificate) (why string, unwanted bool) {
	for _, a := range b.asked {
		if a.Is(c) {
			return a.Why, true
		}
	}
	return "", false
}

// has reports whether the root has a certificate that a asks for.
func (b *ban) has(a distrusted.Asked) bool {
	for c := range b.found.All() {
		if a.Is(c) {
			return true
		}
	}
	return false
}

func (b *ban) all() error {
	b.gone, b.changes, b.aside, b.from = map[certs.Fingerprint]bool{}, map[string]distrusted.Change{}, map[string]bool{}, map[certs.Fingerprint][]string{}
	if err := b.search(); err != nil {
		return err
	}
	if b.found.Len() == 0 {
		return nil
	}
	for _, s := range takenFirst() {
		if err := b.takeFrom(s); err != nil {
			return err
		}
	}
	for _, dir := range b.hashDirs() {
		if err := errors.Join(b.files(dir), b.links(dir)); err != nil {
			return err
		}
	}
	return b.distrustInBrowsers(b.found)
}

// takeFrom takes distrusted certificates out of one store.
func (b *ban) takeFrom(s store) error {
	switch s := s.(type) {
	case anchorStore:
		if s.used(b.edit) {
			return b.fromAnchors(s)
		}
	case p11Store:
		if s.used(b.edit) {
			return b.fromPolicy(s)
		}
	case dirStore:
		if s.used(b.edit) {
			return b.fromDirectory(s)
		}
	case javaStore:
		for _, name := range b.keystores() {
			if err := b.file(s.name(), name, b.keystoreFormat(name)); err != nil {
				return err
			}
		}
	default:
		return b.fromFiles(s)
	}
	return nil
}

// fromFiles takes distrusted certificates out of the bundles that no tool makes.
func (b *ban) fromFiles(s store) error {
	files, err := b.filesOf(s)
	if err != nil {
		return err
	}
	for _, name := range files {
		if err := b.file(s.name(), name, b.bundle(name)); err != nil {
			return err
		}
	}
	return nil
}

// filesOf returns the bundles of a store that no tool makes.
func (b *ban) filesOf(s store) ([]string, error) {
	switch s := s.(type) {
	case bundleStore:
		return b.bundleFiles()
	case envStore:
		return b.quiet().extendable(b.namers(), nil)
	case configStore:
		quiet := b.quiet()
		return quiet.extendable(quiet.configNamers(), nil)
	case interface{ found(*edit) []string }: // bundledStore, and a store that embeds it
		return s.found(b.edit), nil
	}
	return nil, nil
}

// quiet returns the edit with a report that is discarded.
func (b *ban) quiet() *edit {
	quiet := *b.edit
	quiet.report = &Report{Detection: b.report.Detection}
	return &quiet
}

// fromAnchors deselects packaged anchors, moves local ones aside, and writes the bundle
// and links that the tool would make of the rest.
func (b *ban) fromAnchors(s anchorStore) error {
	before, err := s.look(b.edit)
	if err != nil {
		return err
	}
	b.why = b.explanationOf(before.anchors.files)
	b.kept.Bundle, b.kept.Links = before.bundle && before.data != nil, before.links
	there := maps.Clone(before.there)
	for name := range b.badLinks(certDir) {
		delete(there, name)
	}
	if err := b.deselect(before.anchors); err != nil {
		return err
	}
	if err := b.files(certDir); err != nil {
		return err
	}
	left, err := s.anchors(b.root)
	if err != nil {
		return err
	}
	if before.data != nil {
		real, err := b.root.Resolve(toolsBundle)
		if err != nil {
			return err
		}
		as := format{"bundle", func(e *edit, store, name string, data []byte) (content, error) {
			return &anchorBundle{e.openBundle(store, name, data, s.style), s, before, left}, nil
		}}
		if err := b.file(s.id, real, as); err != nil {
			return err
		}
	}
	b.report.hooks = true
	if !before.links {
		return nil // links removes them one by one
	}
	return s.remakeLinks(b.edit, before.there, there, left)
}

// deselect deselects packaged anchors in the configuration of update-ca-certificates,
// and moves local ones aside.
func (b *ban) deselect(a *anchors) error {
	conf, err := readIfThere(b.root, caConf)
	if err != nil {
		return err
	}
	var lines []string
	for _, f := range a.files {
		some, alone := b.holds(f.name())
		line, packaged := strings.CutPrefix(f.path, "/"+sharedDir+"/")
		switch {
		case !some:
		case packaged:
			if !alone {
				b.warn("%s holds other certificates too, which are deselected with it", f.path)
			}
			conf, lines = distrusted.Deselect(conf, line), append(lines, line)
			b.note(f.name())
		default:
			if err := b.moveOrCut(f.name(), alone); err != nil {
				return err
			}
		}
	}
	if len(lines) == 0 {
		return nil
	}
	real, err := b.root.Resolve(caConf)
	if err != nil {
		return err
	}
	b.changes[real] = distrusted.Change{Path: real, Lines: lines}
	return b.root.WriteFile(real, conf, 0o644)
}

// moveOrCut removes a file that holds distrusted certificates alone, or cuts them out
// of another one.
func (b *ban) moveOrCut(name string, alone bool) error {
	if !alone {
		real, err := b.root.Resolve(name)
		if err != nil {
			return err
		}
		return b.file("", real, bundleAs(pemfile.Style{}))
	}
	b.note(name)
	b.aside[name] = true
	return b.root.Remove(name)
}

// fromPolicy blocks certificates in p11-kit's own way, and takes them out of the files
// that trust extract makes. p11-kit cannot block an anchor in the administrator's
// directory: fromPolicy moves such an anchor aside.
func (b *ban) fromPolicy(s p11Store) error {
	all, err := s.left(b.edit)
	if err != nil {
		return err
	}
	b.why = all.explain(everything)
	for _, name := range b.policyFiles(s) {
		some, alone := b.holds(name)
		if !some || !strings.HasPrefix(name, s.trust[0]+"/") {
			continue
		}
		if data, _ := b.root.Content(name); !alone && strings.Contains(string(data), "[p11-kit-object-v1]") {
			continue // its PEM blocks are parts of objects and cannot be cut
		}
		if err := b.moveOrCut(name, alone); err != nil {
			return err
		}
	}
	for c := range b.found.All() {
		if err := b.block(s, c); err != nil {
			return err
		}
	}
	for _, f := range s.files {
		if err := b.file(s.id, f.path, f.format); err != nil {
			return err
		}
	}
	for _, d := range s.hashDirs {
		if err := d.remove(b.edit, s.id, b.gone, nil); err != nil {
			return err
		}
	}
	return nil
}

// block writes a file into the blocklist.
func (b *ban) block(s p11Store, c *certs.Certificate) error {
	dir := path.Join(s.trust[0], "blocklist")
	if older := path.Join(s.trust[0], "blacklist"); exists(b.root, older) && !exists(b.root, dir) {
		dir = older
	}
	name := path.Join(dir, certs.FileName("distrusted", c, 16))
	return b.root.WriteFile(name, c.AppendPEM(nil), 0o644)
}

// fromDirectory removes anchors. If the tool made the bundle, fromDirectory makes it
// anew from the other anchors.
func (b *ban) fromDirectory(s dirStore) error {
	joined, err := s.isJoined(b.edit)
	if err != nil {
		return err
	}
	b.kept.Bundle = joined
	if b.why, err = s.explain(b.edit); err != nil {
		return err
	}
	for _, dir := range slices.Compact([]string{s.anchors, s.links}) {
		if err := errors.Join(b.files(dir), b.links(dir)); err != nil {
			return err
		}
	}
	return b.file(s.id, s.bundle, s.format(joined))
}

// note records that distrusted certificates leave a file.
func (b *ban) note(name string) {
	for _, c := range b.certificates(name) {
		b.went(c, name)
	}
}

func (b *ban) went(c *certs.Certificate, name string) {
	if f := c.Fingerprint(); b.gone[f] && !slices.Contains(b.from[f], "/"+name) {
		b.from[f] = append(b.from[f], "/"+name)
	}
}

// tellTaken reports which certificates were taken out, which were missing, and what the
// user must know besides.
func (b *ban) tellTaken() {
	upgrade := map[string]bool{}
	for c := range b.found.All() {
		why, _ := b.wants(c)
		b.report.Taken = append(b.report.Taken, Taken{c.Fingerprint().String(), c.Subject(), why, b.from[c.Fingerprint()], c})
		for _, name := range b.from[c.Fingerprint()] {
			if b.comesBack(name[1:]) {
				upgrade[name] = true
			}
		}
		b.warnStillIssued(c)
	}
	for _, u := range b.unwanted {
		if !b.has(u.asked()) {
			b.report.Missing = append(b.report.Missing, u)
		}
	}
	if names := slices.Sorted(maps.Keys(upgrade)); len(names) > 0 {
		b.tell("an upgrade of the package or the image that %s came from brings it back: run certgraft distrust again then", some(names))
	}
	if b.found.Len() > 0 && b.trustsNobody() {
		b.warn("this root trusts no CA any more: programs that read its bundles refuse every server")
	}
}

// comesBack reports whether a new version of a file would bring its certificates back:
// nothing else in the root keeps them out.
func (b *ban) comesBack(name string) bool {
	change, edited := b.changes[name]
	explained := slices.ContainsFunc(change.Pieces, func(p distrusted.Piece) bool { return p.Explained }) ||
		slices.ContainsFunc(change.Entries, func(e distrusted.Entry) bool { return e.Explained })
	return edited && !explained && len(change.Lines) == 0
}

// warnStillIssued warns that a certificate that is no root is still trusted through its
// issuer.
func (b *ban) warnStillIssued(c *certs.Certificate) {
	if c.SelfIssued() {
		return
	}
	for root, err := range b.trusted() {
		if err == nil && root.Subject() == c.Issuer() {
			b.warn("%s is no root: a server that sends it is trusted by way of %s, which is trusted here; a list of roots cannot block it, so distrust that one too", c.Subject(), root.Subject())
			return
		}
	}
}

func (b *ban) trustsNobody() bool {
	for _, err := range b.trusted() {
		if err == nil {
			return false
		}
	}
	return true
}
