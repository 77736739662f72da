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
	lists map[string][]fs.DirEntry
	files map[string][]byte // small ones: an anchor is read as itself, as its link and as its hash link
}

type stated struct {
	info fs.FileInfo
	err  error
}

func newCached(fsys fs.ReadLinkFS) *cached {
	return &cached{ReadLinkFS: fsys, stats: map[string]stated{}, links: map[string]string{}, lists: map[string][]fs.DirEntry{}, files: map[string][]byte{}}
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
// there: the commit sweeps them. What the listing says of each name is
// remembered too. The result is shared.
func (c *cached) ReadDir(name string) ([]fs.DirEntry, error) {
	if entries, ok := c.lists[name]; ok {
		return entries, nil
	}
	entries, err := fs.ReadDir(c.ReadLinkFS, name)
	entries = slices.DeleteFunc(entries, func(e fs.DirEntry) bool { return isStaged(e.Name()) })
	if err != nil {
		return entries, err
	}
	c.lists[name] = entries
	for _, e := range entries {
		if info, err := e.Info(); err == nil {
			c.stats[path.Join(name, e.Name())] = stated{info: info}
		}
	}
	return entries, nil
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

// keptFile is the size up to which contents are remembered.
const keptFile = 1 << 20

// ReadFile implements [fs.ReadFileFS]. The result is shared.
func (c *cached) ReadFile(name string) ([]byte, error) {
	if data, ok := c.files[name]; ok {
		return data, nil
	}
	data, err := fs.ReadFile(c.ReadLinkFS, name)
	data = slices.Clip(data)
	if err == nil && len(data) <= keptFile {
		c.files[name] = data
	}
	return data, err
}
