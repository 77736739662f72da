package installer

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"iter"
	"maps"
	"path"
	"slices"
	"strconv"
	"strings"

	"github.com/certgraft/certgraft/certs"
	"github.com/certgraft/certgraft/internal/pemfile"
	"github.com/certgraft/certgraft/rootfs"
)

// hashLinks is a directory in which OpenSSL finds certificates. OpenSSL opens HASH.0,
// HASH.1 and so on, up to the first missing number.
type hashLinks struct {
	*edit
	store, dir string
}

// alpinePrefix begins the names of Alpine's links to anchors.
const alpinePrefix = "ca-cert-"

// certDirLinks returns the hash links in /etc/ssl/certs.
func (e *edit) certDirLinks(store string) hashLinks { return hashLinks{e, store, certDir} }

func (l hashLinks) at(n hashName) string { return l.dir + "/" + n.String() }

// has reports whether OpenSSL finds a certificate.
func (l hashLinks) has(c *certs.Certificate) bool {
	for n := (hashName{hash: c.SubjectHash()}); ; n.id++ {
		data, err := l.root.Content(l.at(n))
		switch {
		case err == nil:
		case leadsToNotUTF8(l.root, l.at(n)):
			continue // OpenSSL can follow it
		default:
			return false
		}
		blocks, _ := l.reader.Read(data)
		if slices.ContainsFunc(blocks, func(b pemfile.Block) bool { return b.Cert != nil && b.Cert.Fingerprint() == c.Fingerprint() }) {
			return true
		}
	}
}

// dropSecond removes a hash link to our file with a certificate if another link leads
// to the same certificate. openssl rehash makes such a second link when a package
// brings a CA that was installed while the package was purged.
func (l hashLinks) dropSecond(c *certs.Certificate) error {
	var ours []hashName
	found := 0
	for n := (hashName{hash: c.SubjectHash()}); exists(l.root, l.at(n)); n.id++ {
		data, err := l.root.Content(l.at(n))
		if one := l.reader.Single(data); err != nil || one == nil || one.Fingerprint() != c.Fingerprint() {
			continue
		}
		found++
		if target, err := l.root.ReadLink(l.at(n)); err == nil && isOurs(strings.TrimPrefix(target, alpinePrefix)) {
			ours = append(ours, n)
		}
	}
	for _, n := range slices.Backward(ours) {
		if found == 1 {
			return nil
		}
		found--
		if _, err := l.remove(n); err != nil {
			return err
		}
	}
	return nil
}

// hasAny reports whether OpenSSL finds any certificate.
func (l hashLinks) hasAny() bool {
	found, err := fs.Glob(l.root, l.dir+"/????????.0")
	return err == nil && len(found) > 0
}

// add makes a link to a file at the first free number of a hash.
func (l hashLinks) add(hash uint32, file string) (name string, err error) {
	n := l.free(hashName{hash: hash})
	return n.String(), l.root.Symlink(file, l.at(n))
}

// free returns the first unused name from n on.
func (l hashLinks) free(n hashName) hashName {
	for isThere(l.root, l.at(n)) {
		n.id++
	}
	return n
}

// place makes a link to a file at the first number of a hash that leads nowhere:
// OpenSSL stops searching there. It records the link that it replaces, or the gap that
// it fills.
func (l hashLinks) place(hash uint32, file string) error {
	n := hashName{hash: hash}
	for exists(l.root, l.at(n)) || leadsToNotUTF8(l.root, l.at(n)) {
		n.id++
	}
	target, err := l.root.ReadLink(l.at(n))
	if isOurs(strings.TrimPrefix(target, alpinePrefix)) { // someone deleted its anchor
		target, err = "", fs.ErrNotExist
	}
	if err == nil || isThere(l.root, l.at(n.next())) {
		recorded := l.record.store(l.store)
		recorded.Replaced = append(recorded.Replaced, replacedLink{l.at(n), target})
	}
	return l.root.Symlink(file, l.at(n))
}

