package installer

import (
	"errors"
	"io/fs"
	"path"
	"slices"
	"strings"

	"github.com/certgraft/certgraft/rootfs"
)

// linkChanges are the links in /etc/ssl/certs that came and went, for the hooks
// of update.d, which get them on standard input.
type linkChanges struct{ added, removed []string }

// linkName returns the name that update-ca-certificates gives to the link to
// an anchor.
func linkName(anchor string) string {
	base := strings.TrimSuffix(path.Base(anchor), ".crt")
	return strings.NewReplacer(" ", "_", "(", "=", ")", "=", ",", "_").Replace(base) + ".pem"
}

// regenerate leaves /etc/ssl/certs as update-ca-certificates --fresh would, and
// returns the number of certificates in the bundle. The script's steps, in its
// order: take away the links to anchors and those that lead nowhere, link every
// anchor, hash the directory, write the bundle.
func (e *edit) regenerate() (int, error) {
	d, err := readDebian(e.root)
	if err != nil {
		return 0, err
	}
	before, err := readLinks(e.root)
	if err != nil {
		return 0, err
	}
	after := map[string]string{}
	for name, target := range before {
		if !isAnchorLink(target) && leadsToFile(e.root, path.Join(debianCerts, name)) && !e.passesAnchor(before, name) {
			after[name] = target
		}
	}
	for _, name := range d.files {
		after[linkName(name)] = "/" + name
	}
	if err := e.applyLinks(before, after); err != nil {
		return 0, err
	}
	total, err := e.writeBundle(d)
	if err != nil {
		return 0, err
	}
	// The bundle comes first: with a single certificate in it, it is a file
	// that the next run of the tool will hash.
	return total, e.rehash()
}

// writeBundle writes the bundle that the tool would: none, if there is nothing
// to put into it. One that this program started is then taken away.
func (e *edit) writeBundle(d *debian) (int, error) {
	recorded := e.record.store(debianStore{}.name())
	data := d.concatenated()
	switch {
	case len(data) == 0 && slices.Contains(recorded.Created, debianBundle):
		return 0, e.removeCreated(debianStore{}.name())
	case len(data) == 0:
		return 0, nil
	case d.bundle == nil:
		recorded.create(debianBundle)
	}
	return readPEM(data).certificates().Len(), e.root.WriteFile(debianBundle, data, 0o644)
}

// isAnchorLink reports whether the tool made a link with that target.
func isAnchorLink(target string) bool {
	return strings.HasPrefix(target, "/"+debianShared) || strings.HasPrefix(target, "/"+debianLocal)
}

// passesAnchor reports whether the link leads through a link to an anchor: a
// hash link does, and goes when the other is taken away.
func (e *edit) passesAnchor(links map[string]string, name string) bool {
	for range len(links) {
		target := links[name]
		if isAnchorLink(target) {
			return true
		}
		if strings.Contains(target, "/") || links[target] == "" {
			return false
		}
		name = target
	}
	return true // a circle
}

func leadsToFile(root fs.FS, name string) bool {
	info, err := fs.Stat(root, name)
	return err == nil && info.Mode().IsRegular()
}

// readLinks returns the links in /etc/ssl/certs and where they lead.
func readLinks(root *rootfs.Overlay) (map[string]string, error) {
	links := map[string]string{}
	entries, err := root.ReadDir(debianCerts)
	if errors.Is(err, fs.ErrNotExist) {
		return links, nil
	}
	if err != nil {
		return nil, err
	}
	for _, entry := range entries {
		if entry.Type()&fs.ModeSymlink == 0 {
			continue
		}
		target, err := root.ReadLink(path.Join(debianCerts, entry.Name()))
		if err != nil {
			return nil, err
		}
		links[entry.Name()] = target
	}
	return links, nil
}

// applyLinks makes the links of /etc/ssl/certs those in after.
func (e *edit) applyLinks(before, after map[string]string) error {
	for _, name := range sortedKeys(before) {
		if _, stays := after[name]; !stays {
			if err := e.root.Remove(path.Join(debianCerts, name)); err != nil {
				return err
			}
			if !isHashName(name) {
				e.report.links.removed = append(e.report.links.removed, "/"+path.Join(debianCerts, name))
			}
		}
	}
	for _, name := range sortedKeys(after) {
		if before[name] == after[name] {
			continue
		}
		if err := e.root.Symlink(after[name], path.Join(debianCerts, name)); err != nil {
			return err
		}
		e.report.links.added = append(e.report.links.added, "/"+path.Join(debianCerts, name))
	}
	return nil
}

func sortedKeys(m map[string]string) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}
