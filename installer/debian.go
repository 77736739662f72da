package installer

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strings"

	"github.com/certgraft/certgraft/certs"
	"github.com/certgraft/certgraft/rootfs"
)

// Paths of Debian's ca-certificates.
const (
	debianTool   = "usr/sbin/update-ca-certificates"
	debianConf   = "etc/ca-certificates.conf"
	debianShared = "usr/share/ca-certificates"
	debianLocal  = "usr/local/share/ca-certificates"
	debianCerts  = "etc/ssl/certs"
	debianBundle = "etc/ssl/certs/ca-certificates.crt"
)

// debianStore is Debian's layout: anchors in /usr/local/share/ca-certificates,
// a link to each in /etc/ssl/certs, hash links to those, and the bundle. Other
// distributions use the same tool.
type debianStore struct{}

func (debianStore) name() string { return "debian" }

func (s debianStore) install(e *edit, want []wanted) (StoreReport, error) {
	before, err := readDebian(e.root)
	if err != nil {
		return StoreReport{}, err
	}
	report := StoreReport{Name: s.name(), Path: "/" + debianBundle}
	want, err = before.selectable(e, want)
	if err != nil {
		return report, err
	}
	if before.bundle == nil && len(before.files) == 0 && len(want) > 0 {
		e.firstBundleWarning(len(want))
		e.seedMozilla(&want)
	}
	fixed, err := e.atFixedPoint(before)
	if err != nil {
		return report, err
	}
	added, err := e.addAnchors(s.name(), debianLocal, want, before.anchored())
	if err != nil {
		return report, err
	}
	report.Added, report.Present = len(added), len(want)-len(added)
	if len(added) == 0 && before.holds(want) {
		report.Total = before.held.Len()
		return report, nil
	}
	if err := makeDirs(e.root, e.record, debianCerts); err != nil {
		return report, err
	}
	if fixed {
		report.Total, err = e.regenerate()
	} else {
		report.Total, err = before.graft(e, want, added)
	}
	if err != nil {
		return report, err
	}
	return report, e.verifyDebian(want)
}

// seedMozilla puts the Mozilla roots in front, where they are wanted.
func (e *edit) seedMozilla(want *[]wanted) {
	if !e.opt.WithMozilla {
		return
	}
	var seeded []wanted
	roots := readPEM(mozillaRoots()).certificates()
	e.record.setSource("mozilla", roots.Digest())
	for c := range roots.All() {
		e.record.note(c, "mozilla")
		seeded = append(seeded, wanted{c, "mozilla"})
	}
	*want = append(seeded, *want...)
}

// debian is what a root has of the layout.
type debian struct {
	files      []string          // conf's and the local ones, in the tool's order
	content    map[string][]byte // of files
	deselected []string          // files of lines that start with "!"
	bundle     []byte            // nil if there is none
	held       *certs.Set        // what the bundle holds
}

func readDebian(root fs.FS) (*debian, error) {
	d := &debian{content: map[string][]byte{}}
	selected, deselected, err := readConf(root)
	if err != nil {
		return nil, err
	}
	d.deselected = deselected
	local, err := findAnchors(root, debianLocal)
	if err != nil {
		return nil, err
	}
	for _, name := range append(selected, local...) {
		data, err := readIfThere(root, name)
		if err != nil {
			return nil, fmt.Errorf("read an anchor: %w", err)
		}
		if data != nil {
			d.files = append(d.files, name)
			d.content[name] = data
		}
	}
	if d.bundle, err = readIfThere(root, debianBundle); err != nil {
		return nil, fmt.Errorf("read the bundle: %w", err)
	}
	d.held = readPEM(d.bundle).certificates()
	return d, nil
}

// readConf reads /etc/ca-certificates.conf: a file below
// /usr/share/ca-certificates on each line, "!" before one that is not wanted.
func readConf(root fs.FS) (selected, deselected []string, err error) {
	data, err := readIfThere(root, debianConf)
	if err != nil {
		return nil, nil, fmt.Errorf("read the configuration of update-ca-certificates: %w", err)
	}
	for line := range strings.Lines(string(data)) {
		line = strings.TrimSuffix(line, "\n")
		switch {
		case line == "" || line[0] == '#':
		case line[0] == '!':
			deselected = append(deselected, path.Join(debianShared, line[1:]))
		default:
			selected = append(selected, path.Join(debianShared, line))
		}
	}
	return selected, deselected, nil
}