// dropTo removes the hash links to files that are gone, and returns the names that no
// longer exist. If another file of the directory has the same certificate and OpenSSL
// would no longer find it, the link leads to that file instead.
func (l hashLinks) dropTo(files map[string]certs.Fingerprint) (lost []string, err error) {
	if len(files) == 0 {
		return nil, nil
	}
	links, err := linksIn(l.root, l.dir)
	if err != nil {
		return nil, err
	}
	heirs, err := l.heirs(files)
	if err != nil {
		return nil, err
	}
	for name, target := range links {
		f, gone := files[target]
		n, ok := parseHash(name)
		if !gone || !ok {
			continue
		}
		heir := heirs[f]
		if heir == "" || l.isLinked(n, f, links, files) {
			continue
		}
		links[name] = heir
		if err := l.root.Symlink(heir, l.at(n)); err != nil {
			return nil, err
		}
		recorded := l.record.store(l.store)
		recorded.Replaced = slices.DeleteFunc(recorded.Replaced, func(r replacedLink) bool { return r.Path == l.at(n) })
	}
	last := map[uint32]int{} // number of the last link that goes, by hash
	for name := range hashLinksTo(links, files) {
		n, _ := parseHash(name)
		last[n.hash] = max(last[n.hash], n.id)
	}
	return l.drop(func(name, target string) bool {
		n, ok := parseHash(name)
		_, gone := files[target]
		return ok && (gone || n.id < last[n.hash] && l.isLeft(n))
	})
}

// isLeft reports whether a hash link leads nowhere. A link before ours led to a file
// when ours were made: someone removed the file since, and openssl rehash kept the
// link.
func (l hashLinks) isLeft(n hashName) bool {
	return !exists(l.root, l.at(n)) && !leadsToNotUTF8(l.root, l.at(n))
}

// heirs returns for each certificate of files that go another file that has it and that
// openssl rehash would link. It prefers files to links: the tool keeps an existing hash
// link, and links to anchors come last.
func (l hashLinks) heirs(gone map[string]certs.Fingerprint) (map[certs.Fingerprint]string, error) {
	heirs, err := l.plain(gone)
	if err != nil {
		return nil, err
	}
	links, err := l.holders(gone, func(entry fs.DirEntry) bool { return entry.Type()&fs.ModeSymlink != 0 })
	for f, name := range links {
		heirs[f] = cmp.Or(heirs[f], name)
	}
	return heirs, err
}

// plain is heirs for files without links. Directories have few such files.
func (l hashLinks) plain(gone map[string]certs.Fingerprint) (map[certs.Fingerprint]string, error) {
	return l.holders(gone, func(entry fs.DirEntry) bool { return entry.Type()&fs.ModeSymlink == 0 })
}

// holders returns for each certificate the first file that openssl rehash would link,
// that stays, and that pick accepts.
func (l hashLinks) holders(gone map[string]certs.Fingerprint, pick func(fs.DirEntry) bool) (map[certs.Fingerprint]string, error) {
	files, err := filesIn(l.root, l.dir, func(entry fs.DirEntry) bool {
		_, isGone := gone[entry.Name()]
		return !isGone && pick(entry) && slices.Contains([]string{".pem", ".crt", ".cer"}, strings.ToLower(path.Ext(entry.Name())))
	})
	if err != nil {
		return nil, fmt.Errorf("read the directory of hash links: %w", err)
	}
	all := map[certs.Fingerprint]string{}
	for _, file := range files {
		if c := l.reader.Single(file.data); c != nil && all[c.Fingerprint()] == "" {
			all[c.Fingerprint()] = path.Base(file.path)
		}
	}
	return all, nil
}

// isLinked reports whether another link with the hash of n leads to a file that stays
// and has the certificate f.
func (l hashLinks) isLinked(n hashName, f certs.Fingerprint, links map[string]string, gone map[string]certs.Fingerprint) bool {
	for name, target := range links {
		other, ok := parseHash(name)
		if _, isGone := gone[target]; !ok || isGone || other == n || other.hash != n.hash {
			continue
		}
		data, there, err := contentOf(l.root, l.at(other))
		if c := l.reader.Single(data); err == nil && there && c != nil && c.Fingerprint() == f {
			return true
		}
	}
	return false
}

// drop removes the links that gone accepts, by name and text, from the last number to
// the first.
func (l hashLinks) drop(gone func(name, target string) bool) (lost []string, err error) {
	links, err := linksIn(l.root, l.dir)
	if err != nil {
		return nil, err
	}
	for _, name := range slices.Backward(slices.SortedFunc(maps.Keys(links), byNumber)) {
		if !gone(name, links[name]) {
			continue
		}
		last := name
		if n, ok := parseHash(name); ok {
			last, err = l.remove(n)
		} else {
			err = l.root.Remove(path.Join(l.dir, name))
		}
		if err != nil {
			return nil, err
		}
		if last != "" {
			lost = append(lost, last)
		}
	}
	return lost, nil
}

