package installer

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"iter"
	"maps"
	"path"
	"slices"
	"strings"
	"syscall"

	"github.com/certgraft/certgraft/certs"
	"github.com/certgraft/certgraft/installer/internal/recorded"
	"github.com/certgraft/certgraft/internal/hint"
	"github.com/certgraft/certgraft/internal/pemfile"
)

// knownBundles are files from which programs read all their CAs. In a root several of
// them are usually one file and links to it.
var knownBundles = []string{
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
}

// firstLinks lead to the first bundle of a root, so that programs that look in these
// places find it.
var firstLinks = []struct{ name, target string }{
	{"etc/ssl/cert.pem", "certs/ca-certificates.crt"},
	{"etc/pki/tls/certs/ca-bundle.crt", "../../../ssl/certs/ca-certificates.crt"},
}

// bundleStore is the bundles that no other store edits. In distroless, scratch, BusyBox
// and unknown roots these are all bundles; elsewhere they are copies that someone made.
// The store extends them in place.
type bundleStore struct{}

func (bundleStore) name() string { return "bundle" }

func (bundleStore) used(*edit) bool { return true }

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
	if files, err = e.leaveNix(files); err != nil {
		return err
	}
	return e.extendAll(s.name(), files, want)
}

func (s bundleStore) remove(e *edit, gone map[certs.Fingerprint]bool) error {
	return e.shrinkAll(s.name(), e.bundle, gone)
}

// leaveNix returns files without those in the store of Nix, which it names in a
// warning. If no other file can be edited, it returns an error.
func (e *edit) leaveNix(files []string) ([]string, error) {
	var left []string
	for _, name := range files {
		if isNix(name) {
			left = append(left, "/"+name)
		}
	}
	const cure = "add the CA to the cacert that Nix builds (cacert.override { extraCertificateFiles = [ ./corp.pem ]; }), or edit the file anyway, as in an image without Nix, with --stores auto,nix"
	switch {
	case len(left) == 0:
		return files, nil
	case len(left) == len(files) && len(e.covered) == 0:
		return nil, hint.Add(fmt.Errorf("the bundle of this root, %s, is in the store of Nix, whose files must not be changed", some(left)), cure)
	}
	e.warn("%s is in the store of Nix and was left as it is: %s", some(left), cure)
	return slices.DeleteFunc(files, isNix), nil
}

// isNix reports whether a file is in the store of Nix.
func isNix(name string) bool { return strings.HasPrefix(name, "nix/store/") }

