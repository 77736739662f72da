package rootfs

import (
	"errors"
	"io/fs"
	"maps"
	"slices"
	"strings"
)

// cached caches a file system that does not change. Resolving a thousand links in one
// directory asks for its parents a thousand times. On a live root, each time costs a
// system call per path element.
type cached struct {
	fs.ReadLinkFS
	*memory
	stats map[string]stated
	asked map[string]int // number of names looked up in a directory
}

// memory is the cache that all readers share.
type memory struct {
	links map[string]string
	lists map[string][]fs.DirEntry
	files map[string][]byte // small files: an anchor is read by its name, its link and its hash link
	room  int               // bytes left for files
	stale []string          // staged files in the directories that were listed
}

type stated struct {
	info fs.FileInfo
	err  error
}

func newCached(fsys fs.ReadLinkFS) *cached {
	m := &memory{links: map[string]string{}, lists: map[string][]fs.DirEntry{}, files: map[string][]byte{}, room: keptFiles}
	return &cached{ReadLinkFS: fsys, memory: m, stats: map[string]stated{}, asked: map[string]int{}}
}

// aside returns the same file system and cache for a reader whose lookups
// [cached.leftBehind] must not report: no edit looks there.
func (c *cached) aside() *cached {
	return &cached{ReadLinkFS: c.ReadLinkFS, memory: c.memory, stats: map[string]stated{}}
}

// Lstat implements [fs.ReadLinkFS].
func (c *cached) Lstat(name string) (fs.FileInfo, error) {
	s, ok := c.stats[name]
	if !ok {
		if c.missing(name) {
			return nil, &fs.PathError{Op: "lstat", Path: name, Err: fs.ErrNotExist}
		}
		s.info, s.err = c.ReadLinkFS.Lstat(name)
		c.stats[name] = s
		c.listOften(name)
	}
	return s.info, s.err
}

// oftenAsked is the number of lookups in one directory after which the directory is
// listed. One more call then answers all later lookups.
const oftenAsked = 8

func (c *cached) listOften(name string) {
	if c.asked == nil {
		return // aside looks up a dozen names in directories of thousands
	}
	dir, _ := split(name)
	if c.asked[dir]++; c.asked[dir] == oftenAsked {
		_, _ = c.ReadDir(dir) // after an error, lookups go on name by name
	}
}

// missing reports whether earlier answers show that name does not exist. Half of all
// names that an edit looks up are new ones.
func (c *cached) missing(name string) bool {
	for {
		entry, listed := c.listed(name)
		switch {
		case listed:
			return entry == nil
		case name == ".":
			return false
		}
		name, _ = split(name)
		if s, asked := c.stats[name]; asked {
			return errors.Is(s.err, fs.ErrNotExist)
		}
	}
}

// listed returns the entry of name in the listing of its directory, if that was listed.
func (c *cached) listed(name string) (entry fs.DirEntry, listed bool) {
	dir, base := split(name)
	entries, listed := c.lists[dir]
	if !listed || name == "." {
		return nil, false
	}
	i, found := slices.BinarySearchFunc(entries, base, func(e fs.DirEntry, base string) int { return strings.Compare(e.Name(), base) })
	if !found {
		return nil, true
	}
	return entries[i], true
}

// ReadLink implements [fs.ReadLinkFS].
func (c *cached) ReadLink(name string) (string, error) {
	if target, ok := c.links[name]; ok {
		return target, nil
	}
	target, err := c.ReadLinkFS.ReadLink(name)
	if err == nil {
		c.links[name] = target
	}
	return target, err
}

// typeOf returns the type bits of name. If its directory was listed, this needs no
// system call.
func (c *cached) typeOf(name string) (fs.FileMode, error) {
	if s, ok := c.stats[name]; ok {
		return typeBits(s.info, s.err)
	}
	switch entry, listed := c.listed(name); {
	case !listed:
		return typeBits(c.Lstat(name))
	case entry == nil:
		return 0, fs.ErrNotExist
	default:
		return entry.Type(), nil
	}
}

func typeBits(info fs.FileInfo, err error) (fs.FileMode, error) {
	if err != nil {
		return 0, err
	}
	return info.Mode().Type(), nil
}

// ReadDir implements [fs.ReadDirFS]. It hides staged files of a killed process, which
// the commit sweeps. The result is sorted and shared.
func (c *cached) ReadDir(name string) ([]fs.DirEntry, error) {
	if entries, ok := c.lists[name]; ok {
		return entries, nil
	}
	entries, err := fs.ReadDir(c.ReadLinkFS, name)
	if err != nil {
		return entries, err
	}
	entries = slices.DeleteFunc(entries, func(e fs.DirEntry) bool {
		if isStaged(e.Name()) {
			c.stale = append(c.stale, inDir(name, e.Name()))
		}
		return isStaged(e.Name()) || isJournal(e.Name())
	})
	c.lists[name] = entries
	return entries, nil
}

// leftBehind returns the staged files in listed directories, and the directories with
// lookups that were not listed and may have more.
func (c *cached) leftBehind() (files, dirs []string) {
	unlisted := map[string]bool{}
	for name := range c.stats {
		dir, _ := split(name)
		unlisted[dir] = c.lists[dir] == nil && !c.gone(dir)
	}
	maps.DeleteFunc(unlisted, func(_ string, is bool) bool { return !is })
	return c.stale, slices.Sorted(maps.Keys(unlisted))
}

// gone reports whether a directory, or one above it, is known to be missing.
func (c *cached) gone(dir string) bool {
	return errors.Is(c.stats[dir].err, fs.ErrNotExist) || c.missing(dir)
}

// keptFile and keptFiles limit the cached content of one file, and of all files.
const (
	keptFile  = 1 << 20
	keptFiles = 128 << 20
)

// ReadFile implements [fs.ReadFileFS]. The result is shared.
func (c *cached) ReadFile(name string) ([]byte, error) {
	if data, ok := c.files[name]; ok {
		return data, nil
	}
	if _, checks := c.ReadLinkFS.(*tree); !checks {
		if info, err := c.Lstat(name); err == nil && info.Size() > maxFile {
			return nil, &fs.PathError{Op: "read", Path: name, Err: errTooLarge}
		}
	}
	data, err := fs.ReadFile(c.ReadLinkFS, name)
	data = slices.Clip(data)
	if err == nil && len(data) <= min(keptFile, c.room) {
		c.room -= len(data)
		c.files[name] = data
	}
	return data, err
}
