package installer

import (
	"cmp"
	"io/fs"
	"path"
	"slices"
	"strings"

	"github.com/certgraft/certgraft/certs"
)

// Stay is a certificate that was to be taken out and is still in the root.
type Stay struct {
	Fingerprint string `json:"fingerprint"`
	Subject     string `json:"subject"`
	Because     string `json:"because"` // what explains it
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
	slices.SortFunc(e.report.Stays, func(a, b Stay) int { return cmp.Compare(a.Fingerprint, b.Fingerprint) })
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
				if c, err := openEDK2(e, "", "", data); err == nil {
					for c := range c.held().All() {
						note(c, name)
					}
				}
			}
		default:
			for c := range e.bundleHolds(name).All() {
				note(c, name)
			}
		}
	}
	for _, name := range keystores {
		for c := range e.keystoreHolds(name).All() {
			note(c, name)
		}
	}
	for _, dir := range e.hashDirs() {
		files, err := filesIn(e.root, dir, func(f fs.DirEntry) bool {
			return isHash(f.Name()) || path.Ext(f.Name()) == ".pem" || path.Ext(f.Name()) == ".crt"
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
