package installer

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"path"
	"slices"
	"strings"

	"github.com/certgraft/certgraft/certs"
	"github.com/certgraft/certgraft/internal/pemfile"
	"github.com/certgraft/certgraft/rootfs"
)

// hashDir is a directory with a file for each certificate, LABEL.pem, and links
// HASH.N to it by the hash of its subject as OpenSSL computes it today and as
// it did before 1.0: trust extract --format=pem-directory-hash, and
// openssl-directory where the files are TRUSTED CERTIFICATEs.
type hashDir struct {
	path    string
	purpose string
	trusted bool
	copies  []string // directories that the tool links the names into, where it does
}

func (d hashDir) name(store string) string { return storeOf(store, d.path) }

func (d hashDir) install(e *edit, store string, want []wanted) error {
	real, ok, err := e.directory(d.path)
	if err != nil || !ok {
		return err
	}
	have, err := e.certificatesIn(real)
	if err != nil {
		return err
	}
	mirrors, err := d.mirrors(e, real)
	if err != nil {
		return err
	}
	report := StoreReport{Name: store, Path: "/" + real}
	for _, w := range want {
		if have.Has(w.Fingerprint()) {
			report.Present++
			continue
		}
		file, links, err := d.addFile(e, real, w.Certificate)
		if err != nil {
			return err
		}
		for _, m := range mirrors {
			if err := m.add(e, file, links); err != nil {
				return err
			}
		}
		e.record.added(w.Certificate, d.name(store))
		report.Added++
	}
	report.Total = have.Len() + report.Added
	e.report.add(report)
	return d.readBack(e, real, want)
}

// directory returns where a directory really is, if it is there.
func (e *edit) directory(name string) (real string, ok bool, err error) {
	info, err := e.root.Stat(name)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return "", false, nil
	case err != nil:
		return "", false, fmt.Errorf("look at a directory of certificates: %w", err)
	case !info.IsDir():
		return "", false, nil
	}
	real, err = e.root.Resolve(name)
	return real, true, err
}

// addFile writes the file of a certificate and its two links.
func (d hashDir) addFile(e *edit, dir string, c *certs.Certificate) (file string, links []string, err error) {
	file = fileName(pemfile.FileLabel(c), ".pem", func(name string) bool { return isThere(e.root, path.Join(dir, name)) })
	text := pemfile.Style{Trusted: d.trusted}.Append(nil, c)
	if err := e.root.WriteFile(path.Join(dir, file), text, 0o444); err != nil {
		return "", nil, err
	}
	for _, hash := range []uint32{c.SubjectHash(), c.SubjectHashOld()} {
		name, err := e.addHash(dir, hash, file)
		if err != nil {
			return "", nil, err
		}
		links = append(links, name)
	}
	return file, links, nil
}

// addHash makes a link to a file by the first number of a hash that is free.
func (e *edit) addHash(dir string, hash uint32, file string) (name string, err error) {
	id := 0
	for isThere(e.root, path.Join(dir, hashName(hash, id))) {
		id++
	}
	name = hashName(hash, id)
	return name, e.root.Symlink(file, path.Join(dir, name))
}

// fileName makes a file name of a label as p11-kit does, one that is not taken.
func fileName(label, ext string, taken func(string) bool) string {
	base := strings.Map(func(r rune) rune {
		if r < 0x80 && (r == '.' || r == '-' || r == '_' || '0' <= r && r <= '9' || 'A' <= r && r <= 'Z' || 'a' <= r && r <= 'z') {
			return r
		}
		return '_'
	}, escapeBytes(label))
	name := base + ext
	for n := 1; taken(name); n++ {
		name = fmt.Sprintf("%s.%d%s", base, n, ext)
	}
	return name
}

// escapeBytes returns s with each byte that is not ASCII as one character.
func escapeBytes(s string) string {
	out := make([]byte, len(s))
	for i := range len(s) {
		out[i] = min(s[i], 0x7f)
	}
	return string(out)
}

// readBack finds what is wanted as OpenSSL does: by hash, up to the first number
// that is missing.
func (d hashDir) readBack(e *edit, dir string, want []wanted) error {
	for _, w := range want {
		if !e.found(dir, w.Certificate) {
			return fmt.Errorf("/%s was edited and OpenSSL would not find %s in it: nothing was changed; please report this", dir, w.Subject())
		}
	}
	return nil
}

