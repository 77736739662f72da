package installer

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"path"
	"slices"
	"strings"

	"github.com/certgraft/certgraft/rootfs"
)

// debian is the layout of Debian's ca-certificates, also in Ubuntu, Gentoo and Void: a
// .pem link to each anchor, and hash links to these links.
var debian = anchorStore{
	id:       "debian",
	reads:    "it takes names that end in .crt",
	local:    findAnchors,
	linkName: linkNamer(""),
	refresh:  freshLinks,
	links:    func(*rootfs.Overlay) bool { return true },
	each:     endLine,
}

// findAnchors returns the files below the directory of local anchors whose names end in
// .crt, also through links, sorted: find -L DIR -type f -name '*.crt' | sort.
func findAnchors(root *rootfs.Overlay) ([]string, error) {
	var found []string
	err := walkAnchors(root, localDir, nil, func(name string) { found = append(found, "/"+name) })
	slices.Sort(found)
	return found, err
}

// walkAnchors calls visit for each anchor below dir. It skips a link back to one of the
// directories above, given by their real paths.
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

// endLine is sed '$a\': it adds a line feed to a last line that has none.
func endLine(data []byte) []byte {
	if n := len(data); n == 0 || data[n-1] == '\n' {
		return data
	}
	return append(slices.Clip(data), '\n')
}

// freshLinks returns the links that update-ca-certificates --fresh leaves, without hash
// links. It follows the script: remove links to anchors, then links that lead to no
// file, then links of deselected anchors; then link each anchor.
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

// passesAnchor reports whether a link leads to an anchor, or through a link to one, as
// a hash link does.
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

// alpine is the layout of Alpine, Wolfi and Chainguard. Their tool (update-ca.c) takes
// every file of the directory of local anchors, with any extension, and writes a line
// feed behind each. Most images only have the package ca-certificates-bundle, which is
// the bundle without the tool: then they have no links either.
var alpine = anchorStore{
	id:       "alpine",
	reads:    "it takes what is in /usr/local/share/ca-certificates itself and begins with no dot",
	local:    flatAnchors,
	linkName: linkNamer(alpinePrefix),
	refresh:  alpineLinks,
	anew:     true,
	links:    hasAlpineTool,
	each:     func(data []byte) []byte { return append(slices.Clip(data), '\n') },
	style:    alpineStyle,
	wide:     true,
}

// hasAlpineTool reports whether the package ca-certificates is installed.
func hasAlpineTool(root *rootfs.Overlay) bool {
	return HasUpdateTool(root) || exists(root, caConf)
}

// flatAnchors returns the paths in the directory of local anchors whose names do not
// begin with a dot. The tool takes them in the order of the directory, unsorted.
func flatAnchors(root *rootfs.Overlay) ([]string, error) {
	entries, err := localFiles(root)
	var found []string
	for _, entry := range entries {
		if !strings.HasPrefix(entry.Name(), ".") {
			found = append(found, "/"+path.Join(localDir, entry.Name()))
		}
	}
	return found, err
}

// localFiles lists the files and directories in the directory of local anchors.
func localFiles(root *rootfs.Overlay) ([]fs.DirEntry, error) {
	entries, err := root.ReadDir(localDir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read the directory of anchors: %w", err)
	}
	return entries, nil
}

// alpineLinks returns the links that the tool leaves, without hash links: one to each
// anchor, also to directories beside the anchors, and links that the tool did not make.
func alpineLinks(e *edit, before map[string]string, a *anchors) map[string]string {
	after := maps.Clone(before)
	maps.DeleteFunc(after, func(_, target string) bool { return toAnchor(target) })
	local, _ := flatAnchors(e.root) // readAnchors has read it
	linkName := linkNamer(alpinePrefix)
	for _, f := range a.files {
		after[linkName(f.path)] = f.path
	}
	for _, p := range slices.DeleteFunc(local, func(p string) bool { return leadsToFile(e.root, p[1:]) }) {
		after[linkName(p)] = p
	}
	return after
}
