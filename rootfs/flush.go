package rootfs

import (
	"errors"
	"io/fs"
	"path"
	"slices"
	"syscall"

	"golang.org/x/sys/unix"
)

// flush brings what was staged to disk, before any name points to it.
func (c *committer) flush() error {
	if c.opt.NoSync {
		return nil
	}
	seen := map[uint64]bool{}
	for _, dir := range c.dirs() {
		info, err := c.Lstat(dir)
		if err != nil {
			return err
		}
		device := deviceOf(info)
		if seen[device] {
			continue
		}
		seen[device] = true
		c.devices++
		err = c.syncTree(dir)
		if errors.Is(err, syscall.ENOSYS) || errors.Is(err, syscall.ENOTSUP) {
			c.devices = 2 // or more: it is not known
			return c.syncEach()
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// syncEach syncs file by file, where the system cannot sync all at once.
func (c *committer) syncEach() error {
	names := c.dirs()
	for _, j := range c.work {
		if j.staged != "" && j.Mode.IsRegular() {
			names = append(names, j.staged)
		}
	}
	if c.journal != "" {
		names = append(names, c.journal)
	}
	for _, name := range names {
		if err := c.syncDir(name); err != nil {
			return err
		}
	}
	return nil
}

func deviceOf(info fs.FileInfo) uint64 {
	if st, ok := info.Sys().(*unix.Stat_t); ok {
		return uint64(st.Dev) //nolint:unconvert // its type differs by system
	}
	return 0
}

// dirs returns the directories that hold a changed name.
func (c *committer) dirs() []string {
	var dirs []string
	for _, j := range c.work {
		dir, _ := split(j.Name)
		dirs = append(dirs, dir)
		if j.staged != "" {
			dir, _ = split(j.staged)
			dirs = append(dirs, dir)
		}
	}
	for _, dir := range c.made {
		dirs = append(dirs, path.Dir(dir))
	}
	if c.journal != "" {
		dirs = append(dirs, path.Dir(c.journal))
	}
	slices.Sort(dirs)
	return slices.Compact(dirs)
}

// conclude makes what was switched last. From when the journal is gone nobody
// puts it back, so it must not be gone from the disk before all names are
// switched there: a file system keeps the order of what is done to it, two do
// not.
func (c *committer) conclude() error {
	dirs := c.dirs()
	switch {
	case c.opt.NoSync:
		return c.endJournal()
	case c.devices == 1 || c.journal == "":
		return errors.Join(c.endJournal(), c.syncDirs(dirs))
	}
	above := path.Dir(c.journal)
	if err := c.syncDirs(dirs); err != nil {
		return err
	}
	return errors.Join(c.endJournal(), c.syncDirs([]string{above}))
}

// syncDirs syncs the directories at the same time: one write of the file
// system's journal is enough for all.
func (c *committer) syncDirs(dirs []string) error {
	var work []func() error
	for _, dir := range dirs {
		above, _ := split(dir)
		_, err := c.handle(above)
		if gone(err) != nil {
			return err
		}
		if err == nil {
			work = append(work, func() error { return gone(c.syncDir(dir)) })
		}
	}
	return c.together(work...)
}
