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
	"github.com/certgraft/certgraft/internal/pemfile"
	"github.com/certgraft/certgraft/keystore"
	"github.com/certgraft/certgraft/rootfs"
)

// search finds the distrusted certificates in the root.
func (b *ban) search() error {
	seen := map[*certs.Certificate]bool{}
	note := func(c *certs.Certificate, name string) {
		if seen[c] {
			return
		}
		seen[c] = true
		if _, unwanted := b.wants(c); unwanted {
			b.found.Add(c, "/"+name)
			b.gone[c.Fingerprint()] = true
		}
	}
	names, err := b.places()
	if err != nil {
		return err
	}
	for _, name := range names {
		for _, c := range b.certificates(name) {
			note(c, name)
		}
	}
	for _, name := range b.keystores() {
		for c := range b.keystoreHolds(name).All() {
			note(c, name)
		}
	}
	return nil
}

// places returns every anchor, and every file that may hold certificates for programs.
func (b *ban) places() (names []string, err error) {
	for _, row := range stores {
		files, err := b.filesOf(row.store)
		if err != nil {
			return nil, err
		}
		names = append(names, files...)
		switch s := row.store.(type) {
		case anchorStore:
			if s.used(b.edit) {
				a, err := s.anchors(b.root)
				if err != nil {
					return nil, err
				}
				for _, f := range a.files {
					names = append(names, f.name())
				}
			}
		case p11Store:
			if s.used(b.edit) {
				names = append(names, b.policyFiles(s)...)
				for _, f := range s.files {
					names = append(names, f.path)
				}
			}
		case dirStore:
			if s.used(b.edit) {
				names = append(names, b.inDirectory(s.anchors)...)
			}
		}
	}
	for _, dir := range b.hashDirs() {
		names = append(names, b.inDirectory(dir)...)
	}
	slices.Sort(names)
	return slices.Compact(names), nil
}

func (b *ban) inDirectory(dir string) (names []string) {
	entries, _ := b.root.ReadDir(dir) // a missing directory has no entries
	for _, entry := range entries {
		if name := path.Join(dir, entry.Name()); fs.ValidPath(name) && leadsToFile(b.root, name) {
			names = append(names, name)
		}
	}
	return names
}

func (b *ban) policyFiles(s p11Store) (names []string) {
	for _, dir := range s.trust {
		names = append(names, b.inDirectory(dir)...)
		names = append(names, b.inDirectory(path.Join(dir, "anchors"))...)
	}
	return names
}

// certificates returns the certificates that the most lenient program reads from a
// file.
func (b *ban) certificates(name string) (found []*certs.Certificate) {
	data, err := b.root.Content(name)
	if err != nil || len(data) == 0 {
		return nil
	}
	return b.certificatesIn(data)
}

func (b *ban) certificatesIn(data []byte) (found []*certs.Certificate) {
	for _, c := range b.reader.Copies(data, pemfile.Style{}) {
		found = append(found, c.Cert)
	}
	if len(found) == 0 {
		found, _, _ = certs.ParseAll(data)
	}
	return found
}

// holds reports whether a file holds a distrusted certificate, and whether it holds no
// other.
func (b *ban) holds(name string) (some, alone bool) {
	all := b.certificates(name)
	for _, c := range all {
		some = some || b.gone[c.Fingerprint()]
	}
	return some, some && !slices.ContainsFunc(all, func(c *certs.Certificate) bool { return !b.gone[c.Fingerprint()] })
}

