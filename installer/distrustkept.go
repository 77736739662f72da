package installer

import (
	"bytes"
	"cmp"
	"errors"
	"io/fs"
	"path"
	"slices"
	"strings"

	"github.com/certgraft/certgraft/certs"
	"github.com/certgraft/certgraft/installer/internal/distrusted"
	"github.com/certgraft/certgraft/installer/internal/edk2"
	"github.com/certgraft/certgraft/installer/internal/recorded"
	"github.com/certgraft/certgraft/internal/order"
	"github.com/certgraft/certgraft/internal/pemfile"
	"github.com/certgraft/certgraft/keystore"
	"github.com/certgraft/certgraft/rootfs"
)

// file takes out of one file what is not to be trusted, whoever put it there.
func (b *ban) file(store, name string, as format) error {
	real, err := b.root.Resolve(name)
	if err != nil || !leadsToFile(b.root, real) {
		return err
	}
	was, err := b.root.Content(real)
	if err != nil {
		return err
	}
	c, err := b.open(store, real, as, was)
	if err != nil {
		b.warn("%s: what it holds is not known, and it was left as it is", err)
		return nil
	}
	before, change := c.held().Len(), distrusted.Change{Path: real}
	if err := b.cut(c, &change); err != nil {
		return err
	}
	if len(change.Pieces)+len(change.Entries) == 0 {
		return nil
	}
	data, err := c.encode()
	if err != nil {
		return err
	}
	b.label(store, &change)
	b.changes[real] = change
	left := c.held().Len()
	b.report.add(StoreReport{Name: cmp.Or(store, "anchor"), Path: "/" + real, Removed: max(before-left, 1), Total: left})
	b.report.java = b.report.java || leads(b.root, debianKeystore, real)
	return b.root.WriteFile(real, data, 0o644)
}

// label says of what was cut out who had put it there.
func (b *ban) label(store string, change *distrusted.Change) {
	ours, made := b.record.claims(change.Path), b.isMade(store, change.Path)
	note := func(print string) (isOurs, explained bool) {
		f, _ := certs.ParseFingerprint(print)
		b.went(b.found.Get(f), change.Path)
		_, known := b.why[f]
		return ours[f], made && known
	}
	for i := range change.Pieces {
		p := &change.Pieces[i]
		p.Ours, p.Explained = note(p.Certificate)
	}
	for i := range change.Entries {
		p := &change.Entries[i]
		p.Ours, p.Explained = note(p.Certificate)
	}
}

// isMade reports whether a tool makes a file of anchors.
func (b *ban) isMade(store, real string) bool {
	if store == (javaStore{}).name() {
		return b.extracted(real) || b.family(debian.id) && leads(b.root, debianKeystore, real)
	}
	return store == b.report.Detection.Family && store != (bundleStore{}).name()
}

// cut takes out of an opened file what is not to be trusted, and notes what it was.
func (b *ban) cut(c content, change *distrusted.Change) (err error) {
	gone := func(p distrusted.Part) bool {
		f, err := certs.ParseFingerprint(p.Print)
		return err == nil && b.gone[f]
	}
	switch c := c.(type) {
	case *keystoreFile:
		var pieces []keystore.Piece
		pieces, err = c.Cut(func(e keystore.Entry) bool { return b.gone[e.Cert.Fingerprint()] })
		c.changed = len(pieces) > 0
		for _, p := range pieces {
			change.Entries = append(change.Entries, distrusted.Entry{Piece: p, Certificate: p.Cert.Fingerprint().String()})
		}
		return c.named(err)
	case *firmwareFile:
		data, _ := c.encode() // it joins what was read
		data, change.Pieces = distrusted.Cut(data, b.firmwareParts(data), gone, nil)
		reread, err := openFirmware(b.edit, "", "", data)
		c.lists = reread.(*firmwareFile).lists
		return err
	case *anchorBundle:
		rest := b.behindMade(c, gone)
		change.Pieces = b.cutText(c.bundle, gone)
		if rest != nil && len(change.Pieces) > 0 {
			c.data = slices.Concat(c.left.concat(c.store.each), rest)
			c.keep()
		}
	case *joinedBundle:
		change.Pieces = b.cutText(c.bundle, gone)
		if data, err := c.store.join(b.edit); err == nil && b.reader.Passes(data) {
			c.data = data
			c.keep()
		}
	case *bundle:
		change.Pieces = b.cutText(c, gone)
	}
	return nil
}