// bundleFiles returns the bundles of the root, each real file once. A dangling link is
// no bundle. Anything else that exists and is not a file is an error, because programs
// would fail on it.
func (e *edit) bundleFiles() ([]string, error) {
	var files []string
	for _, name := range e.bundlePaths {
		info, err := e.root.Stat(name)
		switch {
		case errors.Is(err, fs.ErrNotExist), errors.Is(err, syscall.ENOTDIR), errors.Is(err, syscall.ELOOP):
			continue
		case err != nil:
			return nil, fmt.Errorf("look at a bundle: %w", err)
		case !info.Mode().IsRegular():
			return nil, hint.Add(fmt.Errorf("/%s is not a file", name), "move it out of the way: every program that looks for CAs there fails")
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

// bundleName returns the path of the bundle for variables to name, or "" if the root
// has none.
func (e *edit) bundleName() string {
	for _, name := range e.bundlePaths {
		if leadsToFile(e.root, name) {
			return "/" + name
		}
	}
	return ""
}

func (e *edit) bundleHolds(name string) *certs.Set {
	data, _ := e.root.ReadFile(strings.TrimPrefix(name, "/"))
	return e.reader.Held(data)
}

func (e *edit) trusted() iter.Seq2[*certs.Certificate, error] {
	return func(yield func(*certs.Certificate, error) bool) {
		seen := map[certs.Fingerprint]bool{}
		for _, name := range e.bundlePaths {
			data, err := readIfThere(e.root, name)
			if err != nil {
				if !yield(nil, err) {
					return
				}
				continue
			}
			file, _ := e.reader.Open(data) // no program trusts a damaged block
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

// bundle returns the format of the bundles of the root.
func (e *edit) bundle(string) format {
	if e.report.Detection.Family == "alpine" {
		return bundleAs(alpineStyle)
	}
	return bundleAs(pemfile.Style{})
}

// extendAll adds wanted certificates to each of files.
func (e *edit) extendAll(store string, files []string, want []wanted) error {
	for _, name := range files {
		if err := e.extendFile(store, name, e.bundle(name), want); err != nil {
			return err
		}
	}
	return nil
}

// bundle is an opened bundle. An edit keeps all its text except blocks that keep
// programs from reading it.
type bundle struct {
	*edit
	store, name string
	style       pemfile.Style
	ours        map[certs.Fingerprint]bool // added by an earlier run
	data        []byte
	file        pemfile.File
	err         error // why it cannot be made readable
	more        []*certs.Certificate
	again       []*certs.Certificate // taken out to repair the file
	dropped     bool                 // certificates were taken out, and data is final
}

// bundleAs is the format of a bundle to which certificates are added in a style.
func bundleAs(as pemfile.Style) format {
	return format{"bundle", func(e *edit, store, name string, data []byte) (content, error) {
		return e.openBundle(store, name, data, as), nil
	}}
}

func (e *edit) openBundle(store, name string, data []byte, as pemfile.Style) *bundle {
	b := &bundle{edit: e, store: store, name: name, style: as, data: data, ours: e.record.claims(name)}
	b.file, b.err = e.reader.Open(data)
	return b
}

func (b *bundle) held() *certs.Set { return b.file.Held }

func (b *bundle) add(w wanted) error {
	b.more = append(b.more, w.Certificate)
	return b.unreadable(b.err)
}

// drop takes out the certificates that nothing explains. With the last one of ours, it
// undoes the repairs.
func (b *bundle) drop(w *withdrawal) error {
	b.leave(w, w.copies(b.data, b.style))
	return nil
}

// leave makes data the content of the bundle. data must have all of ours that stay.
func (b *bundle) leave(w *withdrawal, data []byte) {
	if b.remain(b.ours, w.gone) {
		stands := w.file.Standing(b.reader.Copies(b.data, b.style))
		maps.DeleteFunc(stands, func(f certs.Fingerprint, _ int) bool { return w.gone[f] })
		w.file.Settle(stands, b.reader.Copies(data, b.style))
	} else {
		data = b.undo(data)
	}
	b.data = data
	b.keep()
}

// keep makes data the final content, without repairs.
func (b *bundle) keep() {
	b.file.Held, b.dropped = b.reader.Held(b.data), true
}

func (b *bundle) encode() ([]byte, error) {
	damaged := len(b.file.Steps) > 0
	if b.dropped || !damaged && len(b.more) == 0 {
		return b.data, nil
	}
	text := b.file.Data
	if damaged || len(text) > 0 && !bytes.HasSuffix(text, []byte("\n")) {
		var err error
		if text, err = b.repair(); err != nil {
			return nil, err
		}
	}
	return b.append(text, slices.Concat(b.again, b.more)), nil
}

// append writes certificates behind a text, and records their places.
func (b *bundle) append(text []byte, more []*certs.Certificate) []byte {
	at := recorded.Place{Gap: len(text)}
	copies := b.reader.Copies(text, b.style)
	b.keepPlaces(copies)
	file := b.record.file(b.name)
	file.Head = len(text)
	if len(copies) > 0 {
		file.Head = copies[0].Gap
		last := copies[len(copies)-1]
		at = recorded.Place{Behind: recorded.LastOf(copies, len(copies)), Gap: len(text) - last.End(), Above: recorded.Above(copies, len(copies))}
	}
	text = bytes.Clone(text)
	for _, c := range more {
		text = b.style.Append(text, c)
		at.Fingerprint = c.Fingerprint().String()
		file.Put(at)
		before := append([]string{recorded.Mark(c.Fingerprint())}, at.Behind...)
		at = recorded.Place{Behind: before[:min(len(before), recorded.Predecessors)]}
	}
	return text
}

// keepPlaces records where our certificates are now, since an earlier neighbour may
// have come back. A certificate with two copies, or in a file that someone began anew,
// is someone else's too.
func (b *bundle) keepPlaces(copies []pemfile.Copy) {
	file, seen := b.record.file(b.name), map[certs.Fingerprint]bool{}
	anew := file.IsAnew(copies)
	for _, c := range copies {
		f := c.Cert.Fingerprint()
		if _, known := file.PlaceOf(f); b.ours[f] && (seen[f] || anew && known) {
			file.Share(f)
		}
		seen[f] = true
	}
	file.Settle(file.Standing(copies), copies)
}

// repair returns a bundle that all programs read and that ends with a line feed. It
// leaves out the certificates that this program added before. The record gets the steps
// for undo.
func (b *bundle) repair() (text []byte, err error) {
	base := b.withoutOurs()
	file, err := b.reader.Open(base)
	if err != nil {
		return nil, b.unreadable(err)
	}
	const most = 8
	for i, f := range file.Faults {
		if i == most {
			b.warn("/%s had %d more blocks that keep programs from reading it", b.name, len(file.Faults)-most)
			break
		}
		b.warn("/%s had a block that %s, %s: %s", b.name, f.Harm(), f.Why, f.Done)
	}
	steps := file.Steps
	if n := len(file.Data); n > 0 && file.Data[n-1] != '\n' {
		steps = append(steps, []pemfile.Cut{{Offset: n, Now: "\n"}})
	}
	return b.record.store(b.store).repair(b.name, base, steps), nil
}

// withoutOurs returns the file without the certificates that stand where this program
// put them. encode adds them again.
func (b *bundle) withoutOurs() []byte {
	w, all := b.withdrawal(b.name, nil), b.reader.Copies(b.data, b.style)
	var cut []pemfile.Copy
	for _, c := range all {
		if w.mine([]pemfile.Copy{c}, all) == 0 && !slices.ContainsFunc(cut, func(o pemfile.Copy) bool { return o.Cert == c.Cert }) {
			cut, b.again = append(cut, c), append(b.again, c.Cert)
		}
	}
	return b.style.Without(b.data, cut)
}

func (b *bundle) unreadable(err error) error {
	if err == nil {
		return nil
	}
	return hint.Add(fmt.Errorf("/%s cannot be made readable: %w", b.name, err), "replace it by an intact bundle, or take the block out by hand")
}

// undo reverses the repairs of a file, unless someone else has changed it since.
func (b *bundle) undo(data []byte) []byte {
	inStore := b.record.store(b.store)
	done := inStore.repairs(b.name)
	inStore.forget(b.name)
	if n := len(done); n > 0 && recorded.Digest(data) != done[n-1].SHA256 {
		b.tell("/%s was changed by someone else since the repair: the removed text stays out", b.name)
		return data
	}
	for _, step := range slices.Backward(done) {
		data = pemfile.Unpatch(data, step.Cuts)
	}
	return data
}

// remain reports whether ours has a certificate that is not in gone. If nothing was
// added to the file, it reports whether the root keeps any installed certificate.
func (e *edit) remain(ours, gone map[certs.Fingerprint]bool) bool {
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

// create makes an empty bundle; wide also makes firstLinks to it.
func (e *edit) create(store, name string, wide bool) error {
	if err := makeDirs(e.root, e.record, path.Dir(name)); err != nil {
		return err
	}
	e.record.store(store).create(name)
	if err := e.root.WriteFile(name, nil, 0o644); err != nil || !wide {
		return err
	}
	for _, link := range firstLinks {
		if err := e.linkTo(store, link.target, link.name); err != nil {
			return err
		}
	}
	return nil
}

// linkTo makes the link name, with its directories. It keeps what already exists at
// name, even a link that leads nowhere: someone may need that link.
func (e *edit) linkTo(store, target, name string) error {
	if isThere(e.root, name) {
		return nil
	}
	if err := makeDirs(e.root, e.record, path.Dir(name)); err != nil {
		return err
	}
	if err := e.root.Symlink(target, name); err != nil {
		return err
	}
	e.record.store(store).create(name)
	return nil
}
