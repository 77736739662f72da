package installer

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"path"
	"slices"
	"strconv"
	"strings"

	"github.com/certgraft/certgraft/certs"
	"github.com/certgraft/certgraft/internal/pemfile"
	"github.com/certgraft/certgraft/rootfs"
)

// lookUp reports whether OpenSSL finds a certificate in /etc/ssl/certs.
func (e *edit) lookUp(c *certs.Certificate) bool { return e.found(certDir, c) }

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

// hashed reports whether OpenSSL finds anything in /etc/ssl/certs.
func (e *edit) hashed() bool {
	found, err := fs.Glob(e.root, certDir+"/????????.0")
	return err == nil && len(found) > 0
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

// readLinks returns the links in /etc/ssl/certs and where they lead.
func readLinks(root *rootfs.Overlay) (map[string]string, error) { return linksIn(root, certDir) }

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

// hashName is the name of a hash link.
func hashName(hash uint32, id int) string { return fmt.Sprintf("%08x.%d", hash, id) }

// splitHashName takes the name of a hash link apart: eight hexadecimal digits, a
// dot and a number.
func splitHashName(name string) (hash uint32, id int, ok bool) {
	head, number, dotted := strings.Cut(name, ".")
	if !dotted || len(head) != 8 {
		return 0, 0, false
	}
	h, err := strconv.ParseUint(head, 16, 32)
	if err != nil {
		return 0, 0, false
	}
	n, err := strconv.ParseUint(number, 10, 16)
	return uint32(h), int(n), err == nil
}

// inCertDir returns the path of a name in /etc/ssl/certs.
func inCertDir(base string) string { return certDir + "/" + base }