// findAnchors returns the files below dir whose names end in .crt, links
// followed, sorted by their whole path: find -L DIR -type f -name '*.crt' | sort.
func findAnchors(root fs.FS, dir string) ([]string, error) {
	var found []string
	var walk func(dir string, depth int) error
	walk = func(dir string, depth int) error {
		entries, err := fs.ReadDir(root, dir)
		if errors.Is(err, fs.ErrNotExist) || depth > 32 {
			return nil
		}
		if err != nil {
			return fmt.Errorf("read the directory of anchors: %w", err)
		}
		for _, entry := range entries {
			name := path.Join(dir, entry.Name())
			info, err := fs.Stat(root, name)
			switch {
			case err != nil: // a link that leads nowhere, or in a circle
			case info.IsDir():
				if err := walk(name, depth+1); err != nil {
					return err
				}
			case info.Mode().IsRegular() && strings.HasSuffix(name, ".crt"):
				found = append(found, name)
			}
		}
		return nil
	}
	err := walk(dir, 0)
	slices.Sort(found)
	return found, err
}

// concatenated returns the bundle that the tool writes of files: each as it is,
// with a line feed where the last line has none.
func (d *debian) concatenated() []byte {
	var out []byte
	for _, name := range d.files {
		out = append(out, d.content[name]...)
		if len(d.content[name]) > 0 && !bytes.HasSuffix(d.content[name], []byte("\n")) {
			out = append(out, '\n')
		}
	}
	return out
}

// atFixedPoint reports whether the tool, run now, would change nothing, so that
// making everything anew loses nothing; and that what it makes is readable. A
// root without a bundle has nothing to lose.
func (e *edit) atFixedPoint(d *debian) (bool, error) {
	if _, cuts, _ := readPEM(d.concatenated()).heal(); len(cuts) > 0 {
		return false, nil
	}
	if d.bundle == nil {
		return true, nil
	}
	if !bytes.Equal(d.bundle, d.concatenated()) {
		return false, nil
	}
	trial := &edit{root: rootfs.NewOverlay(e.root), record: &record{}, report: &Report{}}
	if _, err := trial.regenerate(); err != nil {
		return false, err
	}
	for range trial.root.Changes() {
		return false, nil
	}
	return true, nil
}

// anchored returns the certificates that have a file of their own among the
// local anchors. Those in a file with others have no link of their own, so a
// program that looks in the directory does not find them.
func (d *debian) anchored() *certs.Set {
	set := &certs.Set{}
	for _, name := range d.files {
		if !strings.HasPrefix(name, debianLocal+"/") {
			continue
		}
		if in := readPEM(d.content[name]).certificates(); in.Len() == 1 {
			for c := range in.All() {
				set.Add(c, "")
			}
		}
	}
	return set
}

func (d *debian) holds(want []wanted) bool {
	return !slices.ContainsFunc(want, func(w wanted) bool { return !d.held.Has(w.Fingerprint()) })
}

// selectable refuses what the administrator of the root has deselected.
func (d *debian) selectable(e *edit, want []wanted) ([]wanted, error) {
	if e.opt.OverrideBlocklist {
		return want, nil
	}
	for _, name := range d.deselected {
		data, err := readIfThere(e.root, name)
		if err != nil {
			return nil, fmt.Errorf("read a deselected certificate: %w", err)
		}
		out := readPEM(data).certificates()
		for _, w := range want {
			if out.Has(w.Fingerprint()) {
				return nil, blocked(w.Certificate, "/"+debianConf+" deselects it (!"+strings.TrimPrefix(name, debianShared+"/")+")")
			}
		}
	}
	return want, nil
}

func blocked(c *certs.Certificate, why string) error {
	return hinted{fmt.Errorf("%w: %s is not to be trusted in this root: %s", ErrRefused, c.Subject(), why),
		"leave it out, or install it all the same with --override-blocklist"}
}

// addAnchors writes an anchor for each certificate that has none, and returns
// those.
func (e *edit) addAnchors(store, dir string, want []wanted, have *certs.Set) ([]wanted, error) {
	var added []wanted
	if err := makeDirs(e.root, e.record, dir); err != nil {
		return nil, err
	}
	for _, w := range want {
		if have.Has(w.Fingerprint()) {
			continue
		}
		name, err := e.anchorName(dir, w)
		if err != nil {
			return nil, err
		}
		if err := e.root.WriteFile(name, w.AppendPEM(nil), 0o644); err != nil {
			return nil, err
		}
		e.record.added(w.Certificate, store)
		added = append(added, w)
	}
	return added, nil
}

