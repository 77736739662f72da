package installer

import (
	"maps"
	"path"
	"slices"
	"strings"

	"github.com/certgraft/certgraft/certs"
	"github.com/certgraft/certgraft/rootfs"
)

// remakeLinks replaces the links in before by the links that a run of the tool would
// make from there.
func (s anchorStore) remakeLinks(e *edit, before, there map[string]string, a *anchors) error {
	after, err := s.toolsLinks(e, there, a)
	if err != nil {
		return err
	}
	return e.applyLinks(before, after)
}

// remakeLinksWithout makes the links that a run of the tool would make after files have
// gone. If a plain file with the same certificate exists, a hash link to a removed file
// leads to that file, as before the anchor came.
func (s anchorStore) remakeLinksWithout(e *edit, before map[string]string, a *anchors, files map[string]certs.Fingerprint) error {
	l := e.certDirLinks(s.id)
	heirs, err := l.plain(files)
	if err != nil {
		return err
	}
	there, vacant, heirsOf := maps.Clone(before), map[uint32][]string{}, map[uint32][]string{}
	for _, name := range slices.SortedFunc(hashLinksTo(before, files), byNumber) {
		f := files[before[name]]
		n, _ := parseHash(name)
		vacant[n.hash] = append(vacant[n.hash], name)
		if heir := heirs[f]; heir != "" && !l.isLinked(n, f, before, files) {
			heirsOf[n.hash] = append(heirsOf[n.hash], heir)
		}
	}
	for hash, names := range vacant {
		for i, heir := range heirsOf[hash] { // heirs take the first places
			there[names[i]] = heir
		}
		closeUp(there, names[len(heirsOf[hash]):])
	}
	return s.remakeLinks(e, before, there, a)
}

// closeUp removes names of one hash, in the order of their numbers. The names behind
// get the numbers that they would have without them.
func closeUp(links map[string]string, vacant []string) {
	for _, name := range slices.Backward(vacant) {
		n, _ := parseHash(name)
		for links[n.next().String()] != "" {
			links[n.String()] = links[n.next().String()]
			n = n.next()
		}
		delete(links, n.String())
	}
}

// toolsLinks returns the links that a run of the tool would leave.
func (s anchorStore) toolsLinks(e *edit, before map[string]string, a *anchors) (map[string]string, error) {
	after := s.refresh(e, before, a)
	return after, e.rehash(after, s.anew)
}

// applyLinks changes the links of /etc/ssl/certs from before to after.
func (e *edit) applyLinks(before, after map[string]string) error {
	for _, name := range slices.Sorted(maps.Keys(before)) {
		if _, stays := after[name]; stays {
			continue
		}
		if err := e.root.Remove(inCertDir(name)); err != nil {
			return err
		}
		e.unlinked(name)
	}
	for _, name := range slices.Sorted(maps.Keys(after)) {
		if before[name] == after[name] {
			continue
		}
		if err := e.root.Symlink(after[name], inCertDir(name)); err != nil {
			return err
		}
		e.linked(name)
	}
	e.linksNow = after
	return nil
}

func (e *edit) linked(name string) {
	if !isHash(name) {
		e.report.links.added = append(e.report.links.added, "/"+inCertDir(name))
	}
}

func (e *edit) unlinked(name string) {
	if !isHash(name) {
		e.report.links.removed = append(e.report.links.removed, "/"+inCertDir(name))
	}
}

// addLinks links the anchors of certificates that OpenSSL does not find, in a directory
// that is not as the tool left it. It keeps all other entries, except a link that leads
// nowhere in the place where ours must stand.
func (s anchorStore) addLinks(e *edit, a *anchors, want []wanted) error {
	links := e.certDirLinks(s.id)
	for _, w := range want {
		if links.has(w.Certificate) {
			if err := links.dropSecond(w.Certificate); err != nil {
				return err
			}
			continue
		}
		name := s.unlinked(e, a, w)
		if name == "" {
			var err error
			if name, err = e.anchorName(s.linkName, w); err != nil {
				return err
			}
		}
		link := s.linkName(name)
		if err := e.root.Symlink("/"+name, inCertDir(link)); err != nil {
			return err
		}
		e.linked(link)
		if err := links.place(w.SubjectHash(), link); err != nil {
			return err
		}
	}
	return nil
}

// unlinked returns the path of someone's local anchor with w alone, if the tool has not
// linked it yet and the name of its link is free. This anchor needs no copy of ours. It
// returns "" if no such anchor exists.
func (s anchorStore) unlinked(e *edit, a *anchors, w wanted) string {
	for _, f := range a.files {
		if c := e.reader.Single(f.data); c != nil && c.Fingerprint() == w.Fingerprint() && f.local() && !isOurs(f.path) && !isThere(e.root, inCertDir(s.linkName(f.path))) {
			return f.name()
		}
	}
	return ""
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
	maps.Copy(files, s.linksToNothing(e, before, gone))
	if before.links && len(e.record.store(s.id).Replaced) == 0 { // else the tool would not restore the replaced links
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

// isLost reports whether a link leads to an anchor that someone has deleted.
func isLost(root *rootfs.Overlay, target string) bool {
	return toAnchor(target) && !exists(root, path.Clean(target)[1:])
}

// lostAnchor returns the certificate, of gone, whose anchor of ours target names, if
// someone has deleted that anchor.
func lostAnchor(root *rootfs.Overlay, target string, gone map[certs.Fingerprint]bool) (certs.Fingerprint, bool) {
	if !isOurs(target) || !isLost(root, target) {
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

// linksToNothing returns the links to deleted anchors of others, with their
// certificates: of gone, in the bundle before and not after. The hash links to such a
// link say which certificate the anchor held.
func (s anchorStore) linksToNothing(e *edit, before *state, gone map[certs.Fingerprint]bool) map[string]certs.Fingerprint {
	dead := map[uint32][]string{} // links by hash
	for name, link := range before.there {
		target := before.there[link]
		if n, ok := parseHash(name); ok && link == s.linkName(target) && isLost(e.root, target) {
			dead[n.hash] = append(dead[n.hash], link)
		}
	}
	if len(dead) == 0 {
		return nil // the usual case, in which no bundle need be read
	}
	links := map[string]certs.Fingerprint{}
	now, _ := readIfThere(e.root, toolsBundle) // removeFromBundle has reported the error
	had, has := e.reader.Held(before.data), e.reader.Held(now)
	for f := range gone {
		if c := had.Get(f); c != nil && !has.Has(f) {
			for _, link := range dead[c.SubjectHash()] {
				links[link] = f
			}
		}
	}
	return links
}
