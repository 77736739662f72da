package installer

import (
	"fmt"
	"io/fs"
	"path"
	"slices"

	"github.com/certgraft/certgraft/certs"
	"github.com/certgraft/certgraft/installer/internal/blocklist"
	"github.com/certgraft/certgraft/installer/internal/edk2"
	"github.com/certgraft/certgraft/internal/pemfile"
)

// p11Store is the layout of a distribution that keeps its trust with p11-kit. It has
// files of anchors, which p11-kit's module reads itself, and files that trust extract
// makes for other programs. The store edits only files that the root has. It adds to
// the files of extract, so that their labels and order stay.
type p11Store struct {
	id       string
	trust    []string  // directories of trust policy, the one for the administrator first
	files    []p11File // the first one is the bundle for TLS
	hashDirs []hashDir // directories of files with hash links
	first    []string  // links to the first of bundles in a root that has no bundle
	firstDir string    // in such a root, the link to the first of hashDirs, which are made too; "" makes none
	rebuild  string    // the distribution's own tool
}

// p11File is one file that trust extract writes.
type p11File struct {
	path    string
	purpose string // object identifier of the purpose of its certificates, or everything
	format  format
}

// Purposes as trust extract names them. everything means all certificates, also those
// that are no CAs.
const (
	serverAuth  = "1.3.6.1.5.5.7.3.1"
	codeSigning = "1.3.6.1.5.5.7.3.3"
	email       = "1.3.6.1.5.5.7.3.4"
	anyPurpose  = ""
	everything  = "*"
)

// fedora is the layout that update-ca-trust makes in Fedora, RHEL, CentOS, Amazon Linux
// and Azure Linux.
var fedora = p11Store{
	id:    "p11-kit",
	trust: []string{"etc/pki/ca-trust/source", "usr/share/pki/ca-trust-source"},
	files: []p11File{
		{"etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem", serverAuth, bundleAs(pemfile.Style{Comment: true})},
		{"etc/pki/ca-trust/extracted/pem/email-ca-bundle.pem", email, bundleAs(pemfile.Style{Comment: true})},
		{"etc/pki/ca-trust/extracted/pem/objsign-ca-bundle.pem", codeSigning, bundleAs(pemfile.Style{Comment: true})},
		{"etc/pki/ca-trust/extracted/openssl/ca-bundle.trust.crt", everything, bundleAs(pemfile.Style{Comment: true, Trusted: true})},
		{"etc/pki/ca-trust/extracted/edk2/cacerts.bin", serverAuth, firmware},
	},
	hashDirs: []hashDir{{path: "etc/pki/ca-trust/extracted/pem/directory-hash", purpose: serverAuth, copies: []string{"etc/pki/tls/certs"}}},
	first:    []string{"etc/pki/tls/cert.pem", "etc/pki/tls/certs/ca-bundle.crt"},
	rebuild:  "update-ca-trust",
}

// arch is the layout that update-ca-trust makes in Arch Linux and its relatives.
var arch = p11Store{
	id:    "arch",
	trust: []string{"etc/ca-certificates/trust-source", "usr/share/ca-certificates/trust-source"},
	files: []p11File{
		{"etc/ca-certificates/extracted/tls-ca-bundle.pem", serverAuth, bundleAs(pemfile.Style{Comment: true})},
		{"etc/ca-certificates/extracted/email-ca-bundle.pem", email, bundleAs(pemfile.Style{Comment: true})},
		{"etc/ca-certificates/extracted/objsign-ca-bundle.pem", codeSigning, bundleAs(pemfile.Style{Comment: true})},
		{"etc/ca-certificates/extracted/ca-bundle.trust.crt", everything, bundleAs(pemfile.Style{Comment: true, Trusted: true})},
		{"etc/ca-certificates/extracted/edk2-cacerts.bin", serverAuth, firmware},
	},
	hashDirs: []hashDir{{path: "etc/ca-certificates/extracted/cadir", purpose: serverAuth, copies: []string{"etc/ssl/certs"}}},
	first:    []string{"etc/ssl/cert.pem", "etc/ssl/certs/ca-certificates.crt"},
	rebuild:  "update-ca-trust",
}

// suse is the layout that update-ca-certificates makes in openSUSE and SLES.
var suse = p11Store{
	id:    "suse",
	trust: []string{"etc/pki/trust", "usr/share/pki/trust"},
	files: []p11File{
		{"var/lib/ca-certificates/ca-bundle.pem", serverAuth, bundleAs(pemfile.Style{})},
	},
	hashDirs: []hashDir{
		{path: "var/lib/ca-certificates/pem", purpose: serverAuth},
		{path: "var/lib/ca-certificates/openssl", purpose: anyPurpose, trusted: true},
	},
	first:    []string{"etc/ssl/ca-bundle.pem"},
	firstDir: "etc/ssl/certs", // its OpenSSL reads no bundle
	rebuild:  "update-ca-certificates",
}

