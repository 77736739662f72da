package installer

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"slices"

	"golang.org/x/crypto/x509roots/fallback/bundle"

	"github.com/certgraft/certgraft/certs"
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
}

// firstBundle is written where there is none of bundlePaths, and firstLinks
// lead to it, so that every program that looks in one of them finds it.
const firstBundle = "etc/ssl/certs/ca-certificates.crt"

var firstLinks = map[string]string{
	"etc/ssl/cert.pem":                "certs/ca-certificates.crt",
	"etc/pki/tls/certs/ca-bundle.crt": "../../../ssl/certs/ca-certificates.crt",
}

// bundleStore is a root with bundles and no tool that makes them: distroless,
// scratch, BusyBox, and what is not known.
type bundleStore struct{}

func (bundleStore) name() string { return "bundle" }

func (s bundleStore) install(e *edit, want []wanted) (StoreReport, error) {
	files, err := e.bundleFiles()
	if err != nil {
		return StoreReport{}, err
	}
	if len(files) == 0 {
		return e.createBundle(s.name(), want, "")
	}
	return e.extendAll(s.name(), files, want, "")
}

func (s bundleStore) remove(e *edit, gone *certs.Set) (StoreReport, error) {
	files, err := e.bundleFiles()
	if err != nil {
		return StoreReport{}, err
	}
	return e.shrinkAll(s.name(), files, gone, "")
}

