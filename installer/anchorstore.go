package installer

import (
	"bytes"
	"fmt"
	"io/fs"
	"maps"
	"slices"

	"github.com/certgraft/certgraft/certs"
	"github.com/certgraft/certgraft/installer/internal/recorded"
	"github.com/certgraft/certgraft/internal/pemfile"
	"github.com/certgraft/certgraft/rootfs"
)

// anchorStore is the layout of a distribution whose update-ca-certificates reads
// /usr/local/share/ca-certificates. The tool writes links to the anchors, hash links
// and one bundle into /etc/ssl/certs. The fields say how the distributions' tools
// differ.
type anchorStore struct {
	id       string
	reads    string                                                                // which local files the tool reads, as a clause for a warning
	local    func(root *rootfs.Overlay) ([]string, error)                          // paths of the local anchors, in the tool's order
	linkName func(anchor string) string                                            // the name of the link to an anchor
	refresh  func(e *edit, before map[string]string, a *anchors) map[string]string // the links that a run of the tool leaves
	anew     bool                                                                  // the tool makes all hash links anew: c_rehash, not openssl rehash
	links    func(root *rootfs.Overlay) bool                                       // whether the root must have links
	each     func(data []byte) []byte                                              // the text that the tool writes into the bundle for an anchor
	style    pemfile.Style                                                         // how that text separates our anchors
	wide     bool                                                                  // links in firstLinks lead to the first bundle
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

// state is a root before the edit.
type state struct {
	anchors *anchors
	data    []byte               // the bundle; nil if it does not exist
	bundle  bool                 // the bundle is readable and as the tool would write it, so it can be written anew
	links   bool                 // the links are as the tool would make them
	there   map[string]string    // the links in /etc/ssl/certs
	behind  []*certs.Certificate // certificates that install --append added behind the tool's text
}

// look reads the root. Another processor parses the anchors while this one still reads
// files: reading and parsing take the most time here.
func (s anchorStore) look(e *edit) (*state, error) {
	parse, parsed := e.reader.Ahead()
	st, err := s.readState(e.root, parse)
	parsed()
	if err != nil {
		return nil, err
	}
	made := st.data == nil || st.anchors.makes(st.data, s.each)
	if !made {
		made, err = s.stripped(e, st)
	}
	st.bundle = err == nil && made && st.anchors.readable(e.reader, s.each)
	if st.bundle && s.links(e.root) && len(e.notUTF8(certDir)) == 0 { // a bundle of one certificate is hashed too
		after, err := s.toolsLinks(e, st.there, st.anchors)
		st.links = err == nil && maps.Equal(st.there, after)
	}
	return st, nil
}

// stripped reports whether the bundle is as the tool would write it, apart from the
// certificates that install --append added.
func (s anchorStore) stripped(e *edit, st *state) (bool, error) {
	real, err := e.root.Resolve(toolsBundle)
	if err != nil || len(e.record.claims(real)) == 0 {
		return false, err
	}
	b := &bundle{edit: e, name: real, style: s.style, data: st.data}
	if !st.anchors.makes(b.withoutOurs(), s.each) {
		return false, nil
	}
	st.behind = b.again
	return true, nil
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
	e.tellAnchors(before.anchors, before.data, before.bundle, s.reads, want)
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
	done := func() (StoreReport, error) { return report, nil }
	if s.hasBundle(e, before) {
		real, err := e.root.Resolve(toolsBundle)
		if err != nil {
			return err
		}
		e.covered = append(e.covered, real)
		if done, err = s.installBundle(e, before, after, real, want); err != nil {
			return err
		}
	}
	if s.links(e.root) {
		if err := s.installLinks(e, before, after, want); err != nil {
			return err
		}
	}
	if report, err = done(); err != nil {
		return err
	}
	e.report.hooks = true
	e.report.add(report)
	return nil
}

// hasBundle reports whether install must write the tool's bundle. Where programs read
// another bundle, a first one with our certificates alone would hide it from programs
// that look for the tool's bundle first.
func (s anchorStore) hasBundle(e *edit, before *state) bool {
	if before.data != nil || len(before.anchors.files) > 0 && exists(e.root, caConf) {
		return true
	}
	others, err := e.bundleFiles()
	return err == nil && len(others) == 0
}

// addAnchors writes an anchor for each certificate that has no effective anchor, and
// returns these certificates.
func (s anchorStore) addAnchors(e *edit, a *anchors, want []wanted) (added []wanted, err error) {
	if err := makeDirs(e.root, e.record, localDir); err != nil {
		return nil, err
	}
	have, linked := a.alone(e.reader), s.links(e.root)
	for _, w := range want {
		if have.Has(w.Fingerprint()) && (!linked || e.certDirLinks(s.id).has(w.Certificate) || s.unlinked(e, a, w) != "") {
			continue
		}
		if err := e.writeAnchor(s.id, s.linkName, w); err != nil {
			return nil, err
		}
		added = append(added, w)
	}
	return added, nil
}

// installBundle writes the bundle that the tool would make of the anchors. If the tool
// did not make the existing bundle, installBundle adds to it. The returned function
// waits until the bundle was read back, and returns its report.
func (s anchorStore) installBundle(e *edit, before *state, after *anchors, real string, want []wanted) (done func() (StoreReport, error), err error) {
	others := before.anchors.others(e.reader, want)
	if !before.bundle {
		s.nameUnexplained(e, before, want)
		report, err := e.extend(s.id, real, bundleAs(s.style), want)
		e.record.file(real).ShareHeld(others)
		return func() (StoreReport, error) { return report, nil }, err
	}
	if before.data == nil {
		if err := e.create(s.id, real, s.wide); err != nil {
			return nil, err
		}
	}
	report := StoreReport{Name: s.id, Path: "/" + real}
	had := before.held(e.reader)
	for _, w := range want {
		if had.Has(w.Fingerprint()) {
			report.Present++
		} else {
			report.Added++
		}
		if others[w.Fingerprint()] && !e.record.old[w.Fingerprint()] {
			e.record.file(real).Share(w.Fingerprint())
		}
	}
	data, err := s.write(e, before, after, real)
	if err != nil {
		return nil, err
	}
	if f := e.record.file(real); f.AsLeft(before.data) {
		f.Left(data)
	}
	total := e.readBack(real, bundleAs(s.style), want, &certs.Set{})
	return func() (StoreReport, error) {
		report.Total, err = total()
		return report, err
	}, nil
}

// write writes the bundle that the tool would write. Behind it, it writes the
// certificates that install --append added and that no anchor holds. It records the
// places of ours.
func (s anchorStore) write(e *edit, before *state, after *anchors, real string) ([]byte, error) {
	data := after.concat(s.each)
	s.notePlaces(e, after, real, before.data, data)
	if len(before.behind) > 0 {
		b := &bundle{edit: e, name: real, style: s.style}
		why := e.explanationOf(after.files)
		data = b.append(data, slices.DeleteFunc(slices.Clone(before.behind), func(c *certs.Certificate) bool { return why[c.Fingerprint()] != "" }))
	}
	if !bytes.Equal(data, before.data) {
		e.warnHardLink(real)
	}
	return data, e.root.WriteFile(real, data, 0o644)
}

// notePlaces records where our certificates are in data, a bundle of anchors that
// replaces was.
func (s anchorStore) notePlaces(e *edit, a *anchors, real string, was, data []byte) {
	file := e.record.file(real)
	asLeft := file.AsLeft(was) // then it is unknown whether the tool has written it since
	byHand := func(c *certs.Certificate) bool {
		return asLeft && slices.Contains(file.Held, c.Fingerprint().String())
	}
	file.Head = max(0, bytes.Index(data, []byte("-----BEGIN ")))
	var last []string
	for _, f := range a.files {
		blocks, _ := e.reader.Read(f.data)
		if c := e.reader.Single(f.data); c != nil && isOurs(f.path) && e.record.cert(c.Fingerprint()) != nil && !byHand(c) {
			at := recorded.Place{Fingerprint: c.Fingerprint().String(), Behind: last}
			e.record.added(c, storeOf(s.id, real))
			file.Put(at)
		}
		for _, block := range blocks {
			if block.Cert != nil {
				last = append([]string{recorded.Mark(block.Cert.Fingerprint())}, last[:min(len(last), recorded.Predecessors-1)]...)
			}
		}
	}
}

// held returns the certificates of a bundle that the tool made.
func (st *state) held(r *pemfile.Reader) *certs.Set {
	had := &certs.Set{}
	if st.data != nil {
		had = st.anchors.held(r)
	}
	for _, c := range st.behind {
		had.Add(c, "")
	}
	return had
}

// installLinks makes the links that the tool would make. If the tool did not make the
// existing links, installLinks adds to them.
func (s anchorStore) installLinks(e *edit, before *state, after *anchors, want []wanted) (err error) {
	if err := makeDirs(e.root, e.record, certDir); err != nil {
		return err
	}
	if before.links {
		err = s.remakeLinks(e, before.there, before.there, after)
	} else {
		err = s.addLinks(e, after, want)
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

// nameUnexplained warns of certificates in the bundle that come from no anchor. The
// tool will drop them, whatever this program does.
func (s anchorStore) nameUnexplained(e *edit, before *state, want []wanted) {
	explained := e.explanationOf(before.anchors.files)
	for _, w := range want {
		explained.add(w.Certificate, "its anchor") // it has one now
	}
	var names []string
	for c := range e.reader.Held(before.data).All() {
		if explained[c.Fingerprint()] == "" {
			names = append(names, c.Subject())
		}
	}
	if len(names) > 0 && HasUpdateTool(e.root) && len(e.notUTF8(localDir)) == 0 {
		e.warn("%s in the bundle came from no file that update-ca-certificates knows and will be lost when it next runs; add it with %s", some(names), e.again())
	}
	for _, f := range before.anchors.files {
		if in, _ := e.reader.Open(f.data); len(in.Faults) > 0 {
			e.warn("%s is damaged (%s) and %s, so the bundle leaves the damage out; update-ca-certificates brings it back when it next runs: repair or remove the file", f.path, in.Faults[0].Why, in.Faults[0].Harm())
		}
	}
}

func (s anchorStore) remove(e *edit, gone map[certs.Fingerprint]bool) error {
	before, err := s.look(e)
	if err != nil {
		return err
	}
	dropped, err := e.dropAnchors(before.anchors, gone)
	if err != nil {
		return err
	}
	left := before.anchors.without(dropped)
	e.explained, e.anchored = e.explanationOf(left.files), left.paths()
	if before.data == nil {
		e.report.add(StoreReport{Name: s.id, Path: "/" + localDir, Removed: len(dropped), Total: left.alone(e.reader).Len()})
	} else if err := s.removeFromBundle(e, before, left, gone); err != nil {
		return err
	}
	if err := e.shrinkAll(s.id, func(string) format { return bundleAs(s.style) }, gone); err != nil {
		return err
	}
	if err := s.removeLinks(e, before, left, dropped, gone); err != nil {
		return err
	}
	e.report.hooks = true
	return nil
}

// removeFromBundle takes gone out of the bundle. It makes the tool's part anew from the
// anchors that are left. From the text behind that part, or from a bundle that the tool
// did not make, it cuts only this program's copies.
func (s anchorStore) removeFromBundle(e *edit, before *state, left *anchors, gone map[certs.Fingerprint]bool) error {
	real, err := e.root.Resolve(toolsBundle)
	if err != nil {
		return err
	}
	w := e.withdrawal(real, gone).of(e.explained)
	w.claimed = true
	as := format{"bundle", func(e *edit, _, name string, data []byte) (content, error) {
		return s.openBundle(e, before, left, name, data), nil
	}}
	return e.shrink(s.id, as, w)
}

// anchorBundle is a bundle that a tool makes of anchors, before and after the removal
// of ours.
type anchorBundle struct {
	*bundle
	store  anchorStore
	before *state
	left   *anchors
}

// openBundle opens a bundle. For the tool's own bundle, the anchors say what it holds.
func (s anchorStore) openBundle(e *edit, before *state, left *anchors, name string, data []byte) *anchorBundle {
	b := &anchorBundle{store: s, before: before, left: left}
	if before.isTools() {
		b.bundle = &bundle{edit: e, store: s.id, name: name, style: s.style, data: data, ours: e.record.claims(name)}
		b.file.Held = before.held(e.reader)
	} else {
		b.bundle = e.openBundle(s.id, name, data, s.style)
	}
	return b
}

// isTools reports whether the tool would write the bundle as it is.
func (st *state) isTools() bool { return st.bundle && len(st.behind) == 0 }

func (b *anchorBundle) drop(w *withdrawal) error {
	now := b.left.concat(b.store.each)
	rest, made := b.made()
	if !made || b.undecided(w) {
		if !made && (len(b.left.files) == 0 || bytes.HasPrefix(b.data, now)) {
			w.made = false // this program or a person added the text behind
		}
		return b.bundle.drop(w)
	}
	b.nameStaying(w)
	if len(rest) == 0 {
		b.remake(w, now)
	} else {
		b.leave(w, slices.Concat(now, b.rest(w, len(b.data)-len(rest))))
	}
	return nil
}

// made returns the text behind the tool's part. It returns false if the bundle does not
// begin with such a part.
func (b *anchorBundle) made() (rest []byte, made bool) {
	if b.before.isTools() {
		return nil, true
	}
	rest, made = bytes.CutPrefix(b.data, b.before.anchors.concat(b.store.each))
	return rest, made && len(b.before.anchors.files) > 0 && b.before.anchors.readable(b.reader, b.store.each)
}

// remake replaces the bundle by the tool's bundle of the anchors that are left.
func (b *anchorBundle) remake(w *withdrawal, now []byte) {
	if b.remain(b.ours, w.gone) {
		b.store.notePlaces(b.edit, b.left, b.name, b.data, now)
	} else if was := b.undo(now); !bytes.Equal(was, now) {
		b.data = was
		b.keep()
		return
	}
	b.data, b.dropped = now, true
	b.file.Held = b.left.held(b.reader)
}

// rest returns the text behind the tool's part, without the certificates that this
// program added there.
func (b *anchorBundle) rest(w *withdrawal, made int) []byte {
	w.made = false
	return w.copiesBehind(made, b.data, b.style)[made:]
}

// undecided reports whether the file is as this program left it and held, by someone's
// hand, a certificate that goes now. Then it is unknown whether the tool has written
// the file since.
func (b *anchorBundle) undecided(w *withdrawal) bool {
	for _, print := range w.file.Held {
		f, err := certs.ParseFingerprint(print)
		anchored := slices.ContainsFunc(b.before.anchors.files, func(a anchor) bool {
			c := b.reader.Single(a.data)
			return c != nil && c.Fingerprint() == f
		})
		if err == nil && w.gone[f] && w.why[f] == "" && anchored && w.file.AsLeft(b.data) {
			return true
		}
	}
	return false
}

// nameStaying names the certificates that the anchors that are left explain.
func (b *anchorBundle) nameStaying(w *withdrawal) {
	for f := range w.gone {
		if why, ok := w.why[f]; ok {
			w.stay(f, why)
		}
	}
}

// notUTF8 returns the names in a directory that are not UTF-8 and that this program
// skips.
func (e *edit) notUTF8(dir string) []string {
	entries, _ := e.root.ReadDir(dir) // the reader of the directory reports the error
	var names []string
	for _, entry := range entries {
		if !fs.ValidPath(entry.Name()) {
			names = append(names, fmt.Sprintf("%q", entry.Name()))
		}
	}
	return names
}

// warnNotUTF8 warns of skipped names in a directory.
func (e *edit) warnNotUTF8(dir string) {
	if names := e.notUTF8(dir); len(names) > 0 {
		e.warn("names that are not UTF-8 are skipped and left unchanged in /%s: %s; rename the files that must be read", dir, some(names))
	}
}