// behindMade returns what follows what the tool made, without what goes; nil where the
// tool did not make it.
func (b *ban) behindMade(c *anchorBundle, gone func(distrusted.Part) bool) []byte {
	rest, made := bytes.CutPrefix(c.data, c.before.anchors.concat(c.store.each))
	if !made || len(c.before.anchors.files) == 0 || !c.before.anchors.readable(b.reader, c.store.each) {
		return nil
	}
	rest, _ = distrusted.Cut(rest, b.parts(c.style)(rest), gone, nil)
	return append([]byte{}, rest...)
}

// cutText takes the copies out of a bundle. In the one that has what is not to be
// trusted too, a word that it is not takes their place.
func (b *ban) cutText(c *bundle, gone func(distrusted.Part) bool) (pieces []distrusted.Piece) {
	was, parts := c.data, b.parts(c.style)(c.data)
	var instead func(distrusted.Part) []byte
	if c.style.Trusted {
		instead = func(p distrusted.Part) []byte { return b.rejected(was[p.Start:p.End], p.Print) }
	}
	c.data, pieces = distrusted.Cut(was, parts, gone, instead)
	c.keep()
	if !c.style.Comment || instead != nil || len(pieces) == 0 || !gone(parts[0]) || bytes.HasPrefix(was, []byte("\n")) {
		return pieces
	}
	if rest, ok := bytes.CutPrefix(c.data, []byte("\n")); ok { // that stood between the first that went and the next
		last := slices.IndexFunc(parts, func(p distrusted.Part) bool { return !gone(p) }) - 1
		pieces[last].Was = append(slices.Clone(pieces[last].Was), '\n')
		c.data = rest
	}
	return pieces
}

// rejected returns what trust extract writes in place of a certificate that is blocked.
func (b *ban) rejected(was []byte, print string) []byte {
	f, _ := certs.ParseFingerprint(print)
	before, _, ok := bytes.Cut(was, []byte("-----BEGIN "))
	if !ok {
		return nil
	}
	return slices.Concat(before, pemfile.Rejected(b.found.Get(f)))
}

// parts returns what finds the certificates in a text of a style.
func (e *edit) parts(as pemfile.Style) func([]byte) []distrusted.Part {
	return func(data []byte) (parts []distrusted.Part) {
		end := 0
		for _, c := range e.reader.Copies(data, as) {
			start := c.Start()
			if as == (pemfile.Style{}) {
				start = paragraph(data, end, start)
			}
			parts = append(parts, distrusted.Part{Start: start, End: c.End(), Print: c.Cert.Fingerprint().String()})
			end = c.End()
		}
		return parts
	}
}

// paragraph returns where the text right above a certificate begins, with the blank
// line before it: it says which certificate that is. What a file begins with says
// something else.
func paragraph(data []byte, from, start int) int {
	at := start
	for at > from {
		line := from + 1 + bytes.LastIndexByte(data[from:at-1], '\n')
		text := bytes.TrimSpace(data[line:at])
		switch {
		case len(text) == 0 && at < start:
			return line
		case len(text) == 0, bytes.HasPrefix(text, []byte("-----")):
			return at
		}
		at = line
	}
	if at == 0 {
		return start
	}
	return at
}

func (e *edit) firmwareParts(data []byte) (parts []distrusted.Part) {
	lists, _ := edk2.Split(data) // it was read before
	at := 0
	for _, list := range lists {
		part := distrusted.Part{Start: at, End: at + len(list)}
		if c, err := e.reader.Parse(edk2.Certificate(list)); err == nil {
			part.Print = c.Fingerprint().String()
		}
		parts, at = append(parts, part), part.End
	}
	return parts
}

// keep writes the record of what was changed against the root as it was before.
func (b *ban) keep(before *rootfs.Overlay) error {
	kept := b.kept
	for c := range b.root.Changes() {
		switch change, edited := b.changes[c.Name]; {
		case edited:
			kept.Changes = append(kept.Changes, change)
		case c.Mode.IsDir():
			kept.Directories = append(kept.Directories, c.Name)
		default:
			change, err := b.changeOf(before, c)
			if err != nil {
				return err
			}
			kept.Changes = append(kept.Changes, change)
		}
	}
	if len(kept.Changes) == 0 {
		return nil
	}
	for _, a := range b.asked {
		if b.has(a) {
			kept.Asked = append(kept.Asked, a)
		}
	}
	for c := range b.found.All() {
		kept.Certificates = append(kept.Certificates, distrusted.Certificate{Fingerprint: c.Fingerprint().String(), Subject: c.Subject(), From: b.from[c.Fingerprint()]})
	}
	made := &record{}
	if err := makeDirs(b.root, made, path.Dir(DistrustPath)); err != nil {
		return err
	}
	for _, dir := range slices.Concat(made.Directories, b.record.Directories) {
		if strings.HasPrefix(DistrustPath, dir+"/") && !slices.Contains(kept.Directories, dir) {
			kept.Directories = append(kept.Directories, dir)
		}
	}
	data, err := kept.Encode()
	if err != nil {
		return err
	}
	return b.root.WriteFile(DistrustPath, data, 0o644)
}

