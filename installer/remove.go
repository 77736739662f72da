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

// Selection says what is to be removed.
type Selection struct {
	All     bool
	Sources []string                       // public names, as recorded
	Sets    []string                       // set digests, as recorded
	Files   map[string][]certs.Fingerprint // what the files among Sources hold now: it goes where no source of that name is recorded
}

// Remove takes out of the stores of root what was installed from the selected
// sources, unless another source has it too, and nothing that was there before.
// It reads the record only: files that others changed meanwhile lose our
// certificates and nothing else. Nothing to remove is no error.
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
		e.tell("there is no record of certgraft in this root: nothing was installed, or the record was deleted")
		return e.report, nil
	}
	e.forget(selected)
	if err := e.takeOut(); err != nil {
		return nil, err
	}
	e.report.Sources = append([]string{}, e.record.sourceNames()...)
	return e.report, e.record.write(root)
}

// sync takes out what was installed from sources before and they no longer
// have.
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

// forget takes the selected sources off the certificates in the record. What is
// selected and not recorded is named.
func (e *edit) forget(selected Selection) {
	names, prints, unknown := e.find(selected)
	if len(unknown) > 0 {
		e.tell("nothing was installed from %s: the record has %s", strings.Join(unknown, ", "), strings.Join(e.record.sourceNames(), ", "))
	}
	var left []string // sources that lose certificates by what those are
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

// find looks up in the record what is selected: the names of sources, and the
// fingerprints of certificates that files hold by whose names nothing is
// recorded. What is neither is unknown.
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

// hasAny reports whether any certificate is recorded from a source.
func (e *edit) hasAny(source string) bool {
	return slices.ContainsFunc(e.record.Certificates, func(c recordedCert) bool { return slices.Contains(c.Sources, source) })
}

// takeOut removes the certificates that have no source left from the stores
// that they were added to, whatever the root looks like now, and from the
// record.
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
		for i := range e.record.Stores { // links to a bundle that someone else uses are ours still
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

// takenFirst returns the stores in the order in which they lose certificates: first
// the files of variables, one of which an older version may have written ours into
// though it is an anchor.
func takenFirst() []store {
	order := []store{envStore{}}
	for _, row := range stores {
		if row.store.name() != (envStore{}).name() {
			order = append(order, row.store)
		}
	}
	return order
}

// forgetCreated takes away what install made where nothing is installed any more:
// links to a bundle that others used for longer.
func (e *edit) forgetCreated() error {
	for _, s := range slices.Clone(e.record.Stores) {
		if err := e.removeCreated(s.Name); err != nil {
			return err
		}
	}
	return e.record.write(e.root)
}

// nameStaying enters into the report what of gone the root still holds, read as
// programs read it, and why.
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

// holders returns for each of gone that a store still holds a file with it.
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
			if err != nil { // some programs read more
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
			// What another name of the directory holds is found there, and an anchor that is read explains itself.
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

// linksOf returns the links in a directory, and their texts.
func (e *edit) linksOf(dir string) (map[string]string, error) {
	if dir == certDir && e.linksNow != nil {
		return e.linksNow, nil
	}
	return linksIn(e.root, dir)
}

// hashDirs are the directories in which OpenSSL looks by hash.
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