// anchorName returns a name that no other certificate has.
func (e *edit) anchorName(dir string, w wanted) (string, error) {
	for _, digits := range []int{8, 16, 64} {
		name := path.Join(dir, certs.FileName(w.anchor, w.Certificate, digits))
		data, err := readIfThere(e.root, name)
		if err != nil || data == nil || readPEM(data).certificates().Has(w.Fingerprint()) {
			return name, err
		}
	}
	return "", fmt.Errorf("no name is left for the anchor of %s", w.Subject())
}

// graft adds to a layout that the tool did not write as it is: links and
// blocks behind those that are there, which all stay.
func (d *debian) graft(e *edit, want, added []wanted) (int, error) {
	d.nameUnexplained(e)
	for _, w := range added {
		if err := e.linkAnchor(w); err != nil {
			return 0, err
		}
	}
	if err := e.rehash(); err != nil {
		return 0, err
	}
	if d.bundle == nil {
		e.record.store(debianStore{}.name()).create(debianBundle)
		if err := e.root.WriteFile(debianBundle, nil, 0o644); err != nil {
			return 0, err
		}
	}
	real, err := e.root.Resolve(debianBundle)
	if err != nil {
		return 0, err
	}
	_, total, err := e.extend(debianStore{}.name(), real, want, "", map[certs.Fingerprint]bool{})
	return total, err
}

// linkAnchor links the anchor of w into /etc/ssl/certs.
func (e *edit) linkAnchor(w wanted) error {
	name, err := e.anchorName(debianLocal, w)
	if err != nil {
		return err
	}
	return e.root.Symlink("/"+name, path.Join(debianCerts, linkName(name)))
}

// nameUnexplained warns of certificates in the bundle that no anchor explains:
// the tool will drop them, whatever certgraft does.
func (d *debian) nameUnexplained(e *edit) {
	explained := readPEM(d.concatenated()).certificates()
	var names []string
	for c := range d.held.All() {
		if !explained.Has(c.Fingerprint()) {
			names = append(names, c.Subject())
		}
	}
	if len(names) > 0 && exists(e.root, debianTool) {
		e.warn("%s in the bundle came from no file that update-ca-certificates knows and will be lost when it next runs; add it with certgraft install", some(names))
	}
}

// some names the first of names and counts the others.
func some(names []string) string {
	if len(names) == 1 {
		return names[0]
	}
	return fmt.Sprintf("%s and %d more", names[0], len(names)-1)
}

// verifyDebian reads the store as programs do, and finds what is wanted in the
// bundle and by its hash link.
func (e *edit) verifyDebian(want []wanted) error {
	data, err := e.root.ReadFile(debianBundle)
	if err != nil {
		return fmt.Errorf("read the bundle back: %w", err)
	}
	set := &certs.Set{}
	for _, w := range want {
		set.Add(w.Certificate, "")
		if !lookUp(e.root, w.Certificate) {
			return fmt.Errorf("/%s was edited and OpenSSL would not find %s in it: nothing was changed; please report this", debianCerts, w.Subject())
		}
	}
	return verify("/"+debianBundle, data, set)
}

func (s debianStore) remove(e *edit, gone *certs.Set) (StoreReport, error) {
	report := StoreReport{Name: s.name(), Path: "/" + debianBundle}
	before, err := readDebian(e.root)
	if err != nil {
		return report, err
	}
	fixed, err := e.atFixedPoint(before)
	if err != nil {
		return report, err
	}
	ours := e.record.in(s.name())
	for name, data := range before.content {
		in := readPEM(data).certificates()
		for c := range in.All() {
			if in.Len() != 1 || !gone.Has(c.Fingerprint()) || !ours[c.Fingerprint()] || !strings.HasPrefix(path.Base(name), "certgraft-") {
				continue
			}
			if err := e.dropAnchor(name); err != nil {
				return report, err
			}
			report.Removed++
		}
	}
	if report.Removed > 0 && fixed {
		report.Total, err = e.regenerate()
		return report, err
	}
	return s.ungraft(e, gone, report)
}

// dropAnchor takes an anchor away, and the link to it.
func (e *edit) dropAnchor(name string) error {
	link := path.Join(debianCerts, linkName(name))
	if target, err := e.root.ReadLink(link); err == nil && target == "/"+name {
		if err := e.root.Remove(link); err != nil {
			return err
		}
	}
	return e.root.Remove(name)
}

// ungraft undoes graft.
func (s debianStore) ungraft(e *edit, gone *certs.Set, report StoreReport) (StoreReport, error) {
	if err := e.rehash(); err != nil {
		return report, err
	}
	var files []string
	if real, err := e.root.Resolve(debianBundle); err == nil && exists(e.root, real) {
		files = append(files, real)
	}
	r, err := e.shrinkAll(s.name(), files, gone, "")
	report.Total = r.Total
	return report, err
}
