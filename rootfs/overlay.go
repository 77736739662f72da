// Package rootfs edits the root file system of a Linux machine or container, with the
// same code for both.
//
// Start with [Update]: it runs an edit on an [Overlay] of a directory and then commits
// all changes or none. [Options] can make it a dry run, or write only the changes into
// another directory.
//
// An Overlay stacks pending changes on any read-only [fs.ReadLinkFS]: the tree behind
// an [os.Root], a squashed container image, or an in-memory tree in a test. Reads see
// the changes; the lower file system never does. The result of an edit is the upper
// half, [Overlay.Changes]. A commit writes it to the directory, and package image turns
// it into a layer.
//
// Names are resolved as chroot(2) would: an absolute link starts again at the root, and
// ".." stops there. [os.Root] refuses absolute links, even those that stay inside, and
// a certificate directory is full of them. So this package resolves links itself, and
// passes os.Root only names without links.
//
// The API may change before version 1.0.
package rootfs

import (
	"bytes"
	"errors"
	"io/fs"
	"iter"
	"maps"
	"path"
	"slices"
	"syscall"
)

// A Change is the new state of one name.
type Change struct {
	Name    string      // slash-separated, unrooted and free of links, as in io/fs
	Removed bool        // the name is removed; Mode, Data and Target are then unset
	Mode    fs.FileMode // type and permission bits
	Data    []byte      // contents, of a regular file
	Target  string      // destination, of a symbolic link
	Prior   fs.FileInfo // the entry of the lower file system at Name, or nil
	Owner   *Owner      // of a file, if it differs from that of Prior or of the process
}

// Overlay is a file system with pending changes. It is not safe for concurrent use: an
// edit is one sequence of steps.
type Overlay struct {
	lower *cached
	upper map[string]Change
	// children has the names in upper, by directory.
	children map[string]map[string]bool
	covers   bool              // a directory of lower was removed
	dirs     map[string]string // the real paths of visited directories
	via      map[string]bool   // the links on the way to these

	elsewhere bool // the changes go to another place than lower
}

// NewOverlay returns an overlay without changes. The lower file system must not change
// while the overlay is in use, because the overlay caches its content.
func NewOverlay(lower fs.ReadLinkFS) *Overlay {
	return &Overlay{lower: newCached(lower), upper: map[string]Change{}, children: map[string]map[string]bool{}, dirs: map[string]string{}, via: map[string]bool{}}
}

// Aside returns the overlay for a reader that edits nothing. A commit sweeps the staged
// files of a killed process from directories that the edit looked into, but not from
// directories that only this reader looked into.
func (o *Overlay) Aside() *Overlay {
	aside := *o
	aside.lower = o.lower.aside()
	return &aside
}

// WriteFile makes name a regular file with data. It follows links and makes missing
// parents. An existing file keeps its permission bits and its owner. The data is not
// copied.
func (o *Overlay) WriteFile(name string, data []byte, perm fs.FileMode) error {
	real, err := o.resolve("write", name, true)
	if err != nil {
		return err
	}
	mode := perm.Perm()
	switch info, err := o.lstat(real); {
	case err == nil && info.IsDir():
		return pathError("write", name, syscall.EISDIR)
	case err == nil && !info.Mode().IsRegular():
		return pathError("write", name, errNotRegular)
	case err == nil:
		mode = info.Mode() &^ fs.ModeType
	case !errors.Is(err, fs.ErrNotExist):
		return err
	}
	return o.set("write", Change{Name: real, Mode: mode, Data: data, Owner: o.upper[real].Owner})
}

// Symlink makes name a symbolic link to target, in place of a file or link.
func (o *Overlay) Symlink(target, name string) error {
	real, err := o.resolve("symlink", name, false)
	if err != nil {
		return err
	}
	kind, err := o.typeOf(real)
	switch {
	case err == nil && kind.IsDir():
		return pathError("symlink", name, syscall.EISDIR)
	case err == nil && kind&fs.ModeSymlink != 0:
		if old, err := o.readLink(real); err == nil && old == target {
			return nil
		}
	}
	return o.set("symlink", Change{Name: real, Mode: fs.ModeSymlink | 0o777, Target: target})
}

// Remove removes the file, link or empty directory at name. A missing name is no error.
func (o *Overlay) Remove(name string) error {
	real, err := o.resolve("remove", name, false)
	if err != nil {
		return err
	}
	info, err := o.lstat(real)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	if info.IsDir() {
		entries, err := o.readDir(real)
		if err != nil {
			return err
		}
		if len(entries) > 0 || real == "." {
			return pathError("remove", name, syscall.ENOTEMPTY)
		}
	}
	o.put(Change{Name: real, Removed: true})
	return nil
}

