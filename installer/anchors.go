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
	"github.com/certgraft/certgraft/internal/pemfile"
	"github.com/certgraft/certgraft/rootfs"
)

// anchor is a file that update-ca-certificates, or another tool, reads.
type anchor struct {
	path string // rooted, as in the links to it
	data []byte // shared with the overlay: read-only
}

// name returns the anchor's path for io/fs.
func (a anchor) name() string { return path.Clean(strings.TrimPrefix(a.path, "/")) }

// local reports whether the anchor is in the directory of local anchors.
func (a anchor) local() bool { return strings.HasPrefix(a.path, "/"+localDir+"/") }

// anchors are the files that update-ca-certificates reads, in its order.
type anchors struct {
	files      []anchor
	deselected []string // lines of the configuration, without their "!"
}

// readAnchors reads the files that /etc/ca-certificates.conf selects below
// /usr/share/ca-certificates, and then the local files. It calls visit with the content
// of each.
func readAnchors(root *rootfs.Overlay, local []string, visit func([]byte)) (*anchors, error) {
	conf, err := readIfThere(root, caConf)
	if err != nil {
		return nil, fmt.Errorf("read the configuration of update-ca-certificates: %w", err)
	}
	var a anchors
	var paths []string
	for line := range strings.Lines(string(conf)) {
		line = strings.Trim(line, " \t\n") // as the shell's read does
		switch {
		case line == "" || line[0] == '#':
		case line[0] == '!':
			a.deselected = append(a.deselected, line[1:])
		default:
			paths = append(paths, "/"+sharedDir+"/"+line)
		}
	}
	for _, p := range append(paths, local...) {
		file := anchor{path: p}
		var there bool
		if file.data, there, err = contentOf(root, file.name()); err != nil {
			return nil, fmt.Errorf("read an anchor: %w", err)
		}
		if there {
			a.files = append(a.files, file)
			visit(file.data)
		}
	}
	return &a, nil
}

// concat returns the bundle that a tool makes of the anchors.
func (a *anchors) concat(each func([]byte) []byte) []byte {
	size := 0
	for _, f := range a.files {
		size += len(f.data) + len("\n")
	}
	out := make([]byte, 0, size)
	for _, f := range a.files {
		out = append(out, each(f.data)...)
	}
	return out
}

// makes reports whether data is the bundle that a tool makes of the anchors.
func (a *anchors) makes(data []byte, each func([]byte) []byte) bool {
	for _, f := range a.files {
		var ok bool
		if data, ok = bytes.CutPrefix(data, each(f.data)); !ok {
			return false
		}
	}
	return len(data) == 0
}

// readable reports whether every reader accepts the bundle that a tool makes of the
// anchors. This is true if each anchor is readable alone and ends its last line. For
// other anchors, and for one with a byte order mark, which OpenSSL skips in some
// places, readable makes the bundle and reads it.
func (a *anchors) readable(r *pemfile.Reader, each func([]byte) []byte) bool {
	apart := !slices.ContainsFunc(a.files, func(f anchor) bool {
		part := each(f.data)
		return !r.Clean(f.data) || bytes.HasPrefix(part, []byte("\ufeff")) || len(part) > 0 && part[len(part)-1] != '\n'
	})
	return apart || r.Passes(a.concat(each))
}

// refuse returns an error if the administrator of the root has deselected a wanted
// certificate.
func (a *anchors) refuse(e *edit, want []wanted) error {
	for _, line := range a.deselected {
		data, err := readIfThere(e.root, path.Join(sharedDir, line))
		if errors.Is(err, fs.ErrInvalid) {
			e.warn("/%s deselects %q, which is not the name of a file that is looked at", caConf, line)
			continue
		}
		if err != nil {
			return fmt.Errorf("read a deselected certificate: %w", err)
		}
		out, _ := e.reader.Open(data)
		for _, w := range want {
			switch {
			case !out.Held.Has(w.Fingerprint()):
			case e.opt.OverrideBlocklist:
				e.warn("%s is installed although /%s deselects it (!%s)", w.Subject(), caConf, line)
			default:
				return blocked(w.Certificate, "/"+caConf+" deselects it (!"+line+")")
			}
		}
	}
	return nil
}

// alone returns the certificates that have a local file of their own. A certificate in
// a file with others has no hash link, so programs that look in the directory do not
// find it.
func (a *anchors) alone(r *pemfile.Reader) *certs.Set {
	set := &certs.Set{}
	for _, f := range a.files {
		if c := r.Single(f.data); c != nil && f.local() {
			set.Add(c, "")
		}
	}
	return set
}

// others returns the certificates of want that an anchor holds that is not ours.
func (a *anchors) others(r *pemfile.Reader, want []wanted) map[certs.Fingerprint]bool {
	wanted, found := map[certs.Fingerprint]bool{}, map[certs.Fingerprint]bool{}
	for _, w := range want {
		wanted[w.Fingerprint()] = true
	}
	for _, f := range a.files {
		if isOurs(f.path) {
			continue
		}
		blocks, _ := r.Read(f.data)
		for _, b := range blocks {
			if b.Cert != nil && wanted[b.Cert.Fingerprint()] {
				found[b.Cert.Fingerprint()] = true
			}
		}
	}
	return found
}

