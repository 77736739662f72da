package installer

import (
	"bytes"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strings"

	"github.com/certgraft/certgraft/certs"
	"github.com/certgraft/certgraft/internal/pemfile"
)

// dirStore is the layout of a distribution whose anchors are the files of one
// directory. Hash links stand beside them. The bundle is the anchors one behind
// another, or similar.
type dirStore struct {
	id      string
	anchors string                 // directory of the administrator's anchors
	ext     string                 // extension of anchors
	links   string                 // directory with hash links, "" for none
	bundle  string                 // the file that programs read
	parts   func(name string) bool // the names in links that the tool joins to the bundle; nil if it makes the bundle in another way
	optIn   bool                   // anchors only matter if the root has hash links, or no bundle
}

var (
	// photon is the layout that rehash_ca_certificates.sh of VMware's Photon OS makes.
	photon = dirStore{
		id: "photon", anchors: certDir, ext: ".pem", links: certDir, bundle: "etc/pki/tls/certs/ca-bundle.crt",
		parts: func(name string) bool { return strings.HasSuffix(name, ".pem") },
	}
	// flatcar is the layout that update-ca-certificates of Flatcar makes.
	flatcar = dirStore{
		id: "flatcar", anchors: certDir, ext: ".pem", links: certDir, bundle: toolsBundle,
		parts: func(name string) bool {
			n, ok := parseHash(name)
			return ok && n.id < 10
		},
	}
	// clearLinux is the layout that clrtrust of Clear Linux makes.
	clearLinux = dirStore{id: "clear", anchors: "etc/ca-certs/trusted", ext: ".pem", links: "var/cache/ca-certs/anchors", bundle: "var/cache/ca-certs/compat/ca-roots.pem"}
	// openwrt is the layout of OpenWrt's packages ca-bundle and ca-certificates.
	openwrt = dirStore{id: "openwrt", anchors: certDir, ext: ".crt", links: certDir, bundle: toolsBundle, optIn: true}
)

func (s dirStore) name() string { return s.id }

func (s dirStore) used(e *edit) bool { return e.family(s.id) }

func (s dirStore) writes() string { return s.bundle }

func (s dirStore) install(e *edit, want []wanted) error {
	joined, err := s.isJoined(e)
	if err != nil {
		return err
	}
	if others, err := e.bundleFiles(); err == nil && len(others) == 0 && s.parts != nil && len(want) > 0 {
		if err := e.create(s.id, s.bundle, false); err != nil {
			return err
		}
		joined = true
	}
	if s.usesAnchors(e) {
		if err := s.addAnchors(e, want); err != nil {
			return err
		}
	}
	if !leadsToFile(e.root, s.bundle) {
		return nil // bundleStore edits any other bundle
	}
	return e.extendFile(s.id, s.bundle, s.format(joined), want)
}

// usesAnchors reports whether programs read the directory of anchors.
func (s dirStore) usesAnchors(e *edit) bool {
	if !s.optIn || !leadsToFile(e.root, s.bundle) {
		return true
	}
	links, err := linksIn(e.root, s.links)
	if err != nil {
		return false
	}
	for name := range links {
		if isHash(name) {
			return true
		}
	}
	return false
}

func (s dirStore) addAnchors(e *edit, want []wanted) error {
	if err := makeDirs(e.root, e.record, s.anchors); err != nil {
		return err
	}
	have, err := s.alone(e)
	if err != nil {
		return err
	}
	return e.fillDir(s.id, s.anchors, s.anchors, have, want, func(w wanted) error { return s.addAnchor(e, w) })
}

// alone returns the certificates that have a file of their own in the directory.
func (s dirStore) alone(e *edit) (*certs.Set, error) {
	files, err := filesIn(e.root, s.anchors, func(f fs.DirEntry) bool { return path.Ext(f.Name()) == s.ext })
	if err != nil {
		return nil, fmt.Errorf("read the directory of anchors: %w", err)
	}
	set := &certs.Set{}
	for _, f := range files {
		if c := e.reader.Single(f.data); c != nil {
			set.Add(c, "")
		}
	}
	return set, nil
}

// addAnchor writes an anchor and its hash link. If the links are in another directory,
// it also writes a copy there.
func (s dirStore) addAnchor(e *edit, w wanted) error {
	name, err := e.freeName(s.anchors, w, s.ext)
	if err != nil {
		return err
	}
	if err := e.root.WriteFile(name, w.AppendPEM(nil), 0o644); err != nil {
		return err
	}
	dir, ok, err := directory(e.root, s.links)
	if err != nil || !ok {
		return err
	}
	file := path.Base(name)
	if !isThere(e.root, path.Join(dir, file)) {
		if err := e.root.WriteFile(path.Join(dir, file), w.AppendPEM(nil), 0o644); err != nil {
			return err
		}
	}
	_, err = hashLinks{e, s.id, dir}.add(w.SubjectHash(), file)
	return err
}