// changeOf returns what undoes a change that is no cut.
func (b *ban) changeOf(before *rootfs.Overlay, c rootfs.Change) (distrusted.Change, error) {
	change := distrusted.Change{Path: c.Name}
	if data, err := before.Content(c.Name); err == nil {
		if held := b.certificatesOf(anchor{data: data}); len(held) > 0 {
			change.Certificate = held[0].Fingerprint().String()
			_, known := b.why[held[0].Fingerprint()]
			change.Explained = known && b.inHashDir(c.Name)
			change.Ours = isOurs(c.Name) && b.record.cert(held[0].Fingerprint()) != nil
		}
	}
	switch {
	case c.Prior == nil && c.Mode.IsRegular():
		change.Made = recorded.Digest(c.Data)
	case c.Mode&fs.ModeSymlink != 0 || c.Prior.Mode()&fs.ModeSymlink != 0:
		change.Link = &distrusted.Link{Now: c.Target}
		if c.Prior != nil {
			was, err := before.ReadLink(c.Name)
			if err != nil {
				return change, err
			}
			change.Link.Was = was
		}
	case c.Removed:
		data, err := before.Content(c.Name)
		change.File = fileOf(c.Prior, data)
		return change, err
	default: // of policies
		data, err := before.Content(c.Name)
		change.File, change.Made = fileOf(c.Prior, data), recorded.Digest(c.Data)
		return change, err
	}
	return change, nil
}

func fileOf(was fs.FileInfo, data []byte) *distrusted.File {
	owner, _ := rootfs.OwnerOf(was) // root where it is not known
	return &distrusted.File{Mode: uint32(was.Mode().Perm()), UID: owner.UID, GID: owner.GID, Data: data}
}

// inHashDir reports whether trust extract makes what is at name.
func (b *ban) inHashDir(name string) bool {
	for _, s := range []p11Store{fedora, arch, suse} {
		for _, d := range s.hashDirs {
			if real, ok, err := directory(b.root, d.path); s.used(b.edit) && err == nil && ok && path.Dir(name) == real {
				return true
			}
		}
	}
	return false
}

// TrustAgain gives back what [Distrust] took out: of the certificates and keys in
// unwanted, or of all where that is nil. What others did to the root meanwhile stays.
func TrustAgain(root *rootfs.Overlay, unwanted []Unwanted, opt Options) (*Report, error) {
	was, err := distrusted.Read(root)
	if err != nil {
		return nil, err
	}
	stay := slices.DeleteFunc(slices.Clone(was.Asked), func(a distrusted.Asked) bool {
		return unwanted == nil || slices.ContainsFunc(unwanted, func(u Unwanted) bool { return a.Same(u.asked()) || u.covers(a) })
	})
	if len(stay) == len(was.Asked) {
		e, err := lookAt(root, opt)
		if err != nil {
			return nil, err
		}
		e.tell("nothing of what was named is distrusted in this root by certgraft%s", whatIs(was))
		return e.report, nil
	}
	report, err := distrust(root, was, stay, nil, opt)
	if err != nil {
		return nil, err
	}
	for _, c := range was.Certificates {
		if !slices.ContainsFunc(report.Taken, func(t Taken) bool { return t.Fingerprint == c.Fingerprint }) {
			report.Returned = append(report.Returned, Taken{Fingerprint: c.Fingerprint, Subject: c.Subject, From: c.From})
		}
	}
	report.Taken = nil
	return report, report.tellPending(root, opt)
}

// tellPending names the anchors that no tool has read. An anchor that was given back may be
// one: the bundle cannot say whether the tool ran while the anchor was away.
func (r *Report) tellPending(root *rootfs.Overlay, opt Options) error {
	e, err := lookAt(root, opt)
	if err != nil {
		return err
	}
	if err := e.inspectAnchors(); err != nil {
		return err
	}
	r.Warnings = append(r.Warnings, e.report.Warnings...)
	return nil
}