// without returns the anchors except those at paths.
func (a *anchors) without(paths map[string]certs.Fingerprint) *anchors {
	left := *a
	left.files = slices.DeleteFunc(slices.Clone(a.files), func(f anchor) bool { return paths[f.path] != certs.Fingerprint{} })
	return &left
}

// held returns the certificates in the bundle that a tool makes of the anchors.
func (a *anchors) held(r *pemfile.Reader) *certs.Set {
	set := &certs.Set{}
	for _, f := range a.files {
		blocks, _ := r.Read(f.data)
		for _, b := range blocks {
			if b.Cert != nil {
				set.Add(b.Cert, "")
			}
		}
	}
	return set
}

// paths returns the paths of the anchors.
func (a *anchors) paths() map[string]bool {
	set := map[string]bool{}
	for _, f := range a.files {
		set[f.path] = true
	}
	return set
}

// writeAnchor writes the anchor of w.
func (e *edit) writeAnchor(store string, linkName func(string) string, w wanted) error {
	name, err := e.anchorName(linkName, w)
	if err != nil {
		return err
	}
	e.record.added(w.Certificate, store)
	return e.root.WriteFile(name, w.AppendPEM(nil), 0o644)
}

// anchorName returns a path for the anchor of w that no other certificate uses, and
// whose link no other file uses.
func (e *edit) anchorName(linkName func(string) string, w wanted) (string, error) {
	for _, digits := range []int{8, 16, 64} {
		name := path.Join(localDir, certs.FileName(w.anchor, w.Certificate, digits))
		data, err := readIfThere(e.root, name)
		if err != nil {
			return "", fmt.Errorf("read an anchor: %w", err)
		}
		link := path.Join(certDir, linkName(name))
		target, err := e.root.ReadLink(link)
		linked := err == nil && target == "/"+name || errors.Is(err, fs.ErrNotExist)
		if linked && (data == nil || bytes.Equal(data, w.AppendPEM(nil))) {
			return name, nil
		}
	}
	return "", fmt.Errorf("no name is left for the anchor of %s", w.Subject())
}

// explanationOf returns the certificates that files explain.
func (e *edit) explanationOf(files []anchor) explanation {
	x := explanation{}
	for _, f := range files {
		in, _ := e.reader.Open(f.data) // an unreadable file explains nothing
		for c := range in.Held.All() {
			x.add(c, f.path)
		}
	}
	return x
}

// dropAnchors deletes our anchors of gone, and returns their paths.
func (e *edit) dropAnchors(a *anchors, gone map[certs.Fingerprint]bool) (map[string]certs.Fingerprint, error) {
	dropped := map[string]certs.Fingerprint{}
	for _, f := range a.files {
		c := e.reader.Single(f.data)
		if c == nil || !gone[c.Fingerprint()] || !isOurs(f.path) {
			continue
		}
		if err := e.root.Remove(f.name()); err != nil {
			return nil, err
		}
		dropped[f.path] = c.Fingerprint()
	}
	return dropped, nil
}

// freeName returns an unused path in dir for the anchor of w.
func (e *edit) freeName(dir string, w wanted, ext string) (string, error) {
	for _, digits := range []int{8, 16, 64} {
		name := path.Join(dir, strings.TrimSuffix(certs.FileName(w.anchor, w.Certificate, digits), ".crt")+ext)
		if !isThere(e.root, name) {
			return name, nil
		}
	}
	return "", fmt.Errorf("no name is left for the anchor of %s", w.Subject())
}

// certificatesIn returns the certificates that p11-kit certainly reads from the files
// of a directory: DER, and PEM that OpenSSL also reads, without the old label X509
// CERTIFICATE. A missing directory has none.
func (e *edit) certificatesIn(dir string) (*certs.Set, error) {
	files, err := filesIn(e.root, dir, func(fs.DirEntry) bool { return true })
	if err != nil {
		return nil, fmt.Errorf("read the directory of anchors: %w", err)
	}
	set := &certs.Set{}
	for _, f := range files {
		for _, c := range e.certificatesOf(f) {
			set.Add(c, "")
		}
	}
	return set, nil
}

func (e *edit) certificatesOf(f anchor) (found []*certs.Certificate) {
	if c, err := certs.ParseCertificate(f.data); err == nil {
		found = append(found, c)
	}
	blocks, _ := e.reader.Read(f.data)
	for _, b := range blocks {
		if b.Cert != nil && b.Label != "X509 CERTIFICATE" {
			found = append(found, b.Cert)
		}
	}
	return found
}