// join returns the bundle that the tool would write.
func (s dirStore) join(e *edit) ([]byte, error) {
	files, err := filesIn(e.root, s.links, func(f fs.DirEntry) bool { return s.parts(f.Name()) })
	if err != nil {
		return nil, fmt.Errorf("read the directory of anchors: %w", err)
	}
	var out []byte
	for _, f := range files { // sorted by name, as the shell does
		out = append(out, f.data...)
	}
	return out, nil
}

// isJoined reports whether the bundle is readable and as the tool would write it. Then
// it can be written anew.
func (s dirStore) isJoined(e *edit) (bool, error) {
	if s.parts == nil || !leadsToFile(e.root, s.bundle) || !exists(e.root, s.links) {
		return false, nil
	}
	data, err := e.root.ReadFile(s.bundle)
	if err != nil {
		return false, fmt.Errorf("read a bundle: %w", err)
	}
	made, err := s.join(e)
	if err != nil || !bytes.Equal(data, made) {
		return false, err
	}
	return e.reader.Passes(data), nil
}

// format returns the format of the bundle: made anew as by the tool, or extended.
func (s dirStore) format(joined bool) format {
	return format{"bundle", func(e *edit, store, name string, data []byte) (content, error) {
		c, err := bundleAs(pemfile.Style{}).open(e, store, name, data)
		if b, ok := c.(*bundle); ok && joined {
			return &joinedBundle{b, s}, err
		}
		return c, err
	}}
}

// joinedBundle is a bundle that the tool makes of the existing anchors.
type joinedBundle struct {
	*bundle
	store dirStore
}

// encode joins the anchors. If an anchor does not end its last line and so runs into
// the next one, no program reads the result: then encode extends the bundle instead.
func (b *joinedBundle) encode() ([]byte, error) {
	if b.dropped {
		return b.data, nil
	}
	data, err := b.store.join(b.edit)
	if err != nil || b.reader.Passes(data) {
		return data, err
	}
	return b.bundle.encode()
}

// drop joins the anchors that are left. A bundle that install created becomes empty
// with the last certificate of ours.
func (b *joinedBundle) drop(w *withdrawal) (err error) {
	if b.data, err = b.store.join(b.edit); err != nil {
		return err
	}
	if slices.Contains(b.record.store(b.store.id).Created, b.name) && !b.remain(b.ours, w.gone) {
		b.data = nil
	}
	b.keep()
	return nil
}

func (s dirStore) remove(e *edit, gone map[certs.Fingerprint]bool) error {
	joined, err := s.isJoined(e)
	if err != nil {
		return err
	}
	if err := s.dropAnchors(e, gone); err != nil {
		return err
	}
	if e.explained, err = s.explain(e); err != nil {
		return err
	}
	if real, err := e.root.Resolve(s.bundle); err == nil && leadsToFile(e.root, real) {
		w := e.withdrawal(real, gone).of(e.explained)
		w.claimed = true
		if err := e.shrink(s.id, s.format(joined), w); err != nil {
			return err
		}
	}
	return e.shrinkAll(s.id, func(name string) format {
		if name == s.anchors {
			return format{}
		}
		return s.format(false)
	}, gone)
}

// explain returns the certificates that the anchors explain.
func (s dirStore) explain(e *edit) (explanation, error) {
	bundle, err := e.root.Resolve(s.bundle)
	if err != nil {
		return nil, err
	}
	files, err := filesIn(e.root, s.anchors, func(f fs.DirEntry) bool {
		return path.Ext(f.Name()) == s.ext && !leads(e.root, path.Join(s.anchors, f.Name()), bundle)
	})
	return e.explanationOf(files), err
}

func (s dirStore) dropAnchors(e *edit, gone map[certs.Fingerprint]bool) error {
	for _, dir := range slices.Compact([]string{s.links, s.anchors}) {
		dropped, err := e.removeFiles(dir, ourPrefix, gone)
		if err != nil {
			return err
		}
		if _, err := (hashLinks{e, s.id, dir}).dropTo(dropped); err != nil {
			return err
		}
		if dir != s.anchors || len(dropped) == 0 {
			continue
		}
		left, err := s.alone(e)
		if err != nil {
			return err
		}
		e.report.add(StoreReport{Name: s.id, Path: "/" + dir, Removed: len(dropped), Total: left.Len()})
	}
	return nil
}
