package installer

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"iter"
	"path"
	"slices"
	"strings"
	"syscall"

	"github.com/certgraft/certgraft/certs"
	"github.com/certgraft/certgraft/internal/pemfile"
)

// bundlePaths are the files that programs read all their CAs from. Several of
// them are usually one file and links to it.
var bundlePaths = []string{
	"etc/ssl/certs/ca-certificates.crt",                        // Debian, Alpine, Gentoo, Arch; the first that Go reads
	"etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem",         // Fedora, RHEL, Amazon Linux
	"etc/pki/tls/certs/ca-bundle.crt",                          // Fedora, RHEL, Photon, Wolfi
	"etc/pki/tls/cert.pem",                                     // OpenSSL of Fedora, RHEL
	"etc/pki/tls/cacert.pem",                                   // OpenELEC
	"etc/ssl/cert.pem",                                         // Alpine, upstream OpenSSL, libtls, FreeBSD
	"etc/ssl/ca-bundle.pem",                                    // SUSE
	"var/lib/ca-certificates/ca-bundle.pem",                    // SUSE
	"etc/ca-certificates/extracted/tls-ca-bundle.pem",          // Arch
	"etc/ssl/certs/ca-bundle.crt",                              // Wolfi, NixOS
	"usr/lib/ssl/cert.pem",                                     // OpenSSL of Debian and Ubuntu
	"etc/ssl1.1/cert.pem",                                      // OpenSSL 1.1 of Alpine 3.17 to 3.20
	"var/lib/ecs/deps/execute-command/certs/tls-ca-bundle.pem", // ECS Exec in Wolfi
	"kaniko/ssl/certs/ca-certificates.crt",                     // kaniko
	"var/cache/ca-certs/compat/ca-roots.pem",                   // Clear Linux
}

// firstLinks lead to the first bundle of a root, so that every program that
// looks in one of these places finds it.
var firstLinks = []struct{ name, target string }{
	{"etc/ssl/cert.pem", "certs/ca-certificates.crt"},
	{"etc/pki/tls/certs/ca-bundle.crt", "../../../ssl/certs/ca-certificates.crt"},
}

// bundleStore is the bundles that no other store looks after: all of them in
// distroless, scratch, BusyBox and what is not known; elsewhere copies that
// someone made. They are extended in place.
type bundleStore struct{}

func (bundleStore) name() string { return "bundle" }

func (s bundleStore) install(e *edit, want []wanted) error {
	files, err := e.bundleFiles()
	if err != nil {
		return err
	}
	if len(files) == 0 && len(want) > 0 && len(e.covered) == 0 {
		first, err := e.root.Resolve(toolsBundle)
		if err != nil {
			return err
		}
		if err := e.create(s.name(), first, true); err != nil {
			return err
		}
		files = []string{first}
	}
	files = slices.DeleteFunc(files, func(name string) bool { return slices.Contains(e.covered, name) })
	return e.extendAll(s.name(), files, want)
}

func (s bundleStore) remove(e *edit, gone map[certs.Fingerprint]bool) error {
	return e.shrinkAll(s.name(), gone)
}

// bundleFiles returns the bundles of the root, each real file once. A link that
// leads nowhere is no bundle; anything that is there and is no file is an
// error, since a program would fail on it.
func (e *edit) bundleFiles() ([]string, error) {
	var files []string
	for _, name := range bundlePaths {
		info, err := e.root.Stat(name)
		switch {
		case errors.Is(err, fs.ErrNotExist), errors.Is(err, syscall.ENOTDIR), errors.Is(err, syscall.ELOOP):
			continue
		case err != nil:
			return nil, fmt.Errorf("look at a bundle: %w", err)
		case !info.Mode().IsRegular():
			return nil, hinted{fmt.Errorf("/%s is not a file", name), "move it out of the way: every program that looks for CAs there fails"}
		}
		real, err := e.root.Resolve(name)
		if err != nil {
			return nil, err
		}
		if !slices.Contains(files, real) {
			files = append(files, real)
		}
	}
	return files, nil
}

// bundleName returns the path of the bundle that variables are to name, "" if
// there is none.
func (e *edit) bundleName() string {
	for _, name := range bundlePaths {
		if leadsToFile(e.root, name) {
			return "/" + name
		}
	}
	return ""
}

func (e *edit) bundleHolds(name string) *certs.Set {
	data, _ := e.root.ReadFile(strings.TrimPrefix(name, "/"))
	file, _ := e.reader.Open(data) // what is damaged holds nothing
	return file.Held
}

// Trusted yields the certificates in the bundles of a root, each once. A bundle
// that cannot be read is an error, and the sequence goes on.
func Trusted(root fs.ReadLinkFS) iter.Seq2[*certs.Certificate, error] {
	return (&edit{root: overlayOf(root), reader: pemfile.NewReader()}).trusted()
}