// MkdirAll makes name a directory, with missing parents.
func (o *Overlay) MkdirAll(name string, perm fs.FileMode) error {
	real, err := o.resolve("mkdir", name, true)
	if err != nil {
		return err
	}
	return o.mkdirAll(real, perm)
}

// Changes yields every effective change, sorted by name. Writing the content that a
// file already has is no change.
func (o *Overlay) Changes() iter.Seq[Change] {
	return func(yield func(Change) bool) {
		for _, name := range slices.Sorted(maps.Keys(o.upper)) {
			if c := o.upper[name]; !o.same(c) && !yield(c) {
				return
			}
		}
	}
}

func (o *Overlay) set(op string, c Change) error {
	dir, _ := split(c.Name)
	if err := o.mkdirAll(dir, 0o755); err != nil {
		return err
	}
	if c.Name == "." {
		return pathError(op, "/", syscall.EISDIR)
	}
	o.put(c)
	return nil
}

func (o *Overlay) put(c Change) {
	if before, err := o.typeOf(c.Name); o.via[c.Name] || err == nil && before.IsDir() {
		clear(o.dirs)
		clear(o.via)
	}
	if !o.hidden(c.Name) {
		c.Prior, _ = o.lower.Lstat(c.Name)
	}
	o.upper[c.Name] = c
	o.covers = o.covers || c.Removed && c.Prior != nil && c.Prior.IsDir()
	dir, base := split(c.Name)
	if o.children[dir] == nil {
		o.children[dir] = map[string]bool{}
	}
	o.children[dir][base] = true
}

func (o *Overlay) mkdirAll(name string, perm fs.FileMode) error {
	kind, err := o.typeOf(name)
	switch {
	case err == nil && kind.IsDir():
		return nil
	case err == nil:
		return pathError("mkdir", name, syscall.ENOTDIR)
	case !errors.Is(err, fs.ErrNotExist):
		return err
	}
	return o.set("mkdir", Change{Name: name, Mode: fs.ModeDir | perm.Perm()})
}

func (o *Overlay) same(c Change) bool {
	switch {
	case c.Prior == nil:
		return c.Removed
	case c.Removed, c.Prior.Mode().Type() != c.Mode.Type():
		return false
	case c.Mode&fs.ModeSymlink != 0:
		target, err := o.lower.ReadLink(c.Name)
		return err == nil && target == c.Target
	case c.Mode.IsDir():
		return true
	case c.Prior.Size() != int64(len(c.Data)):
		return false
	}
	data, err := fs.ReadFile(o.lower, c.Name)
	return err == nil && bytes.Equal(data, c.Data)
}

func (o *Overlay) lstat(name string) (fs.FileInfo, error) {
	c, ok := o.upper[name]
	switch {
	case ok && c.Removed:
		return nil, pathError("lstat", name, fs.ErrNotExist)
	case ok:
		return info{c}, nil
	case o.hidden(name):
		return nil, pathError("lstat", name, fs.ErrNotExist)
	}
	return o.lower.Lstat(name)
}

// typeOf returns the type bits of name.
func (o *Overlay) typeOf(name string) (fs.FileMode, error) {
	c, ok := o.upper[name]
	switch {
	case ok && c.Removed, !ok && o.hidden(name):
		return 0, fs.ErrNotExist
	case ok:
		return c.Mode.Type(), nil
	}
	return o.lower.typeOf(name)
}

// hidden reports whether a directory above name was removed or replaced, which hides
// the lower file system's entry at name.
func (o *Overlay) hidden(name string) bool {
	if !o.covers {
		return false
	}
	for dir := path.Dir(name); dir != "."; dir = path.Dir(dir) {
		if c, ok := o.upper[dir]; ok && (c.Removed || c.Prior == nil || !c.Prior.IsDir()) {
			return true
		}
	}
	return false
}

func (o *Overlay) readLink(name string) (string, error) {
	if c, ok := o.upper[name]; ok {
		return c.Target, nil
	}
	return o.lower.ReadLink(name)
}

func (o *Overlay) readDir(name string) ([]fs.DirEntry, error) {
	var below []fs.DirEntry
	c, replaced := o.upper[name]
	if !replaced && !o.hidden(name) || replaced && c.Prior != nil && c.Prior.IsDir() {
		var err error
		if below, err = o.lower.ReadDir(name); err != nil {
			return nil, err
		}
	}
	if len(o.children[name]) == 0 {
		return slices.Clone(below), nil
	}
	entries := make([]fs.DirEntry, 0, len(below)+len(o.children[name]))
	for _, base := range slices.Sorted(maps.Keys(o.children[name])) {
		for len(below) > 0 && below[0].Name() <= base {
			if below[0].Name() < base {
				entries = append(entries, below[0])
			}
			below = below[1:]
		}
		if c := o.upper[inDir(name, base)]; !c.Removed {
			entries = append(entries, fs.FileInfoToDirEntry(info{c}))
		}
	}
	return append(entries, below...), nil
}
