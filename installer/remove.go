package installer

import (
	"cmp"
	"errors"
	"io/fs"
	"path"
	"slices"
	"strings"

	"github.com/certgraft/certgraft/certs"
	"github.com/certgraft/certgraft/internal/hint"
	"github.com/certgraft/certgraft/internal/order"
	"github.com/certgraft/certgraft/rootfs"
)

// Selection selects sources for removal.
type Selection struct {
	All     bool
	Sources []string                       // public names, as recorded
	Sets    []string                       // set digests, as recorded
	Files   map[string][]certs.Fingerprint // certificates in the files among Sources; removed if the record has no source of that name
}

// Remove takes the certificates of the selected sources out of the stores of root. It
// keeps certificates that another source has, and certificates that the root had
// before. It reads only the record: files that others have changed since lose our
// certificates and nothing else. An empty record is no error.
func Remove(root *rootfs.Overlay, selected Selection, opt Options) (*Report, error) {
	e, err := newEdit(root, opt)
	if err != nil {
		return nil, err
	}
	if opt.Stores != nil {
		return nil, hint.Add(errors.New("a certificate is removed from every store that it was added to"), "leave --stores out")
	}
	if len(e.record.Certificates) == 0 && len(e.record.Stores) > 0 {
		return e.report, e.forgetCreated()
	}
	if len(e.record.Certificates) == 0 {
		e.tell("this root has no record of certgraft: nothing was installed, or the record was deleted")
		return e.report, nil
	}
	e.forget(selected)
	if err := e.takeOut(); err != nil {
		return nil, err
	}
	e.report.Sources = append([]string{}, e.record.sourceNames()...)
	return e.report, e.record.write(root)
}

// sync takes out certificates that were installed from sources and that the sources no
// longer have.
func (e *edit) sync(groups []sameName) error {
	for _, g := range groups {
		if g.stoodIn() {
			e.warn("not synced: %s was not reached, so nothing that was installed from it was taken out; run it again when it can be", g.name)
		}
		for i := range e.record.Certificates {
			if c := &e.record.Certificates[i]; g.lost(*c) {
				c.Sources = slices.DeleteFunc(c.Sources, func(n string) bool { return n == g.name })
			}
		}
	}
	return e.takeOut()
}

// forget removes the selected sources from the certificates in the record. It names
// selected sources that are not in the record.
func (e *edit) forget(selected Selection) {
	names, prints, unknown := e.find(selected)
	if len(unknown) > 0 {
		e.tell("nothing was installed from %s: the record has %s", strings.Join(unknown, ", "), strings.Join(e.record.sourceNames(), ", "))
	}
	var left []string // sources that lose certificates by fingerprint
	for i := range e.record.Certificates {
		c := &e.record.Certificates[i]
		if selected.All || prints[c.Fingerprint] {
			left = append(left, c.Sources...)
			c.Sources = nil
		}
		c.Sources = slices.DeleteFunc(c.Sources, func(s string) bool { return slices.Contains(names, s) })
	}
	e.record.Sources = slices.DeleteFunc(e.record.Sources, func(s recordedSource) bool {
		return slices.Contains(names, s.Name) || slices.Contains(left, s.Name) && !e.hasAny(s.Name)
	})
}

// find looks up the selection in the record. It returns the names of sources; the
// fingerprints of certificates in files whose names are not recorded; and the rest, as
// unknown.
func (e *edit) find(selected Selection) (names []string, prints map[string]bool, unknown []string) {
	prints = map[string]bool{}
	for _, s := range e.record.Sources {
		if selected.All || slices.Contains(selected.Sources, s.Name) || slices.Contains(selected.Sets, s.Set) {
			names = append(names, s.Name)
		}
	}
	for _, n := range selected.Sources {
		if slices.Contains(names, n) {
			continue
		}
		held := slices.DeleteFunc(slices.Clone(selected.Files[n]), func(f certs.Fingerprint) bool { return e.record.cert(f) == nil })
		for _, f := range held {
			prints[f.String()] = true
		}
		if len(held) == 0 {
			unknown = append(unknown, n)
		}
	}
	for _, set := range selected.Sets {
		if !slices.ContainsFunc(e.record.Sources, func(s recordedSource) bool { return s.Set == set }) {
			unknown = append(unknown, "@set:"+set)
		}
	}
	return names, prints, unknown
}

// hasAny reports whether the record has a certificate from a source.
func (e *edit) hasAny(source string) bool {
	return slices.ContainsFunc(e.record.Certificates, func(c recordedCert) bool { return slices.Contains(c.Sources, source) })
}