// byNumber compares names, and hash links by hash and number.
func byNumber(a, b string) int {
	x, isHash := parseHash(a)
	y, both := parseHash(b)
	if !isHash || !both {
		return cmp.Compare(a, b)
	}
	return cmp.Or(cmp.Compare(x.hash, y.hash), cmp.Compare(x.id, y.id))
}

// remove removes a hash link and returns the name that no longer exists. If this link
// replaced another one, the last link of ours behind it takes its place, or else the
// replaced link comes back. Otherwise the links behind it move up, so that no gap hides
// them. A file does not move: a link at the lower number leads to it.
func (l hashLinks) remove(n hashName) (lost string, err error) {
	recorded := l.record.store(l.store)
	if i := slices.IndexFunc(recorded.Replaced, func(r replacedLink) bool { return r.Path == l.at(n) }); i >= 0 {
		if behind, target, ok := l.lastOfOurs(n); ok {
			if err := l.root.Symlink(target, l.at(n)); err != nil {
				return "", err
			}
			return l.remove(behind)
		}
		was := recorded.Replaced[i].Target
		recorded.Replaced = slices.Delete(recorded.Replaced, i, i+1)
		if was != "" {
			return "", l.root.Symlink(was, l.at(n))
		}
		return n.String(), l.root.Remove(l.at(n))
	}
	for next := n.next(); isThere(l.root, l.at(next)); n, next = next, next.next() {
		target, err := l.root.ReadLink(l.at(next))
		if err != nil {
			return "", l.root.Symlink(next.String(), l.at(n))
		}
		if err := l.root.Symlink(target, l.at(n)); err != nil {
			return "", err
		}
		if i := slices.IndexFunc(recorded.Replaced, func(r replacedLink) bool { return r.Path == l.at(next) }); i >= 0 {
			recorded.Replaced[i].Path = l.at(n)
		}
	}
	return n.String(), l.root.Remove(l.at(n))
}

// lastOfOurs returns the last number behind n that leads to an anchor of ours, and the
// text of its link.
func (l hashLinks) lastOfOurs(n hashName) (last hashName, target string, ok bool) {
	for n = n.next(); isThere(l.root, l.at(n)); n = n.next() {
		link, err := l.root.ReadLink(l.at(n))
		if err != nil || !fs.ValidPath(link) {
			continue
		}
		if anchor, err := l.root.ReadLink(l.dir + "/" + link); err == nil && toAnchor(anchor) && isOurs(anchor) {
			last, target, ok = n, link, true
		}
	}
	return last, target, ok
}

// linksIn returns the links in a directory and their texts, without names that are not
// UTF-8.
func linksIn(root *rootfs.Overlay, dir string) (map[string]string, error) {
	links := map[string]string{}
	entries, err := root.ReadDir(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return links, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read the directory of links: %w", err)
	}
	for _, entry := range entries {
		if entry.Type()&fs.ModeSymlink == 0 || !fs.ValidPath(entry.Name()) {
			continue
		}
		if links[entry.Name()], err = root.ReadLink(dir + "/" + entry.Name()); err != nil {
			return nil, err
		}
	}
	return links, nil
}

// hashLinksTo yields the names of the hash links to files.
func hashLinksTo(links map[string]string, files map[string]certs.Fingerprint) iter.Seq[string] {
	return func(yield func(string) bool) {
		for name, target := range links {
			if _, ok := files[target]; ok && isHash(name) && !yield(name) {
				return
			}
		}
	}
}

// hashName is the name of a hash link: eight hexadecimal digits, a dot, and a number
// that distinguishes subjects with the same hash.
type hashName struct {
	hash uint32
	id   int
}

func parseHash(name string) (n hashName, ok bool) {
	head, number, dotted := strings.Cut(name, ".")
	if !dotted || len(head) != 8 {
		return hashName{}, false
	}
	h, err := strconv.ParseUint(head, 16, 32)
	if err != nil {
		return hashName{}, false
	}
	id, err := strconv.ParseUint(number, 10, 16)
	return hashName{uint32(h), int(id)}, err == nil
}

func (n hashName) String() string { return fmt.Sprintf("%08x.%d", n.hash, n.id) }

func (n hashName) next() hashName { return hashName{n.hash, n.id + 1} }

func isHash(name string) bool {
	_, ok := parseHash(name)
	return ok
}

// inCertDir returns the path of a name in /etc/ssl/certs.
func inCertDir(base string) string { return certDir + "/" + base }