// removeFiles deletes the files of a directory that hold one certificate, of gone, and
// whose names begin with prefix. It returns the names.
func (e *edit) removeFiles(dir, prefix string, gone map[certs.Fingerprint]bool) (dropped map[string]certs.Fingerprint, err error) {
	dropped = map[string]certs.Fingerprint{}
	files, err := filesIn(e.root, dir, func(f fs.DirEntry) bool { return f.Type().IsRegular() && strings.HasPrefix(f.Name(), prefix) })
	for _, f := range files {
		c := e.reader.Single(f.data)
		if c == nil || !gone[c.Fingerprint()] {
			continue
		}
		if err := e.root.Remove(f.name()); err != nil {
			return nil, err
		}
		dropped[path.Base(f.path)] = c.Fingerprint()
	}
	return dropped, err
}

// filesIn returns the files of a directory that pick accepts, also through links,
// sorted by name. A missing directory has none.
func filesIn(root *rootfs.Overlay, dir string, pick func(fs.DirEntry) bool) (files []anchor, err error) {
	entries, err := root.ReadDir(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	for _, entry := range entries {
		name := path.Join(dir, entry.Name())
		if !pick(entry) || !leadsToFile(root, name) {
			continue
		}
		data, err := root.Content(name)
		if err != nil {
			return nil, err
		}
		files = append(files, anchor{"/" + name, data})
	}
	return files, err
}

// reportRemoved reports the number of files that were removed from a directory, if any,
// and the certificates in the others.
func (e *edit) reportRemoved(store, dir string, n int) error {
	if n == 0 {
		return nil
	}
	left, err := e.certificatesIn(dir)
	if err != nil {
		return err
	}
	e.report.add(StoreReport{Name: store, Path: "/" + dir, Removed: n, Total: left.Len()})
	return nil
}

// tellAnchors names the local anchors that are missing in the bundle, and the files
// beside them that hold certificates and that the tool does not read. It skips anchors
// of wanted certificates. made says that the tool made the bundle of the anchors; reads
// says which files the tool reads.
func (e *edit) tellAnchors(a *anchors, bundle []byte, made bool, reads string, want []wanted) {
	var has map[certs.Fingerprint]bool // filled by the first call
	coming := func(c *certs.Certificate) bool {
		if has == nil {
			has = map[certs.Fingerprint]bool{}
			for c := range e.reader.Held(bundle).All() {
				has[c.Fingerprint()] = true
			}
			for _, w := range want {
				has[w.Fingerprint()] = true
			}
		}
		return has[c.Fingerprint()]
	}
	var pending []string
	read := map[string]bool{}
	for _, f := range a.files {
		read[f.name()] = true
		if bundle == nil || made || !f.local() || isOurs(f.path) {
			continue
		}
		if in, _ := e.reader.Open(f.data); lacking(in.Held, coming) {
			pending = append(pending, f.path)
		}
	}
	if len(pending) > 0 {
		do := "run update-ca-certificates"
		if !HasUpdateTool(e.root) {
			do = "add it with " + e.again()
		}
		e.warn("%s is an anchor and is not in the bundle yet: %s", some(pending), do)
	}
	for _, f := range e.filesBelow(localDir, read) {
		found := &certs.Set{}
		for _, c := range e.certificatesOf(f) {
			found.Add(c, "")
		}
		if lacking(found, coming) {
			e.warn("%s holds certificates and update-ca-certificates does not read it: %s; rename it, or add it with %s", f.path, reads, e.again())
		}
	}
}

// lacking reports whether set has a certificate that is not coming.
func lacking(set *certs.Set, coming func(*certs.Certificate) bool) bool {
	for c := range set.All() {
		if !coming(c) {
			return true
		}
	}
	return false
}

// largestAnchor is the size up to which a file is searched for certificates.
const largestAnchor = 1 << 20

// filesBelow returns the files below a directory except those in read.
func (e *edit) filesBelow(dir string, read map[string]bool) (files []anchor) {
	entries, _ := e.root.ReadDir(dir) // a missing directory has no entries
	for _, entry := range entries {
		name := path.Join(dir, entry.Name())
		if entry.IsDir() {
			files = append(files, e.filesBelow(name, read)...)
			continue
		}
		info, err := fs.Stat(e.root, name)
		if err != nil || !info.Mode().IsRegular() || info.Size() > largestAnchor || read[name] {
			continue
		}
		if data, err := e.root.Content(name); err == nil {
			files = append(files, anchor{"/" + name, data})
		}
	}
	return files
}

// linkNamer returns a function that names links as update-ca-certificates does.
func linkNamer(prefix string) func(string) string {
	sanitise := strings.NewReplacer(" ", "_", "(", "=", ")", "=", ",", "_")
	return func(anchor string) string {
		return prefix + sanitise.Replace(strings.TrimSuffix(path.Base(anchor), ".crt")) + ".pem"
	}
}

// toAnchor reports whether target is in a directory of anchors, as in links that a tool
// makes.
func toAnchor(target string) bool {
	return strings.HasPrefix(target, "/"+sharedDir) || strings.HasPrefix(target, "/"+localDir)
}

// ourPrefix begins the names of files that this program made.
const ourPrefix = "certgraft-"

// isOurs reports whether this program named a file.
func isOurs(name string) bool { return strings.HasPrefix(path.Base(name), ourPrefix) }