func (e *edit) trusted() iter.Seq2[*certs.Certificate, error] {
	return func(yield func(*certs.Certificate, error) bool) {
		seen := map[certs.Fingerprint]bool{}
		for _, name := range bundlePaths {
			data, err := readIfThere(e.root, name)
			if err != nil {
				if !yield(nil, err) {
					return
				}
				continue
			}
			file, _ := e.reader.Open(data) // what is damaged is trusted by nobody
			for c := range file.Held.All() {
				if !seen[c.Fingerprint()] && !yield(c, nil) {
					return
				}
				seen[c.Fingerprint()] = true
			}
		}
	}
}

// alpineStyle is how Alpine's update-ca-certificates writes a bundle.
var alpineStyle = pemfile.Style{After: "\n"}

// style is how the bundles of the root are written.
func (e *edit) style() pemfile.Style {
	if e.report.Detection.Family == "alpine" {
		return alpineStyle
	}
	return pemfile.Style{}
}

// extendAll adds what is wanted to each of files.
func (e *edit) extendAll(store string, files []string, want []wanted) error {
	for _, name := range files {
		n, total, err := e.extend(store, name, want, e.style())
		if err != nil {
			return err
		}
		e.covered = append(e.covered, name)
		e.report.add(StoreReport{Name: store, Path: "/" + name, Total: total, Added: n, Present: len(want) - n})
	}
	return nil
}

// extend appends to a bundle what is wanted and not in it, and repairs what
// would keep programs from reading it.
func (e *edit) extend(store, name string, want []wanted, as pemfile.Style) (n, total int, err error) {
	data, err := e.root.ReadFile(name)
	if err != nil {
		return 0, 0, fmt.Errorf("read a bundle: %w", err)
	}
	file, err := e.reader.Open(data)
	if err != nil {
		return 0, 0, unreadable(name, err)
	}
	missing := slices.DeleteFunc(slices.Clone(want), func(w wanted) bool { return file.Held.Has(w.Fingerprint()) })
	if len(want) == 0 || len(missing) == 0 && len(file.Steps) == 0 {
		return 0, file.Held.Len(), nil
	}
	text, again := file.Data, []*certs.Certificate(nil)
	if len(file.Steps) > 0 || len(data) > 0 && !bytes.HasSuffix(data, []byte("\n")) {
		if text, again, err = e.repair(store, name, data, as); err != nil {
			return 0, 0, err
		}
	}
	for _, w := range missing {
		again = append(again, w.Certificate)
		e.record.added(w.Certificate, storeOf(store, name))
	}
	text = bytes.Clone(text)
	for _, c := range again {
		text = as.Append(text, c)
	}
	if err := e.root.WriteFile(name, text, 0o644); err != nil {
		return 0, 0, err
	}
	total, err = e.readBack(name, want, file.Held)
	return len(missing), total, err
}

// repair returns a bundle that all programs read and that ends with a line
// feed, without what this program added to it before, and that. What was done
// to it is recorded, to be undone.
func (e *edit) repair(store, name string, data []byte, as pemfile.Style) (text []byte, ours []*certs.Certificate, err error) {
	added := e.record.in(storeOf(store, name))
	base := e.reader.Without(data, added, as)
	file, err := e.reader.Open(base)
	if err != nil {
		return nil, nil, unreadable(name, err)
	}
	for _, f := range file.Faults {
		e.warn("/%s had a block that %s, %s: %s", name, f.Harm(), f.Why, f.Done)
	}
	steps := file.Steps
	if n := len(file.Data); n > 0 && file.Data[n-1] != '\n' {
		steps = append(steps, []pemfile.Cut{{Offset: n, Now: "\n"}})
	}
	text = e.record.store(store).repair(name, base, steps)
	whole, _ := e.reader.Open(data)
	for c := range whole.Held.All() {
		if added[c.Fingerprint()] && !file.Held.Has(c.Fingerprint()) {
			ours = append(ours, c)
		}
	}
	return text, ours, nil
}

func unreadable(name string, err error) error {
	return hinted{fmt.Errorf("/%s cannot be made readable: %w", name, err), "replace it by an intact bundle, or take the block out by hand"}
}

// readBack reads a bundle that was written as programs do, finds in it what is
// wanted and what was there before, and returns how many it holds.
func (e *edit) readBack(name string, want []wanted, before *certs.Set) (int, error) {
	return e.readBackMeanwhile(name, want, before)()
}

// readBackMeanwhile does the same on another processor: what it returns waits
// for the outcome.
func (e *edit) readBackMeanwhile(name string, want []wanted, before *certs.Set) func() (int, error) {
	data, err := e.root.Content(name)
	if err != nil {
		return func() (int, error) { return 0, fmt.Errorf("read the bundle back: %w", err) }
	}
	var held int
	done := make(chan struct{})
	go func() {
		defer close(done)
		held, err = checkBundle(e.reader.Helper(), name, data, want, before)
	}()
	return func() (int, error) {
		<-done
		return held, err
	}
}

