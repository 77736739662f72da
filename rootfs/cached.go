package rootfs

import (
	"io/fs"
	"path"
	"slices"
)

// cached remembers what was asked of a file system that does not change.
// Resolving a thousand links in one directory asks for its parents a thousand
// times; on a live root each time is a system call per path element.
type cached struct {
	fs.ReadLinkFS
	stats map[string]stated
	links map[string]string
	// leftovers are files that a killed process staged; listings hide them.
	leftovers []string
}

type stated struct {
	info fs.FileInfo
	err  error
}

func newCached(fsys fs.ReadLinkFS) *cached {
	return &cached{ReadLinkFS: fsys, stats: map[string]stated{}, links: map[string]string{}}
}

// Lstat implements [fs.ReadLinkFS].
func (c *cached) Lstat(name string) (fs.FileInfo, error) {
	s, ok := c.stats[name]
	if !ok {
		s.info, s.err = c.ReadLinkFS.Lstat(name)
		c.stats[name] = s
	}
	return s.info, s.err
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

// ReadDir implements [fs.ReadDirFS].
func (c *cached) ReadDir(name string) ([]fs.DirEntry, error) {
	entries, err := fs.ReadDir(c.ReadLinkFS, name)
	return slices.DeleteFunc(entries, func(e fs.DirEntry) bool {
		if !isStaged(e.Name()) {
			return false
		}
		if left := path.Join(name, e.Name()); !slices.Contains(c.leftovers, left) {
			c.leftovers = append(c.leftovers, left)
		}
		return true
	}), err
}

// ReadFile implements [fs.ReadFileFS].
func (c *cached) ReadFile(name string) ([]byte, error) { return fs.ReadFile(c.ReadLinkFS, name) }
