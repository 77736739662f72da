package readers

import (
	"io/fs"
	"path"
	"sort"
	"strings"

	"github.com/certgraft/certgraft/rootfs"
)

// globber finds names by patterns in a root. Most patterns have a directory in common
// with others: each is listed once, and each part of a pattern is matched once.
type globber struct {
	root    *rootfs.Overlay
	lists   map[string][]fs.DirEntry
	matched map[string][]string
}

func newGlobber(root *rootfs.Overlay) *globber {
	return &globber{root: root, lists: map[string][]fs.DirEntry{}, matched: map[string][]string{}}
}

const meta = `*?[\`

// glob returns the names that match a pattern of [path.Match].
func (g *globber) glob(pattern string) []string {
	names, known := g.matched[pattern]
	if !known {
		dirs, last := g.parents(pattern)
		for _, dir := range dirs {
			names = append(names, g.in(dir, last)...)
		}
		g.matched[pattern] = names
	}
	return names
}

// parents returns the directories in which a pattern may match, and the pattern for
// the names in them.
func (g *globber) parents(pattern string) (dirs []string, last string) {
	dir, last := path.Split(pattern)
	dir = path.Clean(dir)
	if strings.ContainsAny(dir, meta) {
		return g.glob(dir), last
	}
	return []string{dir}, last
}

// in returns the names in a directory that match a pattern for the last element.
func (g *globber) in(dir, pattern string) (names []string) {
	at := strings.IndexAny(pattern, meta)
	if at < 0 {
		if name := path.Join(dir, pattern); g.exists(name) {
			names = append(names, name)
		}
		return names
	}
	entries, prefix := g.list(dir), pattern[:at]
	first := sort.Search(len(entries), func(i int) bool { return entries[i].Name() >= prefix })
	for _, e := range entries[first:] {
		if !strings.HasPrefix(e.Name(), prefix) {
			break
		}
		if ok, err := path.Match(pattern, e.Name()); ok && err == nil {
			names = append(names, path.Join(dir, e.Name()))
		}
	}
	return names
}

func (g *globber) exists(name string) bool {
	_, err := g.root.Stat(name)
	return err == nil
}

// list returns what is in a directory, sorted by name; what cannot be listed holds
// nothing.
func (g *globber) list(dir string) []fs.DirEntry {
	real, err := g.root.Resolve(dir)
	if err != nil {
		return nil
	}
	entries, listed := g.lists[real]
	if !listed {
		entries, _ = g.root.ReadDir(real)
		g.lists[real] = entries
	}
	return entries
}
