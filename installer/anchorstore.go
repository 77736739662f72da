package installer

import (
	"fmt"
	"maps"
	"path"

	"github.com/certgraft/certgraft/certs"
	"github.com/certgraft/certgraft/internal/pemfile"
	"github.com/certgraft/certgraft/rootfs"
)

// anchorStore is the layout of a distribution whose update-ca-certificates
// reads /usr/local/share/ca-certificates and leaves links to the anchors, links
// named by hash and one bundle in /etc/ssl/certs. The distributions' tools
// differ in what is here.
type anchorStore struct {
	id       string
	local    func(root *rootfs.Overlay) ([]string, error)                          // paths of the local anchors, in the tool's order
	linkName func(anchor string) string                                            // of the link to an anchor
	refresh  func(e *edit, before map[string]string, a *anchors) map[string]string // the links that a run of the tool leaves
	anew     bool                                                                  // it makes all links named by hash anew: c_rehash, not openssl rehash
	links    func(root *rootfs.Overlay) bool                                       // the root is to have links
	each     func(data []byte) []byte                                              // what the tool writes of an anchor into the bundle
	style    pemfile.Style                                                         // how that sets apart an anchor of ours
	wide     bool                                                                  // the first bundle is linked from wherever programs look
}

func (s anchorStore) name() string { return s.id }

func (s anchorStore) used(e *edit) bool { return e.family(s.id) }

func (s anchorStore) anchors(root *rootfs.Overlay) (*anchors, error) {
	return s.eachAnchor(root, func([]byte) {})
}

// eachAnchor calls visit with the content of each anchor as it is read.
func (s anchorStore) eachAnchor(root *rootfs.Overlay, visit func([]byte)) (*anchors, error) {
	local, err := s.local(root)
	if err != nil {
		return nil, err
	}
	return readAnchors(root, local, visit)
}

// state is what a root is like before it is edited.
type state struct {
	anchors *anchors
	data    []byte            // the bundle; nil if there is none
	bundle  bool              // the bundle is what the tool would write, and readable: it can be written anew
	links   bool              // so are the links
	there   map[string]string // the links in /etc/ssl/certs
}

// look reads the root. What the anchors hold is found out on another processor
// while this one still reads files: no two things here take longer.
func (s anchorStore) look(e *edit) (*state, error) {
	parse, parsed := e.reader.Ahead()
	st, err := s.readState(e.root, parse)
	parsed()
	if err != nil {
		return nil, err
	}
	st.bundle = (st.data == nil || st.anchors.makes(st.data, s.each)) && st.anchors.readable(e.reader, s.each)
	if st.bundle && s.links(e.root) && len(e.notUTF8(certDir)) == 0 { // a bundle of one certificate is hashed too
		after, err := s.toolsLinks(e, st.there, st.anchors)
		st.links = err == nil && maps.Equal(st.there, after)
	}
	return st, nil
}

func (s anchorStore) readState(root *rootfs.Overlay, visit func([]byte)) (st *state, err error) {
	st = &state{}
	if st.anchors, err = s.eachAnchor(root, visit); err != nil {
		return nil, err
	}
	if st.data, err = readIfThere(root, toolsBundle); err != nil {
		return nil, fmt.Errorf("read the bundle: %w", err)
	}
	st.there, err = linksIn(root, certDir)
	return st, err
}

func (s anchorStore) install(e *edit, want []wanted) error {
	before, err := s.look(e)
	if err != nil {
		return err
	}
	if err := before.anchors.refuse(e, want); err != nil {
		return err
	}
	for _, dir := range []string{localDir, certDir} {
		e.warnNotUTF8(dir)
	}
	added, err := s.addAnchors(e, before.anchors, want)
	if err != nil {
		return err
	}
	after := before.anchors
	if len(added) > 0 {
		parse, parsed := e.reader.Ahead() // while the bundle is written and read back
		defer parsed()
		if after, err = s.eachAnchor(e.root, parse); err != nil {
			return err
		}
	}
	report := StoreReport{Name: s.id, Path: "/" + localDir, Added: len(added), Present: len(want) - len(added), Total: len(want)}
	total := func() (int, error) { return report.Total, nil }
	if s.hasBundle(e, before) {
		real, err := e.root.Resolve(toolsBundle)
		if err != nil {
			return err
		}
		e.covered = append(e.covered, real)
		report.Path = "/" + real
		if total, err = s.installBundle(e, before, after, real, want, added); err != nil {
			return err
		}
	}
	if s.links(e.root) {
		if err := s.installLinks(e, before, after, want); err != nil {
			return err
		}
	}
	if report.Total, err = total(); err != nil {
		return err
	}
	e.report.hooks = true
	e.report.add(report)
	return nil
}

// hasBundle reports whether the tool's bundle is to be written. Where programs
// read another one, a first bundle with ours alone would hide it from those
// that look for the tool's first.
func (s anchorStore) hasBundle(e *edit, before *state) bool {
	if before.data != nil || len(before.anchors.files) > 0 && exists(e.root, caConf) {
		return true
	}
	others, err := e.bundleFiles()
	return err == nil && len(others) == 0
}

// addAnchors writes an anchor for each certificate that has none that is
// effective, and returns those.
func (s anchorStore) addAnchors(e *edit, a *anchors, want []wanted) (added []wanted, err error) {
	if err := makeDirs(e.root, e.record, localDir); err != nil {
		return nil, err
	}
	have, linked := a.alone(e.reader), s.links(e.root)
	for _, w := range want {
		if have.Has(w.Fingerprint()) && (!linked || e.certDirLinks(s.id).has(w.Certificate)) {
			continue
		}
		if err := e.writeAnchor(s.id, s.linkName, w); err != nil {
			return nil, err
		}
		added = append(added, w)
	}
	return added, nil
}