func (d hashDir) remove(e *edit, store string, gone map[certs.Fingerprint]bool) error {
	real, ok, err := e.directory(d.path)
	if err != nil || !ok {
		return err
	}
	mirrors, err := d.mirrors(e, real)
	if err != nil {
		return err
	}
	ours := e.record.in(d.name(store))
	var dropped []string
	n, err := e.removeFiles(real, func(name string, c *certs.Certificate) bool {
		take := gone[c.Fingerprint()] && ours[c.Fingerprint()]
		if take {
			dropped = append(dropped, path.Base(name))
		}
		return take
	})
	if err != nil {
		return err
	}
	if err := e.reportRemoved(store, real, n); err != nil {
		return err
	}
	lost, err := e.dropLinksTo(real, dropped)
	if err != nil {
		return err
	}
	for _, m := range mirrors {
		if err := m.drop(e, append(lost, dropped...)); err != nil {
			return err
		}
	}
	return nil
}

// reportRemoved says how many files of a directory went, if any, and what the
// others hold.
func (e *edit) reportRemoved(store, dir string, n int) error {
	if n == 0 {
		return nil
	}
	left, err := e.certificatesIn(dir)
	if err != nil {
		return err
	}
	e.report.add(StoreReport{Name: store, Path: "/" + dir, Removed: n, Total: left.Len()})
	return nil
}

// removeFiles takes away the files of a directory that drop picks, and returns
// how many. Files of several certificates stay.
func (e *edit) removeFiles(dir string, drop func(name string, c *certs.Certificate) bool) (int, error) {
	entries, err := e.root.ReadDir(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return 0, nil
	}
	if err != nil {
		return 0, err
	}
	n := 0
	for _, entry := range entries {
		name := path.Join(dir, entry.Name())
		if !entry.Type().IsRegular() || !fs.ValidPath(entry.Name()) {
			continue
		}
		data, err := e.root.ReadFile(name)
		if err != nil {
			return n, err
		}
		if c := e.reader.Single(data); c != nil && drop(name, c) {
			if err := e.root.Remove(name); err != nil {
				return n, err
			}
			n++
		}
	}
	return n, nil
}

// dropLinksTo takes away the hash links to files that are gone. The last of the
// numbers behind one moves to its place, so that no gap hides them. It returns
// the names that are no longer there.
func (e *edit) dropLinksTo(dir string, files []string) (lost []string, err error) {
	links, err := linksIn(e.root, dir)
	if err != nil {
		return nil, err
	}
	for _, name := range slices.Backward(slices.Sorted(maps.Keys(links))) {
		hash, id, isHash := splitHashName(name)
		if !isHash || !slices.Contains(files, links[name]) {
			continue
		}
		last, err := e.closeGap(dir, hash, id)
		if err != nil {
			return nil, err
		}
		if last != "" {
			lost = append(lost, last)
		}
	}
	return lost, nil
}

// closeGap takes HASH.ID away, moves the last of its numbers there, and returns
// the name of that one. A file stays where it is: HASH.ID then leads to it.
func (e *edit) closeGap(dir string, hash uint32, id int) (lost string, err error) {
	last := id
	for isThere(e.root, path.Join(dir, hashName(hash, last+1))) {
		last++
	}
	lost = hashName(hash, last)
	if last == id {
		return lost, e.root.Remove(path.Join(dir, lost))
	}
	gap := path.Join(dir, hashName(hash, id))
	target, err := e.root.ReadLink(path.Join(dir, lost))
	if err != nil {
		return "", e.root.Symlink(lost, gap)
	}
	if err := e.root.Symlink(target, gap); err != nil {
		return "", err
	}
	return lost, e.root.Remove(path.Join(dir, lost))
}

// linksIn returns the links in a directory and their texts, but for those whose
// names are not UTF-8.
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

// found reports whether OpenSSL finds a certificate in a directory: it opens
// HASH.0, HASH.1 and so on, up to the first number that is missing.
func (e *edit) found(dir string, c *certs.Certificate) bool {
	for id := 0; ; id++ {
		name := dir + "/" + hashName(c.SubjectHash(), id)
		data, err := e.root.Content(name)
		switch {
		case err == nil:
		case leadsToNotUTF8(e.root, name):
			continue // OpenSSL can follow it
		default:
			return false
		}
		blocks, _ := e.reader.Read(data)
		if slices.ContainsFunc(blocks, func(b pemfile.Block) bool { return b.Cert != nil && b.Cert.Fingerprint() == c.Fingerprint() }) {
			return true
		}
	}
}