// whatIs names what is distrusted.
func whatIs(kept *distrusted.Record) string {
	var names []string
	for _, a := range kept.Asked {
		names = append(names, cmp.Or(a.Name, a.Certificate, a.Key))
	}
	if len(names) == 0 {
		return ""
	}
	return ": it has " + strings.Join(names[:min(20, len(names))], "; ")
}

// giver gives back what was taken out of a root.
type giver struct {
	*edit
	kept   *distrusted.Record
	system store
	state  *state // of a root that has anchors, before any of them is back
	joined bool   // the bundle of a directory of anchors is the tool's
	why    explanation
	moved  bool // the record of what was installed says where ours are now
}

// giveBack makes a root what it would be if nothing had been taken out of it, and says
// what it could not.
func giveBack(root *rootfs.Overlay, kept *distrusted.Record, opt Options) ([]string, error) {
	if len(kept.Changes) == 0 {
		return nil, nil
	}
	e, err := newEdit(root, opt)
	if err != nil {
		return nil, err
	}
	g := &giver{edit: e, kept: kept}
	for _, step := range []func() error{g.look, g.sources, g.explain, g.remake, g.files, g.links, g.relink, g.forget} {
		if err := step(); err != nil {
			return nil, err
		}
	}
	return e.report.Notes, nil
}

// look finds out whether the root is as the distribution's tool left it.
func (g *giver) look() (err error) {
	for _, row := range stores {
		if row.part != system || !row.store.used(g.edit) {
			continue
		}
		switch s := row.store.(type) {
		case anchorStore:
			g.system = s
			g.state, err = s.look(g.edit)
		case dirStore:
			g.system = s
			g.joined, err = s.isJoined(g.edit)
		case p11Store:
			g.system = s
		}
	}
	return err
}

