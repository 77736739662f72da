package installer

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"path"
	"slices"
	"strings"

	"github.com/certgraft/certgraft/certs"
	"github.com/certgraft/certgraft/internal/order"
)

// rehash changes links, those of /etc/ssl/certs, as openssl rehash would (apps/rehash.c
// of OpenSSL 3), with its quirks. Each file that holds exactly one certificate gets a
// link HASH.N to the bare name. Files and links are taken in the order of their names.
// Links to lists of revoked certificates stay. With anew, rehash does what c_rehash
// does, which first removes every link.
func (e *edit) rehash(links map[string]string, anew bool) error {
	entries, err := e.root.ReadDir(certDir)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("read the directory of hash links: %w", err)
	}
	names := slices.Collect(maps.Keys(links))
	for _, entry := range entries {
		if entry.Type()&fs.ModeSymlink == 0 {
			names = append(names, entry.Name())
		}
	}
	slices.Sort(names)
	buckets := map[uint32]*bucket{}
	for _, name := range names {
		if err := e.hashEntry(buckets, name, links, anew); err != nil {
			return err
		}
	}
	if anew {
		maps.DeleteFunc(links, func(name, _ string) bool { return isHash(name) })
	}
	for hash, b := range buckets {
		if anew {
			b.number(hash, links)
		} else {
			b.apply(hash, links)
		}
	}
	return nil
}

func (e *edit) hashEntry(buckets map[uint32]*bucket, name string, links map[string]string, anew bool) error {
	target, isLink := links[name]
	if n, ok := parseHash(name); ok && isLink {
		bucketOf(buckets, n.hash).addLink(target, n.id)
		return nil
	}
	at := behind(name, links)
	if !slices.Contains([]string{".pem", ".crt", ".cer"}, strings.ToLower(path.Ext(name))) {
		return nil
	}
	data, there, err := contentOf(e.root, at)
	if err != nil {
		return fmt.Errorf("read the anchors to hash: %w", err)
	}
	if !there {
		return nil
	}
	if c := e.reader.Single(data); c != nil {
		bucketOf(buckets, c.SubjectHash()).addFile(name, c.Fingerprint(), anew)
	}
	return nil
}

// behind returns the name, for io/fs, to which a name in /etc/ssl/certs leads through
// links, some of which may not exist yet.
func behind(name string, links map[string]string) string {
	for range len(links) {
		target, isLink := links[name]
		switch {
		case !isLink:
			return inCertDir(name)
		case path.IsAbs(target):
			return strings.TrimPrefix(path.Clean(target), "/")
		case strings.Contains(target, "/"):
			return path.Join(certDir, target)
		}
		name = target
	}
	return inCertDir(name) // a circle
}

// bucket is the files and links that share a hash, in the order of their arrival.
type bucket struct {
	entries []*hashed
	needed  int // entries that need a link
}

// hashed is a file that needs a link, has one, or both.
type hashed struct {
	file   string
	id     int // lowest number of the existing links; noLink for none
	needed bool
	print  certs.Fingerprint
}

const noLink = 1<<16 - 1

func bucketOf(buckets map[uint32]*bucket, hash uint32) *bucket {
	if buckets[hash] == nil {
		buckets[hash] = &bucket{}
	}
	return buckets[hash]
}

func (b *bucket) entry(file string) *hashed {
	i := slices.IndexFunc(b.entries, func(h *hashed) bool { return h.file == file })
	if i < 0 {
		b.entries = append(b.entries, &hashed{file: file, id: noLink})
		i = len(b.entries) - 1
	}
	return b.entries[i]
}

func (b *bucket) addLink(target string, id int) {
	h := b.entry(target)
	h.id = min(h.id, id)
}

// addFile requests a link for file, unless another file with the same certificate has
// one. With anew, the file that already has a link keeps it.
func (b *bucket) addFile(file string, print certs.Fingerprint, anew bool) {
	if i := slices.IndexFunc(b.entries, func(h *hashed) bool { return h.needed && h.print == print }); i >= 0 {
		if other := b.entries[i]; !anew || other.id != noLink || b.entry(file).id == noLink {
			return
		}
		b.entries[i].needed = false
		b.needed--
	}
	if h := b.entry(file); !h.needed {
		h.needed, h.print = true, print
		b.needed++
	}
}

// apply makes and removes links. It keeps an existing link whose number is below the
// count of needed links, whatever its target. The other files get the lowest free
// numbers.
func (b *bucket) apply(hash uint32, links map[string]string) {
	used := map[int]bool{}
	for _, h := range b.entries {
		if h.id < b.needed {
			used[h.id] = true
		}
	}
	next := 0
	for _, h := range b.entries {
		switch {
		case h.id < b.needed:
		case h.needed:
			for used[next] {
				next++
			}
			used[next] = true
			links[hashName{hash, next}.String()] = h.file
		default:
			delete(links, hashName{hash, h.id}.String())
		}
	}
}

// number makes new links. c_rehash takes files in the order of the directory, which is
// unknown here. Files that had a link keep their order, and the others follow.
func (b *bucket) number(hash uint32, links map[string]string) {
	order.Stable(b.entries, func(x, y *hashed) int { return cmp.Compare(x.id, y.id) })
	next := 0
	for _, h := range b.entries {
		if h.needed {
			links[hashName{hash, next}.String()] = h.file
			next++
		}
	}
}
