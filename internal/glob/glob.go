// Package glob finds names in a root by patterns.
//
// Start with [New], and [Tree.Match]. A pattern is a pattern of [path.Match]. It
// may begin with {home}, which stands for every home directory.
//
// The API may change before version 1.0.
package glob

import (
	"io/fs"
	"path"
	"sort"
	"strings"

	"github.com/certgraft/certgraft/rootfs"
)

// Tree is a root to search for names. Patterns often share directories, so Tree
// lists each directory once and matches each part of a pattern once.
type Tree struct {
	root    *rootfs.Overlay
	lists   map[string][]fs.DirEntry
	matched map[string][]string
}

// New returns the tree of a root, in the state of the first search.
func New(root *rootfs.Overlay) *Tree {
	return &Tree{root: root, lists: map[string][]fs.DirEntry{}, matched: map[string][]string{}}
}

const meta = `*?[\`

// HasMeta reports whether a name is a pattern.
func HasMeta(name string) bool { return strings.ContainsAny(name, meta) }

// Match returns the names that match any of the patterns, in the order of the patterns.
func (t *Tree) Match(patterns ...string) (names []string) {
	for _, p := range patterns {
		each := []string{p}
		if rest, ok := strings.CutPrefix(p, "{home}"); ok {
			each = []string{"root" + rest, "home/*" + rest}
		}
		for _, p := range each {
			names = append(names, t.match(p)...)
		}
	}
	return names
}

// match returns the names that match one pattern of [path.Match].
func (t *Tree) match(pattern string) []string {
	names, known := t.matched[pattern]
	if !known {
		dirs, last := t.parents(pattern)
		for _, dir := range dirs {
			names = append(names, t.In(dir, last)...)
		}
		t.matched[pattern] = names
	}
	return names
}

// parents returns the directories in which a pattern may match, and its last
// element.
func (t *Tree) parents(pattern string) (dirs []string, last string) {
	dir, last := path.Split(pattern)
	dir = path.Clean(dir)
	if HasMeta(dir) {
		return t.match(dir), last
	}
	return []string{dir}, last
}

// In returns the names in a directory that match a pattern of one element.
func (t *Tree) In(dir, pattern string) (names []string) {
	at := strings.IndexAny(pattern, meta)
	if at < 0 {
		if name := path.Join(dir, pattern); t.Exists(name) {
			names = append(names, name)
		}
		return names
	}
	entries, prefix := t.List(dir), pattern[:at]
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

// Exists reports whether a name exists, with links followed.
func (t *Tree) Exists(name string) bool {
	_, err := t.root.Stat(name)
	return err == nil
}

// List returns the entries of a directory, sorted by name. A directory that cannot
// be listed gives none.
func (t *Tree) List(dir string) []fs.DirEntry {
	real, err := t.root.Resolve(dir)
	if err != nil {
		return nil
	}
	entries, listed := t.lists[real]
	if !listed {
		entries, _ = t.root.ReadDir(real)
		t.lists[real] = entries
	}
	return entries
}

// Enter resolves a name, and adds the result to seen. ok is false if the name does
// not exist, or if another name already led to the same file.
func (t *Tree) Enter(seen map[string]bool, name string) (real string, ok bool) {
	real, err := t.root.Resolve(name)
	if err != nil || seen[real] || !t.Exists(real) {
		return "", false
	}
	seen[real] = true
	return real, true
}
