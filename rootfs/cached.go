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

// ReadDir implements [fs.ReadDirFS]. Files that a killed process staged are not
// there: the commit sweeps them.
func (c *cached) ReadDir(name string) ([]fs.DirEntry, error) {
	entries, err := fs.ReadDir(c.ReadLinkFS, name)
	return slices.DeleteFunc(entries, func(e fs.DirEntry) bool { return isStaged(e.Name()) }), err
}

// visited returns the directories in which something was looked for.
func (c *cached) visited() []string {
	var dirs []string
	for name := range c.stats {
		dirs = append(dirs, path.Dir(name))
	}
	slices.Sort(dirs)
	return slices.Compact(dirs)
}

// ReadFile implements [fs.ReadFileFS].
func (c *cached) ReadFile(name string) ([]byte, error) { return fs.ReadFile(c.ReadLinkFS, name) }