// installBundle leaves the bundle that the tool would make of the anchors, or,
// where it was not the tool that made it, adds to it. What it returns waits
// until the bundle was read back, and says how many it holds.
func (s anchorStore) installBundle(e *edit, before *state, after *anchors, real string, want, added []wanted) (total func() (int, error), err error) {
	if !before.bundle {
		s.nameUnexplained(e, before, want)
		report, err := e.extend(s.id, real, bundleAs(s.style), want)
		return func() (int, error) { return report.Total, nil }, err
	}
	if before.data == nil {
		if err := e.create(s.id, real, s.wide); err != nil {
			return nil, err
		}
	}
	for _, w := range added {
		e.record.added(w.Certificate, storeOf(s.id, real))
	}
	data := after.concat(s.each)
	if err := e.root.WriteFile(real, data, 0o644); err != nil {
		return nil, err
	}
	return e.readBack(real, bundleAs(s.style), want, &certs.Set{}), nil
}

// installLinks leaves the links that the tool would, or, where it was not the
// tool that made them, adds to them.
func (s anchorStore) installLinks(e *edit, before *state, after *anchors, want []wanted) (err error) {
	if err := makeDirs(e.root, e.record, certDir); err != nil {
		return err
	}
	if before.links {
		err = s.remakeLinks(e, before.there, after)
	} else {
		err = s.addLinks(e, want)
	}
	if err != nil {
		return err
	}
	for _, w := range want {
		if !e.certDirLinks(s.id).has(w.Certificate) {
			return fmt.Errorf("/%s was edited and OpenSSL would not find %s in it: nothing was changed; please report this", certDir, w.Subject())
		}
	}
	return nil
}

// nameUnexplained warns of certificates in the bundle that no anchor explains:
// the tool will drop them, whatever this program does.
func (s anchorStore) nameUnexplained(e *edit, before *state, want []wanted) {
	explained := before.anchors.explain(e.reader)
	for _, w := range want { // it has an anchor now
		explained.Add(w.Certificate, "")
	}
	held, _ := e.reader.Open(before.data)
	var names []string
	for c := range held.Held.All() {
		if !explained.Has(c.Fingerprint()) {
			names = append(names, c.Subject())
		}
	}
	if len(names) > 0 && exists(e.root, updateTool) && len(e.notUTF8(localDir)) == 0 {
		e.warn("%s in the bundle came from no file that update-ca-certificates knows and will be lost when it next runs; add it with certgraft install", some(names))
	}
	for _, f := range before.anchors.files {
		if in, _ := e.reader.Open(f.data); len(in.Faults) > 0 {
			e.warn("%s is damaged (%s) and %s, so in the bundle it is not as it is there; update-ca-certificates brings that back when it next runs: repair or remove the file", f.path, in.Faults[0].Why, in.Faults[0].Harm())
		}
	}
}

func (s anchorStore) remove(e *edit, gone map[certs.Fingerprint]bool) error {
	before, err := s.look(e)
	if err != nil {
		return err
	}
	dropped, err := e.dropAnchors(s.id, before.anchors, gone)
	if err != nil {
		return err
	}
	left := before.anchors.without(dropped)
	report := StoreReport{Name: s.id, Path: "/" + localDir, Removed: len(dropped), Total: left.alone(e.reader).Len()}
	if err := s.removeFromBundle(e, before, left, gone, &report); err != nil {
		return err
	}
	if err := s.removeLinks(e, before, left, dropped); err != nil {
		return err
	}
	e.report.hooks = true
	e.report.add(report)
	return nil
}

func (s anchorStore) removeFromBundle(e *edit, before *state, left *anchors, gone map[certs.Fingerprint]bool, report *StoreReport) error {
	remade := ""
	real, err := e.root.Resolve(toolsBundle)
	if err != nil {
		return err
	}
	if before.bundle && before.data != nil && s.addedTo(e, real, gone) {
		data := left.concat(s.each)
		remade, report.Path = real, "/"+real
		report.Total = e.count(data)
		if err := e.root.WriteFile(real, data, 0o644); err != nil {
			return err
		}
	}
	for _, name := range e.record.files(s.id) {
		if name == remade {
			continue
		}
		left, err := e.shrink(s.id, name, bundleAs(s.style), gone)
		if err != nil {
			return err
		}
		left.Removed = max(report.Removed, left.Removed)
		*report = left
	}
	return e.removeCreated(s.id)
}

// addedTo reports whether all of gone that have an anchor of ours were added to the
// bundle too. One that someone had put there before stays, though no anchor
// explains it any more, so that the bundle is not what the tool would write.
func (s anchorStore) addedTo(e *edit, bundle string, gone map[certs.Fingerprint]bool) bool {
	there := e.record.in(storeOf(s.id, bundle))
	for f := range e.record.in(s.id) {
		if gone[f] && !there[f] {
			return false
		}
	}
	return true
}

func (s anchorStore) removeLinks(e *edit, before *state, left *anchors, dropped []string) error {
	if before.links && len(e.record.store(s.id).Replaced) == 0 { // the tool would not leave what was there before
		return s.remakeLinks(e, before.there, left)
	}
	for _, p := range dropped {
		link := s.linkName(p)
		if target, err := e.root.ReadLink(path.Join(certDir, link)); err != nil || target != p {
			continue
		}
		if err := s.dropLink(e, link); err != nil {
			return err
		}
	}
	return nil
}
