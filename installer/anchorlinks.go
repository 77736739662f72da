package installer

import (
	"io/fs"
	"maps"
	"slices"

	"github.com/certgraft/certgraft/rootfs"
)

// remakeLinks leaves the links that a run of the tool would instead of those
// that were there before.
func (s anchorStore) remakeLinks(e *edit, before map[string]string, a *anchors) error {
	after, err := s.toolsLinks(e, before, a)
	if err != nil {
		return err
	}
	return e.applyLinks(before, after)
}

// toolsLinks returns the links that a run of the tool would leave.
func (s anchorStore) toolsLinks(e *edit, before map[string]string, a *anchors) (map[string]string, error) {
	after := s.refresh(e, before, a)
	return after, e.rehash(after, s.anew)
}

// applyLinks makes the links of /etc/ssl/certs those in after.
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
	return nil
}

func (e *edit) linked(name string) {
	if _, _, isHash := splitHashName(name); !isHash {
		e.report.links.added = append(e.report.links.added, "/"+inCertDir(name))
	}
}

func (e *edit) unlinked(name string) {
	if _, _, isHash := splitHashName(name); !isHash {
		e.report.links.removed = append(e.report.links.removed, "/"+inCertDir(name))
	}
}

// addLinks links the anchors of what OpenSSL does not find in a directory that
// is not as the tool left it. All that is there stays, but for a link that
// leads nowhere where ours has to stand.
func (s anchorStore) addLinks(e *edit, want []wanted) error {
	for _, w := range want {
		if e.lookUp(w.Certificate) {
			continue
		}
		name, err := e.anchorName(s.linkName, w)
		if err != nil {
			return err
		}
		link := s.linkName(name)
		if err := e.root.Symlink("/"+name, inCertDir(link)); err != nil {
			return err
		}
		e.linked(link)
		if err := s.addHashLink(e, w.SubjectHash(), link); err != nil {
			return err
		}
	}
	return nil
}

// addHashLink makes the first HASH.N that leads nowhere lead to link. OpenSSL
// would stop looking there.
func (s anchorStore) addHashLink(e *edit, hash uint32, link string) error {
	id := 0
	for exists(e.root, inCertDir(hashName(hash, id))) || leadsToNotUTF8(e.root, inCertDir(hashName(hash, id))) {
		id++
	}
	name := inCertDir(hashName(hash, id))
	target, err := e.root.ReadLink(name)
	if err == nil || isThere(e.root, inCertDir(hashName(hash, id+1))) {
		e.record.store(s.id).Replaced = append(e.record.store(s.id).Replaced, replacedLink{name, target})
	}
	return e.root.Symlink(link, name)
}

// dropLink takes away a link to an anchor and the hash links to it.
func (s anchorStore) dropLink(e *edit, link string) error {
	links, err := readLinks(e.root)
	if err != nil {
		return err
	}
	if err := e.root.Remove(inCertDir(link)); err != nil {
		return err
	}
	e.unlinked(link)
	for _, name := range slices.Sorted(maps.Keys(links)) {
		hash, id, isHash := splitHashName(name)
		if !isHash || links[name] != link {
			continue
		}
		if err := s.dropHashLink(e, hash, id); err != nil {
			return err
		}
	}
	return nil
}

// dropHashLink takes away HASH.ID. Another of ours that is behind it takes its
// place; then what stood there comes back; else the last of the numbers behind it
// moves there, so that no gap hides them.
func (s anchorStore) dropHashLink(e *edit, hash uint32, id int) error {
	name := inCertDir(hashName(hash, id))
	recorded := e.record.store(s.id)
	if i := slices.IndexFunc(recorded.Replaced, func(l replacedLink) bool { return l.Path == name }); i >= 0 {
		if behind, target, ok := lastOfOurs(e.root, hash, id); ok {
			if err := e.root.Symlink(target, name); err != nil {
				return err
			}
			return s.dropHashLink(e, hash, behind)
		}
		was := recorded.Replaced[i].Target
		recorded.Replaced = slices.Delete(recorded.Replaced, i, i+1)
		if was != "" {
			return e.root.Symlink(was, name)
		}
		return e.root.Remove(name)
	}
	_, err := e.closeGap(certDir, hash, id)
	return err
}

// lastOfOurs returns the last of the numbers behind HASH.ID that leads to an anchor
// of ours, and how.
func lastOfOurs(root *rootfs.Overlay, hash uint32, id int) (last int, target string, ok bool) {
	for id++; isThere(root, inCertDir(hashName(hash, id))); id++ {
		link, err := root.ReadLink(inCertDir(hashName(hash, id)))
		if err != nil || !fs.ValidPath(link) {
			continue
		}
		if anchor, err := root.ReadLink(inCertDir(link)); err == nil && toAnchor(anchor) && isOurs(anchor) {
			last, target, ok = id, link, true
		}
	}
	return last, target, ok
}