// TakesEveryFile reports whether programs trust every file of a directory, whatever its
// name. Nothing else may stand there, even for a moment.
func TakesEveryFile(dir string) bool {
	return slices.ContainsFunc([]p11Store{fedora, arch, suse}, func(s p11Store) bool {
		return slices.ContainsFunc(s.trust, func(t string) bool { return dir == t || path.Dir(dir) == t })
	})
}

func (s p11Store) name() string { return s.id }

func (s p11Store) used(e *edit) bool { return e.family(s.id) }

func (s p11Store) writes() string { return s.files[0].path }

// anchorDir returns the directory of the administrator's anchors.
func (s p11Store) anchorDir() string { return path.Join(s.trust[0], "anchors") }

func (s p11Store) install(e *edit, want []wanted) error {
	if err := e.refuseBlocked(s.trust, s.rebuild, want); err != nil {
		return err
	}
	s.warnDropped(e, want)
	if err := s.addAnchors(e, want); err != nil {
		return err
	}
	if err := s.begin(e, want); err != nil {
		return err
	}
	for _, f := range s.files {
		if !leadsToFile(e.root, f.path) {
			continue
		}
		if err := e.extendFile(s.id, f.path, f.format, purposed(want, f.purpose)); err != nil {
			return err
		}
	}
	for _, d := range s.hashDirs {
		if err := d.install(e, s.id, purposed(want, d.purpose)); err != nil {
			return err
		}
	}
	return nil
}

// warnDropped names the certificates that p11-kit silently leaves out of its files for
// TLS.
func (s p11Store) warnDropped(e *edit, want []wanted) {
	kept := purposed(want, serverAuth)
	for _, w := range want {
		switch {
		case slices.ContainsFunc(kept, func(k wanted) bool { return k.Fingerprint() == w.Fingerprint() }):
		case !w.IsCA():
			e.warn("%s is not a CA: p11-kit and %s leave it out of the CAs for TLS servers; install the CA that issued it", w.Subject(), s.rebuild)
		default:
			e.warn("%s is not meant for TLS servers (extended key usage): %s leaves it out of the CAs for them", w.Subject(), s.rebuild)
		}
	}
}

// purposed returns the certificates that trust extract takes for a purpose.
func purposed(want []wanted, purpose string) []wanted {
	if purpose == everything {
		return want
	}
	return slices.DeleteFunc(slices.Clone(want), func(w wanted) bool {
		return !w.IsCA() || purpose != anyPurpose && !meantFor(w.Certificate, purpose)
	})
}

// meantFor reports whether a certificate's extended key usage allows a purpose.
func meantFor(c *certs.Certificate, purpose string) bool {
	const anyUsage = "2.5.29.37.0"
	usages, limited := c.ExtendedKeyUsage()
	return !limited || slices.Contains(usages, purpose) || slices.Contains(usages, anyUsage)
}

// addAnchors writes an anchor for each certificate that the administrator's directory
// does not hold.
func (s p11Store) addAnchors(e *edit, want []wanted) error {
	dir := s.anchorDir()
	have, err := e.certificatesIn(dir)
	if err != nil {
		return err
	}
	if err := makeDirs(e.root, e.record, dir); err != nil {
		return err
	}
	return e.fillDir(s.id, dir, dir, have, want, func(w wanted) error {
		name, err := e.freeName(dir, w, ".crt")
		if err != nil {
			return err
		}
		return e.root.WriteFile(name, w.AppendPEM(nil), 0o644)
	})
}

// begin makes the bundle for TLS, and the distribution's links to it, in a root that
// has no bundle.
func (s p11Store) begin(e *edit, want []wanted) error {
	files, err := e.bundleFiles()
	if err != nil || len(files) > 0 || len(want) == 0 {
		return err
	}
	bundle := s.files[0].path
	if err := e.create(s.id, bundle, false); err != nil {
		return err
	}
	for _, name := range s.first {
		if err := e.linkTo(s.id, "/"+bundle, name); err != nil {
			return err
		}
	}
	return s.beginDirs(e)
}

// beginDirs makes the hash directories, and the link to the first one. Some packages
// leave these to a script that has not run yet.
func (s p11Store) beginDirs(e *edit) error {
	if s.firstDir == "" || isThere(e.root, s.firstDir) {
		return nil
	}
	for _, d := range s.hashDirs {
		if err := makeDirs(e.root, e.record, d.path); err != nil {
			return err
		}
	}
	return e.linkTo(s.id, "../../"+s.hashDirs[0].path, s.firstDir)
}

func (s p11Store) remove(e *edit, gone map[certs.Fingerprint]bool) error {
	if err := s.dropAnchors(e, gone); err != nil {
		return err
	}
	left, err := s.left(e)
	if err != nil {
		return err
	}
	e.explained = left.explain(serverAuth)
	for _, d := range s.hashDirs {
		if err := d.remove(e, s.id, gone, left.explain(d.purpose)); err != nil {
			return err
		}
	}
	for _, f := range s.files {
		real, err := e.root.Resolve(f.path)
		if err != nil || !leadsToFile(e.root, real) {
			continue
		}
		w := e.withdrawal(real, gone).of(left.explain(f.purpose))
		if err := e.shrink(s.id, f.format, w); err != nil && len(w.ours) > 0 {
			return err
		}
	}
	return e.removeCreated(s.id)
}

