package installer

import (
	"errors"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strings"

	"github.com/certgraft/certgraft/rootfs"
)

// debian is the layout of Debian's ca-certificates, which Ubuntu, Gentoo and
// Void use too: a .pem link to each anchor, hash links to those.
var debian = anchorStore{
	id:       "debian",
	reads:    "it takes names that end in .crt",
	local:    findAnchors,
	linkName: linkNamer(""),
	refresh:  freshLinks,
	links:    func(*rootfs.Overlay) bool { return true },
	each:     endLine,
}

// findAnchors returns the paths of the files below the directory of local
// anchors whose names end in .crt, links followed, sorted:
// find -L DIR -type f -name '*.crt' | sort.
func findAnchors(root *rootfs.Overlay) ([]string, error) {
	var found []string
	err := walkAnchors(root, localDir, nil, func(name string) { found = append(found, "/"+name) })
	slices.Sort(found)
	return found, err
}

// walkAnchors calls visit for each anchor below dir. A link back to one of the
// directories above, named by their real paths, is passed over.
func walkAnchors(root *rootfs.Overlay, dir string, above []string, visit func(string)) error {
	real, err := root.Resolve(dir)
	if err != nil || slices.Contains(above, real) {
		return err
	}
	entries, err := root.ReadDir(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("read the directory of anchors: %w", err)
	}
	for _, entry := range entries {
		name := path.Join(dir, entry.Name())
		info, err := root.Stat(name)
		switch {
		case err != nil: // a link that leads nowhere, or in a circle
		case info.IsDir():
			if err := walkAnchors(root, name, append(slices.Clip(above), real), visit); err != nil {
				return err
			}
		case info.Mode().IsRegular() && strings.HasSuffix(name, ".crt"):
			visit(name)
		}
	}
	return nil
}

// endLine is sed '$a\': a line feed behind the last line if it has none.
func endLine(data []byte) []byte {
	if n := len(data); n == 0 || data[n-1] == '\n' {
		return data
	}
	return append(slices.Clip(data), '\n')
}

// freshLinks returns the links that update-ca-certificates --fresh leaves, hash
// links aside. The script's steps in its order: links to anchors go, then links
// that do not lead to a file, then those of deselected anchors; each anchor is
// linked.
func freshLinks(e *edit, before map[string]string, a *anchors) map[string]string {
	after := map[string]string{}
	for name, target := range before {
		if !passesAnchor(before, name) && leadsToFile(e.root, behind(name, before)) {
			after[name] = target
		}
	}
	for _, line := range a.deselected {
		delete(after, strings.TrimSuffix(path.Base(line), ".crt")+".pem")
	}
	linkName := linkNamer("")
	for _, f := range a.files {
		after[linkName(f.path)] = f.path
	}
	return after
}

// passesAnchor reports whether a link leads to an anchor, or through a link to
// one: a hash link does.
func passesAnchor(links map[string]string, name string) bool {
	for range len(links) {
		target := links[name]
		if toAnchor(target) {
			return true
		}
		if path.Dir(target) == "/"+certDir || !path.IsAbs(target) && path.Base(target) == path.Clean(target) {
			name = path.Base(target)
		}
		if links[name] == "" {
			return false
		}
	}
	return true // a circle
}