// checkBundle finds what is wanted, and what was there before, in a bundle.
func checkBundle(r *pemfile.Reader, name string, data []byte, want []wanted, before *certs.Set) (int, error) {
	blocks, err := r.ReadOnce(data)
	if err != nil {
		return 0, fmt.Errorf("/%s was edited and cannot be read, %w: nothing was changed; please report this", name, err)
	}
	held := &certs.Set{}
	for _, b := range blocks {
		if b.Cert != nil {
			held.Add(b.Cert, "")
		}
	}
	needed := &certs.Set{}
	for _, w := range want {
		needed.Add(w.Certificate, "")
	}
	if before != nil {
		for c := range before.All() {
			needed.Add(c, "")
		}
	}
	for c := range needed.All() {
		if !held.Has(c.Fingerprint()) {
			return 0, fmt.Errorf("/%s was edited and does not hold %s: nothing was changed; please report this", name, c.Subject())
		}
	}
	return held.Len(), nil
}

// count returns the number of certificates in a bundle.
func (e *edit) count(data []byte) int {
	file, _ := e.reader.Open(data)
	return file.Held.Len()
}

// shrinkAll takes gone out of each file of store that the record names.
func (e *edit) shrinkAll(store string, gone map[certs.Fingerprint]bool) error {
	for _, name := range e.record.files(store) {
		n, total, err := e.shrink(store, name, gone, e.style())
		if err != nil {
			return err
		}
		e.report.add(StoreReport{Name: store, Path: "/" + name, Removed: n, Total: total})
	}
	return e.removeCreated(store)
}

// shrink takes gone out of a file, as far as this program added it. When
// nothing of ours is left, repairs are undone.
func (e *edit) shrink(store, name string, gone map[certs.Fingerprint]bool, as pemfile.Style) (n, total int, err error) {
	data, err := readIfThere(e.root, name)
	if err != nil || data == nil {
		return 0, 0, err
	}
	ours := e.record.in(storeOf(store, name))
	out := map[certs.Fingerprint]bool{}
	for f := range ours {
		out[f] = gone[f]
	}
	text := e.reader.Without(data, out, as)
	n = e.count(data) - e.count(text)
	if !e.stays(ours, gone) {
		text = e.undo(store, name, text)
	}
	return n, e.count(text), e.root.WriteFile(name, text, 0o644)
}

// stays reports whether anything of ours is left when gone is gone: in a file
// to which nothing was added, whether anything is left in the root.
func (e *edit) stays(ours, gone map[certs.Fingerprint]bool) bool {
	if len(ours) == 0 {
		return slices.ContainsFunc(e.record.Certificates, func(c recordedCert) bool { return len(c.Sources) > 0 })
	}
	for f := range ours {
		if !gone[f] {
			return true
		}
	}
	return false
}

// undo makes a file what it was before it was repaired, unless someone else has
// changed it since.
func (e *edit) undo(store, name string, data []byte) []byte {
	recorded := e.record.store(store)
	done := recorded.repairs(name)
	recorded.forget(name)
	if n := len(done); n > 0 && digest(data) != done[n-1].SHA256 {
		e.tell("/%s was changed by someone else since it was repaired: what was taken out stays out", name)
		return data
	}
	for _, step := range slices.Backward(done) {
		data = pemfile.Unpatch(data, step.Cuts)
	}
	return data
}

// create starts a bundle where there is none; wide makes links to it too.
func (e *edit) create(store, name string, wide bool) error {
	if err := makeDirs(e.root, e.record, path.Dir(name)); err != nil {
		return err
	}
	e.record.store(store).create(name)
	if err := e.root.WriteFile(name, nil, 0o644); err != nil || !wide {
		return err
	}
	for _, link := range firstLinks {
		if isThere(e.root, link.name) {
			continue // a link that leads nowhere: someone's plan
		}
		if err := makeDirs(e.root, e.record, path.Dir(link.name)); err != nil {
			return err
		}
		if err := e.root.Symlink(link.target, link.name); err != nil {
			return err
		}
		e.record.store(store).create(link.name)
	}
	return nil
}

// linkTo makes name a link to a bundle, with what leads there, unless something
// is there already.
func (e *edit) linkTo(store, bundle, name string) error {
	if isThere(e.root, name) {
		return nil
	}
	if err := makeDirs(e.root, e.record, path.Dir(name)); err != nil {
		return err
	}
	if err := e.root.Symlink("/"+bundle, name); err != nil {
		return err
	}
	e.record.store(store).create(name)
	return nil
}

// removeCreated takes away the files that a store was started with, once
// nothing is left in them, and the links to them.
func (e *edit) removeCreated(store string) error {
	recorded := e.record.store(store)
	for _, name := range recorded.Created {
		if info, err := e.root.Lstat(name); err == nil && info.Mode().IsRegular() && info.Size() == 0 {
			if err := e.root.Remove(name); err != nil {
				return err
			}
		}
	}
	var left []string
	for _, name := range recorded.Created {
		switch info, err := e.root.Lstat(name); {
		case err != nil:
		case info.Mode()&fs.ModeSymlink != 0 && !exists(e.root, name):
			if err := e.root.Remove(name); err != nil {
				return err
			}
		default:
			left = append(left, name)
		}
	}
	recorded.Created = left
	return nil
}