// files takes distrusted certificates out of the files of a directory, without its
// links.
func (b *ban) files(dir string) error {
	entries, err := b.root.ReadDir(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	for _, entry := range entries {
		name := path.Join(dir, entry.Name())
		if !entry.Type().IsRegular() || !fs.ValidPath(name) || slices.Contains(b.bundlePaths, name) {
			continue
		}
		if some, alone := b.holds(name); some {
			err = errors.Join(err, b.moveOrCut(name, alone))
		}
	}
	return err
}

// links removes the links of a directory that lead, or led, to distrusted certificates.
func (b *ban) links(dir string) error {
	bad := b.badLinks(dir)
	_, err := (hashLinks{b.edit, "", dir}).drop(func(name, _ string) bool { _, gone := bad[name]; return gone })
	return err
}

// badLinks returns the links of a directory that lead to distrusted certificates alone,
// or to a file that was moved aside.
func (b *ban) badLinks(dir string) map[string]string {
	links, _ := linksIn(b.root, dir) // a missing directory has no links
	bad := map[string]string{}
	for name, target := range links {
		if _, alone := b.holds(path.Join(dir, name)); alone || b.leadsAside(dir, name, links) {
			bad[name] = target
		}
	}
	return bad
}

// leadsAside reports whether a link led to a file that was moved aside.
func (b *ban) leadsAside(dir, name string, links map[string]string) bool {
	for range len(links) {
		target, isLink := links[name]
		if !isLink {
			return false
		}
		at := rootedIn(dir, target)
		if b.aside[at] {
			return true
		}
		if path.Dir(at) != dir {
			return false
		}
		name = path.Base(at)
	}
	return false
}

// file takes distrusted certificates out of one file, whoever added them.
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
		b.warn("%s: its content cannot be read, and it was left unchanged", err)
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

// label notes for each piece that was cut out whether certgraft or a tool had added it.
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

// isMade reports whether a tool makes a file from anchors.
func (b *ban) isMade(store, real string) bool {
	if store == (javaStore{}).name() {
		return b.extracted(real) || b.family(debian.id) && leads(b.root, debianKeystore, real)
	}
	return store == b.report.Detection.Family && store != (bundleStore{}).name()
}

// cut takes distrusted certificates out of an opened file, and notes the pieces.
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
		data, _ := c.encode() // joins the lists that were read
		data, change.Pieces = distrusted.Cut(data, distrusted.FirmwareParts(b.reader)(data), gone, nil)
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

// behindMade returns the text behind the tool's part, without distrusted certificates.
// It returns nil if the tool did not make the bundle.
func (b *ban) behindMade(c *anchorBundle, gone func(distrusted.Part) bool) []byte {
	rest, made := bytes.CutPrefix(c.data, c.before.anchors.concat(c.store.each))
	if !made || len(c.before.anchors.files) == 0 || !c.before.anchors.readable(b.reader, c.store.each) {
		return nil
	}
	rest, _ = distrusted.Cut(rest, distrusted.TextParts(b.reader, c.style)(rest), gone, nil)
	return append([]byte{}, rest...)
}

// cutText cuts the copies out of a bundle. The bundle that also lists distrusted
// certificates gets an entry that rejects the CA in place of each copy.
func (b *ban) cutText(c *bundle, gone func(distrusted.Part) bool) (pieces []distrusted.Piece) {
	was, parts := c.data, distrusted.TextParts(b.reader, c.style)(c.data)
	var instead func(distrusted.Part) []byte
	if c.style.Trusted {
		instead = func(p distrusted.Part) []byte { return b.rejected(was[p.Start:p.End], p.Print) }
	}
	c.data, pieces = distrusted.Cut(was, parts, gone, instead)
	c.keep()
	if !c.style.Comment || instead != nil || len(pieces) == 0 || !gone(parts[0]) || bytes.HasPrefix(was, []byte("\n")) {
		return pieces
	}
	if rest, ok := bytes.CutPrefix(c.data, []byte("\n")); ok { // it separated the last removed copy from the next
		last := slices.IndexFunc(parts, func(p distrusted.Part) bool { return !gone(p) }) - 1
		pieces[last].Was = append(slices.Clone(pieces[last].Was), '\n')
		c.data = rest
	}
	return pieces
}

// rejected returns the text that trust extract writes in place of a blocked
// certificate.
func (b *ban) rejected(was []byte, print string) []byte {
	f, _ := certs.ParseFingerprint(print)
	before, _, ok := bytes.Cut(was, []byte("-----BEGIN "))
	if !ok {
		return nil
	}
	return slices.Concat(before, pemfile.Rejected(b.found.Get(f)))
}

// keep writes the record of the changes to the root in before.
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

// changeOf returns the record that undoes a change other than a cut.
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
	default: // an edit of policies
		data, err := before.Content(c.Name)
		change.File, change.Made = fileOf(c.Prior, data), recorded.Digest(c.Data)
		return change, err
	}
	return change, nil
}

func fileOf(was fs.FileInfo, data []byte) *distrusted.File {
	owner, _ := rootfs.OwnerOf(was) // root if unknown
	return &distrusted.File{Mode: uint32(was.Mode().Perm()), UID: owner.UID, GID: owner.GID, Data: data}
}

// inHashDir reports whether trust extract makes the file at name.
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
