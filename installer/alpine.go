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

// alpine is the layout of Alpine, Wolfi and Chainguard. Their tool (update-ca.c)
// takes every file of the directory of local anchors, whatever its extension,
// and writes a line feed behind each. Images usually have only the package
// ca-certificates-bundle, which is the bundle without the tool; then there are
// no links either.
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
	return hasUpdateTool(root) || exists(root, caConf)
}

// flatAnchors returns the paths in the directory of local anchors that do not
// begin with a dot. The tool takes them as the directory has them, unsorted.
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

// localFiles lists the names in the directory of local anchors, those of
// directories too.
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

// alpineLinks returns the links that the tool leaves, hash links aside: one to
// each anchor, to directories among them too, and those that are not its own.
func alpineLinks(e *edit, before map[string]string, a *anchors) map[string]string {
	after := maps.Clone(before)
	maps.DeleteFunc(after, func(_, target string) bool { return toAnchor(target) })
	local, _ := flatAnchors(e.root) // it was read before
	linkName := linkNamer(alpinePrefix)
	for _, f := range a.files {
		after[linkName(f.path)] = f.path
	}
	for _, p := range slices.DeleteFunc(local, func(p string) bool { return leadsToFile(e.root, p[1:]) }) {
		after[linkName(p)] = p
	}
	return after
}