// sources puts back what tools read.
func (g *giver) sources() error {
	for _, c := range g.kept.Changes {
		var err error
		switch {
		case len(c.Lines) > 0:
			err = g.selectAgain(c)
		case c.Made != "" && c.File != nil:
			err = g.unedit(c)
		case c.Made != "":
			err = g.unmake(c)
		case c.File != nil && !c.Explained:
			err = g.putBack(c)
		case c.Link != nil && !slices.Contains(g.hashDirs(), path.Dir(c.Path)):
			err = g.link(c.Path, *c.Link)
		case len(c.Pieces) > 0 && !g.isSystem(c.Path):
			err = g.restore(c)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// isSystem reports whether a file is one that the distribution's tool makes.
func (g *giver) isSystem(name string) bool {
	switch s := g.system.(type) {
	case anchorStore:
		return leads(g.root, toolsBundle, name)
	case dirStore:
		return leads(g.root, s.bundle, name)
	case p11Store:
		return slices.ContainsFunc(s.files, func(f p11File) bool { return leads(g.root, f.path, name) })
	}
	return false
}

func (g *giver) selectAgain(c distrusted.Change) error {
	conf, err := readIfThere(g.root, c.Path)
	if err != nil || conf == nil {
		return err
	}
	for _, line := range c.Lines {
		conf = distrusted.Select(conf, line)
	}
	return g.root.WriteFile(c.Path, conf, 0o644)
}

// unmake takes away a file that was made, unless someone has changed it.
func (g *giver) unmake(c distrusted.Change) error {
	data, err := readIfThere(g.root, c.Path)
	switch {
	case err != nil || data == nil:
		return err
	case recorded.Digest(data) != c.Made:
		g.tell("/%s was changed by someone else since it was made, and stays", c.Path)
		return nil
	}
	return g.root.Remove(c.Path)
}

// unedit writes a file as it was, unless someone has changed it.
func (g *giver) unedit(c distrusted.Change) error {
	data, err := readIfThere(g.root, c.Path)
	switch {
	case err != nil || data == nil:
		return err
	case recorded.Digest(data) != c.Made:
		g.tell("/%s was changed by someone else since it was edited: what it has of distrusted CAs stays", c.Path)
		return nil
	}
	return g.root.WriteFile(c.Path, c.File.Data, 0o644)
}

// putBack writes a file that was moved aside, unless something is there.
func (g *giver) putBack(c distrusted.Change) error {
	if g.isLost(c.Certificate, c.Ours, c.Explained, nil) {
		return nil
	}
	if data, err := readIfThere(g.root, c.Path); isThere(g.root, c.Path) {
		if err == nil && !bytes.Equal(data, c.File.Data) {
			g.tell("/%s is there, and not what was moved aside: it stays", c.Path)
		}
		return nil
	}
	err := g.root.WriteFile(c.Path, c.File.Data, fs.FileMode(c.File.Mode).Perm())
	if owner := (rootfs.Owner{UID: c.File.UID, GID: c.File.GID}); err == nil && owner != (rootfs.Owner{}) {
		return g.root.Chown(c.Path, owner)
	}
	return err
}

// isLost reports whether what was taken out would not be there any more: remove has
// taken it out since, or nothing explains it.
func (g *giver) isLost(print string, ours, explained bool, claims map[certs.Fingerprint]bool) bool {
	f, err := certs.ParseFingerprint(print)
	_, known := g.why[f]
	switch {
	case err != nil:
		return false
	case explained:
		return !known
	case ours && claims == nil:
		return g.record.cert(f) == nil
	}
	return ours && !claims[f]
}

func (g *giver) explain() (err error) {
	switch s := g.system.(type) {
	case anchorStore:
		var a *anchors
		if a, err = s.anchors(g.root); err == nil {
			g.why = g.explanationOf(a.files)
		}
	case dirStore:
		g.why, err = s.explain(g.edit)
	case p11Store:
		var all sourced
		if all, err = s.left(g.edit); err == nil {
			g.why = all.explain(everything)
		}
	}
	return err
}

// remake writes the bundle that the tool would, where the one that is there is the
// tool's.
func (g *giver) remake() error {
	s, ok := g.system.(anchorStore)
	if !ok || !g.kept.Bundle || !g.state.bundle || g.state.data == nil {
		return nil
	}
	now, err := s.anchors(g.root)
	if err != nil {
		return err
	}
	behind := bytes.TrimPrefix(g.state.data, g.state.anchors.concat(s.each))
	return g.root.WriteFile(toolsBundle, slices.Concat(now.concat(s.each), behind), 0o644)
}

// files puts back what tools make, and what no tool makes.
func (g *giver) files() error {
	for _, c := range g.kept.Changes {
		var err error
		switch {
		case len(c.Entries) > 0:
			err = g.restoreEntries(c)
		case len(c.Pieces) > 0 && g.isSystem(c.Path):
			err = g.restore(c)
		case c.File != nil && c.Explained && isThere(g.root, path.Dir(c.Path)): // else the tool did not make the directory anew
			err = g.putBack(c)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func (g *giver) restoreEntries(c distrusted.Change) error {
	data, err := readIfThere(g.root, c.Path)
	if err != nil || data == nil {
		return err
	}
	opened, err := g.open("", c.Path, g.keystoreFormat(c.Path), data)
	if err != nil {
		return err
	}
	claims := g.record.claims(c.Path)
	var pieces []keystore.Piece
	for _, p := range c.Entries {
		if !g.isLost(p.Certificate, p.Ours, p.Explained, claims) {
			pieces = append(pieces, p.Piece)
		}
	}
	k := opened.(*keystoreFile)
	k.changed = len(pieces) > 0
	if err := k.Restore(pieces); err != nil {
		return k.named(err)
	}
	if data, err = k.encode(); err != nil {
		return err
	}
	return g.root.WriteFile(c.Path, data, 0o644)
}

// restore puts pieces back into a file.
func (g *giver) restore(c distrusted.Change) error {
	data, err := readIfThere(g.root, c.Path)
	if err != nil || data == nil {
		return err
	}
	opened, err := g.open("", c.Path, g.formatOf(c.Path), data)
	if err != nil {
		return err
	}
	claims := g.record.claims(c.Path)
	pieces := slices.Clone(c.Pieces)
	for i, p := range pieces {
		if g.isLost(p.Certificate, p.Ours, p.Explained, claims) {
			pieces[i].Was = nil // what stands in its place goes all the same
		}
	}
	switch opened := opened.(type) {
	case *firmwareFile:
		data = distrusted.Restore(data, g.firmwareParts, pieces)
	case *bundle:
		before := g.reader.Copies(data, opened.style)
		data = distrusted.Restore(data, g.parts(opened.style), pieces)
		g.follow(c.Path, before, g.reader.Copies(data, opened.style))
	}
	return g.root.WriteFile(c.Path, data, 0o644)
}

// formatOf returns how a file is written.
func (g *giver) formatOf(name string) format {
	if s, ok := g.system.(p11Store); ok {
		for _, f := range s.files {
			if leads(g.root, f.path, name) {
				return f.format
			}
		}
	}
	return g.bundle(name)
}

// follow notes where ours are now that others stand before them.
func (g *giver) follow(name string, before, after []pemfile.Copy) {
	file, which := g.record.file(name), map[certs.Fingerprint]int{} // of the copies of one certificate, from 1
	if len(before) == 0 || before[0].Gap != file.Head {
		return
	}
	numbered(before, func(_ int, c pemfile.Copy, n int) {
		if at, known := file.PlaceOf(c.Cert.Fingerprint()); known && c.Exact() && recorded.IsAt(at, c, before) {
			which[c.Cert.Fingerprint()] = n
		}
	})
	numbered(after, func(i int, c pemfile.Copy, n int) {
		was, known := file.PlaceOf(c.Cert.Fingerprint())
		now := recorded.Place{Fingerprint: was.Fingerprint, Behind: recorded.LastOf(after, i), Gap: c.Gap}
		if known && which[c.Cert.Fingerprint()] == n && (!slices.Equal(was.Behind, now.Behind) || was.Gap != now.Gap) {
			file.Put(now)
			g.moved = true
		}
	})
	if len(which) > 0 && file.Head != after[0].Gap {
		file.Head, g.moved = after[0].Gap, true
	}
}

// numbered calls visit with each copy, and how many of its certificate it makes.
func numbered(copies []pemfile.Copy, visit func(i int, c pemfile.Copy, n int)) {
	count := map[certs.Fingerprint]int{}
	for i, c := range copies {
		count[c.Cert.Fingerprint()]++
		visit(i, c, count[c.Cert.Fingerprint()])
	}
}

// links makes links lead to where they led, those to files first.
func (g *giver) links() error {
	changes := slices.DeleteFunc(slices.Clone(g.kept.Changes), func(c distrusted.Change) bool { return c.Link == nil })
	order.Stable(changes, func(a, b distrusted.Change) int {
		return cmp.Or(cmp.Compare(path.Dir(a.Path), path.Dir(b.Path)), byNumber(path.Base(a.Path), path.Base(b.Path)))
	})
	for _, hashed := range []bool{false, true} {
		for _, c := range changes {
			if isHash(path.Base(c.Path)) != hashed {
				continue
			}
			if err := g.link(c.Path, *c.Link); err != nil {
				return err
			}
		}
	}
	return nil
}

func (g *giver) link(name string, c distrusted.Link) error {
	now, err := g.root.ReadLink(name)
	untouched := err == nil && now == c.Now || errors.Is(err, fs.ErrNotExist) && c.Now == ""
	n, isHash := parseHash(path.Base(name))
	switch {
	case c.Was == "" && untouched:
		return g.root.Remove(name)
	case c.Was == "" || !leadsToFile(g.root, rootedIn(path.Dir(name), c.Was)):
		return nil
	case untouched:
		return g.root.Symlink(c.Was, name)
	case isHash && now != c.Was:
		l := hashLinks{g.edit, "", path.Dir(name)}
		return g.root.Symlink(c.Was, l.at(l.free(n)))
	}
	return nil
}

// relink leaves the links that the tool would, where those that are there were the
// tool's, and the bundle that is joined of what they lead to.
func (g *giver) relink() error {
	switch s := g.system.(type) {
	case dirStore:
		if !g.kept.Bundle || !g.joined {
			return nil
		}
		data, err := s.join(g.edit)
		if err != nil || !g.reader.Passes(data) {
			return err
		}
		return g.root.WriteFile(s.bundle, data, 0o644)
	case anchorStore:
		if !g.kept.Links || !g.state.links {
			return nil
		}
		there, err := linksIn(g.root, certDir)
		if err != nil {
			return err
		}
		now, err := s.anchors(g.root)
		if err != nil {
			return err
		}
		return s.remakeLinks(g.edit, there, there, now)
	}
	return nil
}

// forget takes the record away, and the directories that were made for it.
func (g *giver) forget() error {
	if err := g.root.Remove(DistrustPath); err != nil {
		return err
	}
	for _, dir := range slices.Backward(g.kept.Directories) {
		entries, err := g.root.ReadDir(dir)
		switch {
		case err != nil:
		case len(entries) == 0:
			if err := g.root.Remove(dir); err != nil {
				return err
			}
		case len(g.record.Certificates) > 0 && strings.HasPrefix(RecordPath, dir+"/") && !slices.Contains(g.record.Directories, dir):
			g.record.Directories, g.moved = append(g.record.Directories, dir), true
		}
	}
	if !g.moved {
		return nil
	}
	return g.record.write(g.root)
}
