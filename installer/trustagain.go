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
	"github.com/certgraft/certgraft/installer/internal/recorded"
	"github.com/certgraft/certgraft/internal/order"
	"github.com/certgraft/certgraft/keystore"
	"github.com/certgraft/certgraft/rootfs"
)

// TrustAgain gives back what [Distrust] took out: for the certificates and keys in
// unwanted, or for all if unwanted is nil. Later changes by others stay.
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
		e.tell("certgraft distrusts no named CA in this root%s", whatIs(was))
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

// tellPending names the anchors that no tool has read. A returned anchor may be one of
// them: the bundle does not show whether the tool ran while the anchor was away.
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

// whatIs lists the distrusted certificates and keys, up to 20.
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

// giver gives back the data that was taken out of a root.
type giver struct {
	*edit
	kept   *distrusted.Record
	system store
	state  *state // of a root with anchors, before the first one is back
	joined bool   // the tool made the bundle of a directory of anchors
	why    explanation
	moved  bool // the record of installed certificates has new places
}

// giveBack restores the root as if [Distrust] had not run, and returns notes on the
// data that it could not give back.
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

// sources puts back the files that tools read, and the files that no tool makes.
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

// unmake removes a file that [Distrust] made, unless someone has changed it.
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

// unedit restores a file, unless someone has changed it.
func (g *giver) unedit(c distrusted.Change) error {
	data, err := readIfThere(g.root, c.Path)
	switch {
	case err != nil || data == nil:
		return err
	case recorded.Digest(data) != c.Made:
		g.tell("/%s was changed by someone else since the edit: its distrusted CAs stay", c.Path)
		return nil
	}
	return g.root.WriteFile(c.Path, c.File.Data, 0o644)
}

// putBack writes a file that was moved aside, unless its name is taken.
func (g *giver) putBack(c distrusted.Change) error {
	if g.isLost(c.Certificate, c.Ours, c.Explained, nil) {
		return nil
	}
	if data, err := readIfThere(g.root, c.Path); isThere(g.root, c.Path) {
		if err == nil && !bytes.Equal(data, c.File.Data) {
			g.tell("/%s exists and is not the anchor that was moved aside: it stays", c.Path)
		}
		return nil
	}
	err := g.root.WriteFile(c.Path, c.File.Data, fs.FileMode(c.File.Mode).Perm())
	if owner := (rootfs.Owner{UID: c.File.UID, GID: c.File.GID}); err == nil && owner != (rootfs.Owner{}) {
		return g.root.Chown(c.Path, owner)
	}
	return err
}

// isLost reports whether a certificate must stay out: remove has removed it since, or
// the source that explained it is gone.
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

// remake writes the bundle that the tool would write, if the tool made the present one.
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

// files restores the Java trust stores, the distribution's bundles, and the files of
// hash directories.
func (g *giver) files() error {
	for _, c := range g.kept.Changes {
		var err error
		switch {
		case len(c.Entries) > 0:
			err = g.restoreEntries(c)
		case len(c.Pieces) > 0 && g.isSystem(c.Path):
			err = g.restore(c)
		case c.File != nil && c.Explained && isThere(g.root, path.Dir(c.Path)): // without the directory the tool would not have made it
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
			pieces[i].Was = nil // its replacement goes too
		}
	}
	switch opened := opened.(type) {
	case *firmwareFile:
		data = distrusted.Restore(data, distrusted.FirmwareParts(g.reader), pieces)
	case *bundle:
		before := g.reader.Copies(data, opened.style)
		data = distrusted.Restore(data, distrusted.TextParts(g.reader, opened.style), pieces)
		moved := g.record.file(c.Path).Follow(before, g.reader.Copies(data, opened.style))
		g.moved = g.moved || moved
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

// links restores the targets of links. Links to files come before hash links.
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

// relink makes the links, or the joined bundle, that the tool would make, if the tool
// made the present ones.
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

// forget deletes the record of [Distrust] and the directories that were made for it.
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

// out is the certificates, by fingerprint, that an earlier [Distrust] took out of a root
// and that no file has back. Distrust first gives back what it took out earlier, so its
// own report counts them again.
type out map[string]bool

// outBefore repeats the earlier edits of a root. A certificate is out if the repetition
// changes none of its files.
func outBefore(root *rootfs.Overlay, was *distrusted.Record, opt Options) (out, error) {
	if len(was.Certificates) == 0 {
		return nil, nil
	}
	repeated := rootfs.NewOverlay(root)
	report, err := distrust(repeated, was, was.Asked, nil, opt)
	if err != nil {
		return nil, err
	}
	changed := map[string]bool{}
	for c := range repeated.Changes() {
		changed["/"+c.Name] = true
	}
	o := out{}
	for _, t := range report.Taken {
		known := slices.ContainsFunc(was.Certificates, func(c distrusted.Certificate) bool { return c.Fingerprint == t.Fingerprint })
		o[t.Fingerprint] = known && !slices.ContainsFunc(t.From, func(name string) bool { return changed[name] })
	}
	return o, nil
}

// leave takes the certificates out of a report, except certificates that this run names.
func (o out) leave(report *Report, unwanted []Unwanted) {
	var taken []Taken
	n := 0
	left := map[string]int{} // certificates that were out already, by file
	now := map[string]bool{} // files with certificates that this run takes out
	for _, t := range report.Taken {
		if !o[t.Fingerprint] {
			taken = append(taken, t)
			for _, name := range t.From {
				now[name] = true
			}
			continue
		}
		n++
		for _, name := range t.From {
			left[name]++
		}
		if slices.ContainsFunc(unwanted, func(u Unwanted) bool { return u.Is(t.cert) }) {
			report.Already = append(report.Already, t)
		}
	}
	report.Taken = taken
	for i := range report.Stores {
		s := &report.Stores[i]
		switch {
		case s.Name == (browserStore{}).name():
			again := min(n, s.Added)
			s.Added, s.Present = s.Added-again, s.Present+again
		case now[s.Path]:
			s.Removed = max(1, s.Removed-left[s.Path]) // a file that rejects a CA keeps its entry
		case left[s.Path] > 0:
			s.Removed = 0
		default: // a directory
			s.Removed -= min(s.Removed, n)
		}
	}
}
