package installer

import (
	"fmt"
	"maps"
	"path"
	"slices"
	"strings"

	"github.com/certgraft/certgraft/certs"
	"github.com/certgraft/certgraft/internal/pemfile"
)

// hashDir is a directory with a file LABEL.pem for each certificate, and two links
// HASH.N to it: by OpenSSL's hash of the subject now, and by the hash before 1.0. trust
// extract --format=pem-directory-hash makes it. openssl-directory also makes it, with
// files that are TRUSTED CERTIFICATEs.
type hashDir struct {
	path    string
	purpose string
	trusted bool
	copies  []string // directories into which the tool may link the names
}

func (d hashDir) install(e *edit, store string, want []wanted) error {
	real, ok, err := directory(e.root, d.path)
	if err != nil || !ok {
		return err
	}
	have, err := e.certificatesIn(real)
	if err != nil {
		return err
	}
	mirrors, err := mirrorsOf(e, real, d.copies)
	if err != nil {
		return err
	}
	err = e.fillDir(store, d.path, real, have, want, func(w wanted) error {
		file, links, err := d.addFile(e, real, w.Certificate)
		if err != nil {
			return err
		}
		for _, m := range mirrors {
			if err := m.add(e, file, links); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	return d.readBack(e, real, want)
}

// addFile writes the file of a certificate and its two links.
func (d hashDir) addFile(e *edit, dir string, c *certs.Certificate) (file string, links []string, err error) {
	file = fileName(pemfile.FileLabel(c), ".pem", func(name string) bool { return isThere(e.root, path.Join(dir, name)) })
	text := pemfile.Style{Trusted: d.trusted}.Append(nil, c)
	if err := e.root.WriteFile(path.Join(dir, file), text, 0o444); err != nil {
		return "", nil, err
	}
	for _, hash := range []uint32{c.SubjectHash(), c.SubjectHashOld()} {
		name, err := hashLinks{e, "", dir}.add(hash, file)
		if err != nil {
			return "", nil, err
		}
		links = append(links, name)
	}
	return file, links, nil
}

// fileName makes an unused file name from a label, as p11-kit does.
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

// escapeBytes returns s with one character for each byte outside ASCII.
func escapeBytes(s string) string {
	out := make([]byte, len(s))
	for i := range len(s) {
		out[i] = min(s[i], 0x7f)
	}
	return string(out)
}

// readBack checks that OpenSSL finds the wanted certificates: by hash, up to the first
// missing number.
func (d hashDir) readBack(e *edit, dir string, want []wanted) error {
	for _, w := range want {
		if !(hashLinks{e, "", dir}).has(w.Certificate) {
			return fmt.Errorf("/%s was edited and OpenSSL would not find %s in it: nothing was changed; please report this", dir, w.Subject())
		}
	}
	return nil
}

func (d hashDir) remove(e *edit, store string, gone map[certs.Fingerprint]bool, why explanation) error {
	real, ok, err := directory(e.root, d.path)
	if err != nil || !ok {
		return err
	}
	mirrors, err := mirrorsOf(e, real, d.copies)
	if err != nil {
		return err
	}
	left := maps.Clone(gone)
	for f, file := range why {
		if gone[f] {
			delete(left, f)
			e.stay(f, file)
		}
	}
	dropped, err := e.removeFiles(real, "", left)
	if err != nil {
		return err
	}
	if err := e.reportRemoved(store, real, len(dropped)); err != nil {
		return err
	}
	lost, err := hashLinks{e, store, real}.dropTo(dropped)
	if err != nil {
		return err
	}
	for _, m := range mirrors {
		if err := m.drop(e, slices.AppendSeq(lost, maps.Keys(dropped))); err != nil {
			return err
		}
	}
	return nil
}