// sourced is the certificates in a trust policy, with their files.
type sourced []sourcedCert

type sourcedCert struct {
	wanted
	file    string
	blocked bool
}

// explain returns the certificates that extract takes for a purpose. Files for
// everything also have blocked certificates, with a mark that rejects them.
func (s sourced) explain(purpose string) explanation {
	x := explanation{}
	for _, c := range s {
		if purpose == everything || !c.blocked && len(purposed([]wanted{c.wanted}, purpose)) > 0 {
			x.add(c.Certificate, c.file)
		}
	}
	return x
}

// left returns the certificates in the directories of the trust policy.
func (s p11Store) left(e *edit) (sourced, error) {
	blocks, err := e.blocklist(s.trust)
	if err != nil {
		return nil, err
	}
	var all sourced
	for _, dir := range s.trust {
		for _, sub := range []string{"anchors", "", "blocklist", "blacklist"} {
			files, err := filesIn(e.root, path.Join(dir, sub), func(fs.DirEntry) bool { return true })
			if err != nil {
				return nil, fmt.Errorf("read the directory of anchors: %w", err)
			}
			for _, f := range files {
				for _, c := range e.certificatesOf(f) {
					_, blocked := blocks.Why(c)
					all = append(all, sourcedCert{wanted{Certificate: c}, f.path, blocked})
				}
			}
		}
	}
	return all, nil
}

func (s p11Store) dropAnchors(e *edit, gone map[certs.Fingerprint]bool) error {
	dir := s.anchorDir()
	dropped, err := e.removeFiles(dir, ourPrefix, gone)
	if err != nil {
		return err
	}
	return e.reportRemoved(s.id, dir, len(dropped))
}

// refuseBlocked returns an error if the trust policy in dirs blocks a wanted
// certificate. With --override-blocklist it warns instead, because the next run of
// rebuild drops the certificate.
func (e *edit) refuseBlocked(dirs []string, rebuild string, want []wanted) error {
	blocks, err := e.blocklist(dirs)
	if err != nil {
		return err
	}
	for _, w := range want {
		file, blocked := blocks.Why(w.Certificate)
		switch {
		case !blocked:
		case e.opt.OverrideBlocklist:
			e.warn("%s is installed although /%s blocks it, and is lost again when %s next runs", w.Subject(), file, rebuild)
		default:
			return blockedBy(w.Certificate, file)
		}
	}
	return nil
}

func blockedBy(c *certs.Certificate, file string) error { return blocked(c, "/"+file+" blocks it") }

// blocklist reads the trust policy in dirs: the directories of blocked certificates,
// under their new and old names, and the marks in other files.
func (e *edit) blocklist(dirs []string) (blocklist.List, error) {
	d := blocklist.List{}
	for _, dir := range dirs {
		for _, sub := range []string{"", "anchors", "blocklist", "blacklist"} {
			if err := e.readBlocks(d, path.Join(dir, sub), sub == "" || sub == "anchors"); err != nil {
				return d, err
			}
		}
	}
	return d, nil
}

// readBlocks adds the certificates that the files of a directory block: all in them, or
// only marked ones.
func (e *edit) readBlocks(d blocklist.List, dir string, onlyMarked bool) error {
	files, err := filesIn(e.root, dir, func(fs.DirEntry) bool { return true })
	if err != nil {
		return fmt.Errorf("read the blocklist: %w", err)
	}
	e.warnNotUTF8(dir)
	for _, f := range files {
		d.Read(f.data, f.name(), onlyMarked)
	}
	return nil
}

// firmware is the format of the list that EDK II firmware reads.
var firmware = format{"list of certificates for firmware", openFirmware}

type firmwareFile struct{ lists []firmwareList }

type firmwareList struct {
	raw  []byte
	cert *certs.Certificate // nil if the list has none
}

func openFirmware(e *edit, _, _ string, data []byte) (content, error) {
	lists, err := edk2.Split(data)
	f := &firmwareFile{}
	for _, raw := range lists {
		list := firmwareList{raw: raw}
		if der := edk2.Certificate(raw); der != nil {
			list.cert, _ = e.reader.Parse(der)
		}
		f.lists = append(f.lists, list)
	}
	return f, err
}

func (f *firmwareFile) held() *certs.Set {
	set := &certs.Set{}
	for _, l := range f.lists {
		if l.cert != nil {
			set.Add(l.cert, "")
		}
	}
	return set
}

func (f *firmwareFile) add(w wanted) error {
	f.lists = append(f.lists, firmwareList{edk2.List(w.Raw), w.Certificate})
	return nil
}

func (f *firmwareFile) drop(w *withdrawal) error {
	f.lists = slices.DeleteFunc(f.lists, func(l firmwareList) bool { return l.cert != nil && w.takes(l.cert) })
	return nil
}

func (f *firmwareFile) encode() ([]byte, error) {
	var out []byte
	for _, l := range f.lists {
		out = append(out, l.raw...)
	}
	return out, nil
}
