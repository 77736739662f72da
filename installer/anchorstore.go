package installer

import (
	"bytes"
	"fmt"
	"io/fs"
	"maps"
	"path"
	"slices"
	"strings"

	"github.com/certgraft/certgraft/certs"
	"github.com/certgraft/certgraft/installer/internal/recorded"
	"github.com/certgraft/certgraft/internal/pemfile"
	"github.com/certgraft/certgraft/rootfs"
)

// anchorStore is the layout of a distribution whose update-ca-certificates
// reads /usr/local/share/ca-certificates and leaves links to the anchors, links
// named by hash and one bundle in /etc/ssl/certs. The distributions' tools
// differ in what is here.
type anchorStore struct {
	id       string
	reads    string                                                                // which local files the tool reads
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
	data    []byte               // the bundle; nil if there is none
	bundle  bool                 // the bundle is what the tool would write, and readable: it can be written anew
	links   bool                 // so are the links
	there   map[string]string    // the links in /etc/ssl/certs
	behind  []*certs.Certificate // what install --append put behind what the tool would write
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

// stripped reports whether the bundle is what the tool would write but for what
// install --append put there.
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

// installBundle leaves the bundle that the tool would make of the anchors, or,
// where it was not the tool that made it, adds to it. What it returns waits
// until the bundle was read back, and says what it holds.
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

// write writes the bundle that the tool would, and behind that what install
// --append put there and no anchor holds. It notes where ours are.
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

// notePlaces notes where ours are in data, a bundle of anchors, which was another.
func (s anchorStore) notePlaces(e *edit, a *anchors, real string, was, data []byte) {
	file := e.record.file(real)
	asLeft := file.AsLeft(was) // so that it cannot be told whether the tool wrote it since
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

// held returns what a bundle holds that the tool made.
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

// installLinks leaves the links that the tool would, or, where it was not the
// tool that made them, adds to them.
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

// nameUnexplained warns of certificates in the bundle that no anchor explains:
// the tool will drop them, whatever this program does.
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
			e.warn("%s is damaged (%s) and %s, so in the bundle it is not as it is there; update-ca-certificates brings that back when it next runs: repair or remove the file", f.path, in.Faults[0].Why, in.Faults[0].Harm())
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

// removeFromBundle takes gone out of the bundle: what the tool made is made anew of
// the anchors that are left, and of what follows that, or of a bundle that is not
// the tool's, the copies that are not someone's go.
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

// anchorBundle is a bundle that a tool makes of anchors, before and after ours went.
type anchorBundle struct {
	*bundle
	store  anchorStore
	before *state
	left   *anchors
}

// openBundle opens a bundle. What the tool's own holds is known from the anchors.
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
			w.made = false // what follows was put there, by us or by a hand
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

// made returns what follows what the tool made of the anchors, if it did.
func (b *anchorBundle) made() (rest []byte, made bool) {
	if b.before.isTools() {
		return nil, true
	}
	rest, made = bytes.CutPrefix(b.data, b.before.anchors.concat(b.store.each))
	return rest, made && len(b.before.anchors.files) > 0 && b.before.anchors.readable(b.reader, b.store.each)
}

// remake leaves what the tool makes of the anchors that are left.
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

// rest returns what follows what the tool made, without what this program put
// there.
func (b *anchorBundle) rest(w *withdrawal, made int) []byte {
	w.made = false
	return w.copiesBehind(made, b.data, b.style)[made:]
}

// undecided reports whether the file is as this program left it and held by hand
// what goes now: whether the tool wrote it since cannot be told.
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

// nameStaying names what the anchors that are left explain.
func (b *anchorBundle) nameStaying(w *withdrawal) {
	for f := range w.gone {
		if why, ok := w.why[f]; ok {
			w.stay(f, why)
		}
	}
}

func (s anchorStore) removeLinks(e *edit, before *state, left *anchors, dropped map[string]certs.Fingerprint, gone map[certs.Fingerprint]bool) error {
	files := map[string]certs.Fingerprint{}
	for link, target := range before.there {
		f, ok := dropped[target]
		if !ok {
			f, ok = lostAnchor(e.root, target, gone)
		}
		if ok && link == s.linkName(target) {
			files[link] = f
		}
	}
	if before.links && len(e.record.store(s.id).Replaced) == 0 { // the tool would not leave what was there before
		return s.remakeLinksWithout(e, before.there, left, files)
	}
	for _, link := range slices.Sorted(maps.Keys(files)) {
		if err := e.root.Remove(inCertDir(link)); err != nil {
			return err
		}
		e.unlinked(link)
	}
	_, err := e.certDirLinks(s.id).dropTo(files)
	return err
}

// lostAnchor returns which of gone an anchor of ours was for that someone has
// deleted.
func lostAnchor(root *rootfs.Overlay, target string, gone map[certs.Fingerprint]bool) (certs.Fingerprint, bool) {
	if !toAnchor(target) || !isOurs(target) || exists(root, path.Clean(target)[1:]) {
		return certs.Fingerprint{}, false
	}
	for f := range gone {
		name := strings.TrimSuffix(target, ".crt")
		for _, digits := range []int{8, 16, 64} {
			if strings.HasSuffix(name, "-"+f.String()[:digits]) {
				return f, true
			}
		}
	}
	return certs.Fingerprint{}, false
}

// notUTF8 returns the names in a directory that are passed over.
func (e *edit) notUTF8(dir string) []string {
	entries, _ := e.root.ReadDir(dir) // whoever wants to read it says why that fails
	var names []string
	for _, entry := range entries {
		if !fs.ValidPath(entry.Name()) {
			names = append(names, fmt.Sprintf("%q", entry.Name()))
		}
	}
	return names
}

// warnNotUTF8 warns of what is passed over in a directory.
func (e *edit) warnNotUTF8(dir string) {
	if names := e.notUTF8(dir); len(names) > 0 {
		e.warn("names that are not UTF-8 are skipped and left unchanged in /%s: %s; rename the files that must be read", dir, some(names))
	}
}
