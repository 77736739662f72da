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
)

// rehash leaves the hash links of /etc/ssl/certs as openssl rehash (apps/rehash.c
// of OpenSSL 3) would: for each file that holds exactly one certificate a link
// HASH.N, N from 0 without a gap among those that share a hash. Links that are
// right stay; the others go, and new ones get the lowest free numbers in the
// order of the file names. Links to lists of revoked certificates stay as they
// are.
func (e *edit) rehash() error {
	entries, err := e.root.ReadDir(debianCerts)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("read the directory of hash links: %w", err)
	}
	links, err := readLinks(e.root)
	if err != nil {
		return err
	}
	buckets := map[uint32]*bucket{}
	for _, entry := range entries { // sorted by name, as strcmp sorts
		name := entry.Name()
		if target, isLink := links[name]; isLink && isHashName(name) {
			hash, id := splitHashName(name)
			bucketOf(buckets, hash).addLink(target, id)
			continue
		}
		if !hashedExtension(name) {
			continue
		}
		if c := e.single(path.Join(debianCerts, name)); c != nil {
			bucketOf(buckets, c.SubjectHash()).addFile(name, c.Fingerprint())
		}
	}
	return e.applyBuckets(links, buckets)
}

// single returns the certificate of a file that holds exactly one.
func (e *edit) single(name string) *certs.Certificate {
	data, err := e.root.ReadFile(name)
	if err != nil {
		return nil
	}
	file := readPEM(data)
	if len(file.blocks) != 1 {
		return nil
	}
	return file.blocks[0].Certificate
}

// isHashName reports whether a name is that of a link to a certificate: eight
// hexadecimal digits, a dot and a number.
func isHashName(name string) bool {
	head, number, ok := strings.Cut(name, ".")
	if !ok || len(head) != 8 || number == "" {
		return false
	}
	_, badHash := strconv.ParseUint(head, 16, 32)
	_, badNumber := strconv.ParseUint(number, 10, 16)
	return badHash == nil && badNumber == nil
}

func splitHashName(name string) (hash uint32, id int) {
	head, number, _ := strings.Cut(name, ".")
	h, _ := strconv.ParseUint(head, 16, 32) // isHashName said so
	n, _ := strconv.ParseUint(number, 10, 16)
	return uint32(h), int(n)
}

func hashedExtension(name string) bool {
	return slices.Contains([]string{".pem", ".crt", ".cer"}, strings.ToLower(path.Ext(name)))
}

// bucket is the files and links that share a hash.
type bucket struct {
	entries []*hashEntry
	needed  int
}

// hashEntry is a file that is to have a link, or has one, or both.
type hashEntry struct {
	file   string
	id     int // number of the link that is there; noLink for none
	needed bool
	print  certs.Fingerprint
}

const noLink = 1 << 16

func bucketOf(buckets map[uint32]*bucket, hash uint32) *bucket {
	if buckets[hash] == nil {
		buckets[hash] = &bucket{}
	}
	return buckets[hash]
}

func (b *bucket) find(file string) *hashEntry {
	i := slices.IndexFunc(b.entries, func(h *hashEntry) bool { return h.file == file })
	if i < 0 {
		b.entries = append(b.entries, &hashEntry{file: file, id: noLink})
		i = len(b.entries) - 1
	}
	return b.entries[i]
}

func (b *bucket) addLink(target string, id int) {
	entry := b.find(target)
	entry.id = min(entry.id, id)
}

// addFile wants a link for file, unless another file with the same certificate
// has one.
func (b *bucket) addFile(file string, print certs.Fingerprint) {
	for _, h := range b.entries {
		if h.needed && h.print == print {
			return
		}
	}
	entry := b.find(file)
	if !entry.needed {
		entry.needed, entry.print = true, print
		b.needed++
	}
}

// links returns the links that the bucket comes to.
func (b *bucket) links(hash uint32) map[string]string {
	used := map[int]string{}
	for _, h := range b.entries {
		if h.needed && h.id < b.needed {
			used[h.id] = h.file
		}
	}
	next := 0
	for _, h := range b.entries {
		if !h.needed || used[h.id] == h.file {
			continue
		}
		for used[next] != "" {
			next++
		}
		used[next] = h.file
	}
	out := map[string]string{}
	for id, file := range used {
		out[fmt.Sprintf("%08x.%d", hash, id)] = file
	}
	return out
}

func (e *edit) applyBuckets(links map[string]string, buckets map[uint32]*bucket) error {
	after := map[string]string{}
	for hash, b := range buckets {
		maps.Copy(after, b.links(hash))
	}
	for _, name := range sortedKeys(links) {
		if isHashName(name) && after[name] == "" {
			if err := e.root.Remove(path.Join(debianCerts, name)); err != nil {
				return err
			}
		}
	}
	for _, name := range sortedKeys(after) {
		if links[name] == after[name] {
			continue
		}
		if err := e.root.Symlink(after[name], path.Join(debianCerts, name)); err != nil {
			return err
		}
	}
	return nil
}

// lookUp finds a certificate in /etc/ssl/certs as OpenSSL does: HASH.0, HASH.1 and
// so on, up to the first number that is missing.
func lookUp(root fs.FS, c *certs.Certificate) bool {
	for id := 0; ; id++ {
		data, err := fs.ReadFile(root, path.Join(debianCerts, fmt.Sprintf("%08x.%d", c.SubjectHash(), id)))
		if err != nil {
			return false
		}
		for b := range certs.Blocks(data) {
			if b.Certificate != nil && b.Certificate.Fingerprint() == c.Fingerprint() {
				return true
			}
		}
	}
}