// bundleFiles returns the bundles of the root, each real file once. A link that
// leads nowhere is no bundle; anything that is there and is no file is an
// error, since a program would fail on it.
func (e *edit) bundleFiles() ([]string, error) {
	var files []string
	for _, name := range bundlePaths {
		info, err := e.root.Stat(name)
		switch {
		case errors.Is(err, fs.ErrNotExist):
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

// extendAll adds what is wanted to each of files.
func (e *edit) extendAll(store string, files []string, want []wanted, separator string) (StoreReport, error) {
	report := StoreReport{Name: store}
	added := map[certs.Fingerprint]bool{}
	for i, name := range files {
		n, total, err := e.extend(store, name, want, separator, added)
		if err != nil {
			return report, err
		}
		if i == 0 {
			report.Path, report.Total, report.Added, report.Present = "/"+name, total, n, len(want)-n
		}
	}
	return report, nil
}

// extend appends to a bundle what is wanted and not in it, and repairs what
// would keep programs from reading it.
func (e *edit) extend(store, name string, want []wanted, separator string, added map[certs.Fingerprint]bool) (n, total int, err error) {
	data, err := e.root.ReadFile(name)
	if err != nil {
		return 0, 0, fmt.Errorf("read a bundle: %w", err)
	}
	file := readPEM(data)
	held := file.certificates()
	missing := slices.DeleteFunc(slices.Clone(want), func(w wanted) bool { return held.Has(w.Fingerprint()) })
	if len(missing) == 0 {
		return 0, held.Len(), nil
	}
	recorded := e.record.store(store)
	healed, cuts, reasons := file.heal()
	if len(cuts) > 0 {
		recorded.repair(name).Cuts = cuts
		for _, why := range reasons {
			e.warn("/%s had a block that keeps programs from reading any of it, %s: it was taken out and kept in the record", name, why)
		}
	}
	if len(healed) > 0 && !bytes.HasSuffix(healed, []byte("\n")) {
		healed = append(healed, '\n')
		recorded.repair(name).NewlineEnd = true
	}
	full := bytes.Clone(healed)
	all := &certs.Set{}
	for _, w := range missing {
		full = append(w.AppendPEM(full), separator...)
		added[w.Fingerprint()] = true
		e.record.added(w.Certificate, storeOf(store, name))
	}
	for _, w := range want {
		all.Add(w.Certificate, "")
	}
	for c := range held.All() {
		all.Add(c, "")
	}
	if err := verify("/"+name, full, all); err != nil {
		return 0, 0, err
	}
	return len(missing), all.Len(), e.root.WriteFile(name, full, 0o644)
}

// storeOf is the name in the record of one of several files of a store.
func storeOf(store, name string) string { return store + ":/" + name }

// createBundle writes the first bundle of a root, and the links to it.
func (e *edit) createBundle(store string, want []wanted, separator string) (StoreReport, error) {
	e.firstBundleWarning(len(want))
	if err := makeDirs(e.root, e.record, path.Dir(firstBundle)); err != nil {
		return StoreReport{}, err
	}
	recorded := e.record.store(store)
	recorded.create(firstBundle)
	e.seedMozilla(&want)
	if err := e.root.WriteFile(firstBundle, nil, 0o644); err != nil {
		return StoreReport{}, err
	}
	for name, target := range firstLinks {
		if _, err := e.root.Lstat(name); err == nil {
			continue // a link that leads nowhere: someone's plan
		}
		if err := makeDirs(e.root, e.record, path.Dir(name)); err != nil {
			return StoreReport{}, err
		}
		if err := e.root.Symlink(target, name); err != nil {
			return StoreReport{}, err
		}
		recorded.create(name)
	}
	real, err := e.root.Resolve(firstBundle)
	if err != nil {
		return StoreReport{}, err
	}
	return e.extendAll(store, []string{real}, want, separator)
}

func (e *edit) firstBundleWarning(n int) {
	if e.opt.WithMozilla {
		return
	}
	e.warn("this root had no bundle of CAs and now trusts only these %d; programs with built-in roots to fall back on stop using those: add --with-mozilla for the public CAs", n)
}

// mozillaRoots returns the Mozilla roots in this program as PEM, without those
// that are trusted with a constraint, which a bundle cannot express.
func mozillaRoots() []byte {
	var data []byte
	for root := range bundle.Roots() {
		if root.Constraint != nil {
			continue
		}
		if c, err := certs.ParseCertificate(root.Certificate); err == nil {
			data = c.AppendPEM(data)
		}
	}
	return data
}

// shrinkAll takes gone out of each of files, as far as this program added it,
// and takes away what it created once nothing of its own is left.
func (e *edit) shrinkAll(store string, files []string, gone *certs.Set, separator string) (StoreReport, error) {
	report := StoreReport{Name: store}
	for i, name := range files {
		n, total, err := e.shrink(store, name, gone, separator)
		if err != nil {
			return report, err
		}
		if i == 0 {
			report.Path, report.Removed, report.Total = "/"+name, n, total
		}
	}
	if err := e.removeCreated(store); err != nil {
		return report, err
	}
	return report, nil
}

func (e *edit) shrink(store, name string, gone *certs.Set, separator string) (n, total int, err error) {
	data, err := e.root.ReadFile(name)
	if err != nil {
		return 0, 0, fmt.Errorf("read a bundle: %w", err)
	}
	ours := e.record.in(storeOf(store, name))
	out := &certs.Set{}
	for c := range gone.All() {
		if ours[c.Fingerprint()] {
			out.Add(c, "")
		}
	}
	file := readPEM(data)
	if out.Len() == 0 {
		return 0, file.certificates().Len(), nil
	}
	rest := file.without(out, separator)
	if len(ours) == out.Len() { // nothing of ours is left in it
		rest = e.undoRepairs(store, name, rest)
	}
	after := readPEM(rest).certificates()
	return file.certificates().Len() - after.Len(), after.Len(), e.root.WriteFile(name, rest, 0o644)
}

// undoRepairs makes a file what it was before it was repaired.
func (e *edit) undoRepairs(store, name string, data []byte) []byte {
	for _, r := range e.record.store(store).Repairs {
		if r.Path != name {
			continue
		}
		if r.NewlineEnd {
			data = bytes.TrimSuffix(data, []byte("\n"))
		}
		data = unheal(data, r.Cuts)
	}
	return data
}

// removeCreated takes away the files and links that a store was started with,
// once the bundle is as it was when it was created.
func (e *edit) removeCreated(store string) error {
	recorded := e.record.store(store)
	if len(recorded.Created) == 0 || e.stillInstalled(store) {
		return nil
	}
	for _, name := range recorded.Created {
		if err := e.root.Remove(name); err != nil {
			return err
		}
	}
	recorded.Created = nil
	return nil
}

// stillInstalled reports whether a certificate that stays in the record was
// added to store.
func (e *edit) stillInstalled(store string) bool {
	return slices.ContainsFunc(e.record.Certificates, func(c recordedCert) bool {
		return len(c.Sources) > 0 && slices.ContainsFunc(c.Stores, func(s string) bool { return s == store || len(s) > len(store) && s[:len(store)+1] == store+":" })
	})
}

// envStore is the files that variables in the environment have programs read
// instead of the system's bundle.
type envStore struct{}

func (envStore) name() string { return "env" }

func (s envStore) install(e *edit, want []wanted) (StoreReport, error) {
	files, err := e.envFiles()
	if err != nil || len(files) == 0 {
		return StoreReport{}, err
	}
	return e.extendAll(s.name(), files, want, "")
}

func (s envStore) remove(e *edit, gone *certs.Set) (StoreReport, error) {
	files, err := e.envFiles()
	if err != nil || len(files) == 0 {
		return StoreReport{}, err
	}
	return e.shrinkAll(s.name(), files, gone, "")
}

// envFiles returns the files that variables name and that are no system bundle.
func (e *edit) envFiles() ([]string, error) {
	system, err := e.bundleFiles()
	if err != nil {
		return nil, err
	}
	var files []string
	for name := range redirected(e.opt.Environ) {
		real, err := e.root.Resolve(name)
		if err != nil || real == firstBundle || slices.Contains(system, real) || slices.Contains(files, real) {
			continue
		}
		if info, err := e.root.Stat(real); err == nil && info.Mode().IsRegular() {
			files = append(files, real)
		}
	}
	slices.Sort(files)
	return files, nil
}