// takeOut removes the certificates without a source from the record and from the stores
// that they were added to, whatever the root looks like now.
func (e *edit) takeOut() error {
	gone := map[certs.Fingerprint]bool{}
	for _, c := range e.record.Certificates {
		if f, err := certs.ParseFingerprint(c.Fingerprint); err == nil && len(c.Sources) == 0 {
			gone[f] = true
		}
	}
	if len(gone) == 0 {
		return nil
	}
	for _, row := range takenFirst() {
		id := row.name()
		if family := e.report.Detection.Family == id; !family && id != (javaStore{}).name() && !e.record.knows(id) {
			continue
		}
		if err := row.remove(e, gone); err != nil {
			return err
		}
	}
	if err := e.nameStaying(gone); err != nil {
		return err
	}
	e.record.forgetFiles(gone)
	e.record.Certificates = slices.DeleteFunc(e.record.Certificates, func(c recordedCert) bool { return len(c.Sources) == 0 })
	if len(e.record.Certificates) == 0 {
		e.report.Unset = e.record.Environment
		e.record.Sources, e.record.Environment, e.record.Files = nil, nil, nil
		for i := range e.record.Stores { // links to a bundle that someone else uses stay ours
			s := &e.record.Stores[i]
			s.Repairs, s.Replaced = nil, nil
			if !slices.ContainsFunc(s.Created, func(name string) bool {
				_, err := e.root.ReadLink(name)
				return err == nil
			}) {
				s.Created = nil
			}
		}
	}
	return nil
}

// takenFirst returns the stores in the order of removal. The files of variables come
// first: an older version may have added our certificates to such a file although it is
// an anchor.
func takenFirst() []store {
	order := []store{envStore{}}
	for _, row := range stores {
		if row.store.name() != (envStore{}).name() {
			order = append(order, row.store)
		}
	}
	return order
}

// forgetCreated removes the files and links that install made and that stayed after the
// last certificate, such as links to a bundle that others still used.
func (e *edit) forgetCreated() error {
	for _, s := range slices.Clone(e.record.Stores) {
		if err := e.removeCreated(s.Name); err != nil {
			return err
		}
	}
	return e.record.write(e.root)
}

// nameStaying reports the certificates of gone that programs still read from the root,
// and why they stay.
func (e *edit) nameStaying(gone map[certs.Fingerprint]bool) error {
	holders, err := e.holders(gone)
	if err != nil {
		return err
	}
	for _, c := range e.record.Certificates {
		f, err := certs.ParseFingerprint(c.Fingerprint)
		if err != nil || !gone[f] || holders[f] == "" && e.explained[f] == "" {
			continue
		}
		because := cmp.Or(e.explained[f], e.stays[f], "someone else put it into /"+holders[f])
		e.report.Stays = append(e.report.Stays, Stay{f.String(), c.Subject, because})
	}
	order.Sort(e.report.Stays, func(a, b Stay) int { return cmp.Compare(a.Fingerprint, b.Fingerprint) })
	return nil
}

// holders returns for each certificate of gone a file that still has it.
func (e *edit) holders(gone map[certs.Fingerprint]bool) (map[certs.Fingerprint]string, error) {
	found := map[certs.Fingerprint]string{}
	note := func(c *certs.Certificate, name string) {
		if c != nil && gone[c.Fingerprint()] && found[c.Fingerprint()] == "" {
			found[c.Fingerprint()] = name
		}
	}
	bundles, err := e.bundleFiles()
	if err != nil {
		return nil, err
	}
	for _, f := range e.record.Files {
		bundles = append(bundles, f.Path)
	}
	bundles = append(bundles, e.shrunk...)
	keystores := e.keystores()
	slices.Sort(bundles)
	for _, name := range slices.Compact(bundles) {
		switch {
		case !leadsToFile(e.root, name):
		case slices.Contains(keystores, name):
		case strings.HasSuffix(name, ".bin"):
			if data, err := e.root.Content(name); err == nil {
				if c, err := openFirmware(e, "", "", data); err == nil {
					for c := range c.held().All() {
						note(c, name)
					}
				}
			}
		default:
			data, _ := e.root.Content(name)
			blocks, err := e.reader.Read(data)
			for _, b := range blocks {
				note(b.Cert, name)
			}
			if err != nil { // some programs read more of a damaged file
				for c := range e.bundleHolds(name).All() {
					note(c, name)
				}
			}
		}
	}
	for _, name := range keystores {
		for c := range e.keystoreHolds(name).All() {
			note(c, name)
		}
	}
	if err := e.inPolicies(note); err != nil {
		return nil, err
	}
	for _, dir := range e.hashDirs() {
		links, err := e.linksOf(dir)
		if err != nil {
			return nil, err
		}
		files, err := filesIn(e.root, dir, func(f fs.DirEntry) bool {
			certificate := isHash(f.Name()) || path.Ext(f.Name()) == ".pem" || path.Ext(f.Name()) == ".crt"
			target := links[f.Name()]
			// Another name in the directory covers a link within it, and an existing
			// anchor explains itself.
			return certificate && (target == "" || strings.Contains(target, "/") && !e.anchored[target])
		})
		if err != nil {
			return nil, err
		}
		for _, f := range files {
			note(e.reader.Single(f.data), f.name())
		}
	}
	return found, nil
}

// linksOf returns the links in a directory and their texts.
func (e *edit) linksOf(dir string) (map[string]string, error) {
	if dir == certDir && e.linksNow != nil {
		return e.linksNow, nil
	}
	return linksIn(e.root, dir)
}

// hashDirs returns the directories in which OpenSSL searches by hash.
func (e *edit) hashDirs() (dirs []string) {
	names := []string{certDir}
	for _, s := range []p11Store{fedora, arch, suse} {
		if s.id == e.report.Detection.Family {
			for _, d := range s.hashDirs {
				names = append(names, d.path)
			}
		}
	}
	for _, name := range names {
		if real, ok, err := directory(e.root, name); err == nil && ok {
			dirs = append(dirs, real)
		}
	}
	return dirs
}
