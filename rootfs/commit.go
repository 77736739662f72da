package rootfs

import (
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"

	"golang.org/x/sys/unix"
)

// A commit has two phases. First everything new is staged: directories are
// made, files and links are written under names that no reader looks at. Then
// all of it goes to disk, the names are switched by rename(2), one each, links
// are made where nothing was, and the directories are synced. A failure in the first phase takes the staged
// files away again; one in the second puts the old files back. A process that
// is killed leaves each name old or new; what it staged is swept by the next.

// Staged files are named .certgraft-*.tmp.
const (
	stagedPrefix = ".certgraft-"
	stagedSuffix = ".tmp"
)

func isStaged(base string) bool {
	return strings.HasPrefix(base, stagedPrefix) && strings.HasSuffix(base, stagedSuffix)
}

type committer struct {
	disk
	dir     string // for messages
	opt     Options
	result  *Result
	overlay *Overlay // what the edit looked at

	token string          // in the names of staged files, which are
	names int             // numbered
	made  []string        // directories, in the order they were made
	going map[string]bool // directories that are to be removed
	work  []*job
}

// job is the change of one name.
type job struct {
	Change
	staged string // where the new file or link is, until it is renamed
	attrs  attrs  // what it is to have
	backup string // a hard link to the old file, "" if none could be made
	old    []byte // contents of the old file, where there is no backup
	target string // of the old link
	done   bool
}

func (c *committer) commit(changes []Change) error {
	if c.result.locked { // else they may be those of a process that runs now
		c.sweep()
	}
	if len(changes) == 0 {
		return nil
	}
	err := c.stage(changes)
	if err == nil {
		err = c.flush()
	}
	if err == nil {
		err = c.apply()
	}
	if err == nil {
		c.finish()
		return nil
	}
	err = explain(c.dir, err)
	if undone := c.rollback(); undone != nil {
		err = fmt.Errorf("%w; putting back what had been changed: %w", err, undone)
	}
	return err
}

// sweep takes away what a process that was killed had staged. That it did so
// in a directory that this edit never looks into takes another edit; those
// files are in nobody's way.
func (c *committer) sweep() {
	files, dirs := c.overlay.lower.leftBehind()
	for _, dir := range dirs {
		f, err := c.openDir(dir)
		if err != nil {
			continue // not there, or no directory
		}
		names, _ := f.Readdirnames(-1) // as many as can be read
		_ = f.Close()
		for _, base := range names {
			if isStaged(base) {
				files = append(files, path.Join(dir, base))
			}
		}
	}
	for _, name := range files {
		if err := c.remove(name); err != nil && !errors.Is(err, fs.ErrNotExist) {
			c.result.Warnings = append(c.result.Warnings, fmt.Sprintf("a file that an interrupted run left behind stays: %v", explain(c.dir, err)))
		}
	}
}

// stage makes everything new, in names that are not read.
func (c *committer) stage(changes []Change) error {
	c.going = map[string]bool{}
	for _, ch := range changes {
		c.going[ch.Name] = ch.Removed
	}
	for _, ch := range changes {
		j := &job{Change: ch}
		if ch.Mode.IsDir() && !ch.Removed {
			if err := c.makeDir(j); err != nil {
				return err
			}
			continue
		}
		c.work = append(c.work, j)
		if err := c.keep(j); err != nil {
			return err
		}
		if err := c.prepare(j); err != nil {
			return err
		}
	}
	return c.each(c.stageOne)
}

// prepare finds out all that staging takes, so that it can be done at the same
// time as that of others.
func (c *committer) prepare(j *job) error {
	if j.Removed {
		return nil
	}
	j.attrs = c.attrsOf(j.Change)
	dir, _ := split(j.Name)
	if _, err := c.handle(dir); err != nil || j.atOnce() {
		return err
	}
	j.staged = c.stagingName(j.Name)
	dir, _ = split(j.staged)
	_, err := c.handle(dir)
	return err
}

// atOnce reports whether the change is a link where nothing is: symlink(2) makes
// it whole, so that it need not be staged.
func (j *job) atOnce() bool { return j.Mode&fs.ModeSymlink != 0 && j.Prior == nil }

// each does something with files on one processor and with links on another:
// they are equally many where there are many, and in different directories, and
// nothing in a commit takes longer.
func (c *committer) each(do func(*job) error) error {
	isFile := func(j *job) bool { return j.Mode.IsRegular() }
	isLink := func(j *job) bool { return !isFile(j) }
	return together(func() error { return c.eachOf(isFile, do) }, func() error { return c.eachOf(isLink, do) })
}

// together does several things at the same time. All have ended when it returns
// their errors, or panics as one of them did.
func together(work ...func() error) error {
	errs, panics := make([]error, len(work)), make([]any, len(work))
	var wg sync.WaitGroup
	for i, do := range work {
		wg.Go(func() {
			defer func() { panics[i] = recover() }()
			errs[i] = do()
		})
	}
	wg.Wait()
	for _, p := range panics {
		if p != nil {
			panic(p)
		}
	}
	return errors.Join(errs...)
}

func (c *committer) eachOf(which func(*job) bool, do func(*job) error) error {
	for _, j := range c.work {
		if j.Removed || !which(j) {
			continue
		}
		if err := do(j); err != nil {
			return err
		}
	}
	return nil
}

func (c *committer) makeDir(j *job) error {
	if j.Prior != nil { // a file or link is in its place
		return &fs.PathError{Op: "mkdir", Path: j.Name, Err: syscall.ENOTDIR}
	}
	if err := c.mkdir(j.Name, j.Mode); err != nil {
		return err
	}
	c.made = append(c.made, j.Name)
	return nil
}

// keep sees to it that the old file can be put back.
func (c *committer) keep(j *job) error {
	switch {
	case j.Prior == nil || j.Prior.IsDir():
		return nil
	case j.Prior.Mode()&fs.ModeSymlink != 0:
		var err error
		j.target, err = c.ReadLink(j.Name)
		return err
	}
	backup := c.stagingName(j.Name)
	if err := c.link(j.Name, backup); err == nil {
		j.backup = backup
		return nil
	}
	var err error // a mount point, or a file system without hard links
	j.old, err = c.ReadFile(j.Name)
	return err
}

func (c *committer) stageOne(j *job) error {
	switch {
	case j.atOnce():
		return nil
	case j.Mode&fs.ModeSymlink != 0:
		return c.symlink(j.Target, j.staged, j.attrs)
	}
	return c.create(j.staged, j.Data, j.attrs)
}

// stagingName returns an unused name in the directory of name, or above it
// where every file of the directory is read, or the directory itself goes.
func (c *committer) stagingName(name string) string {
	dir := path.Dir(name)
	for dir != "." && (c.going[dir] || c.opt.Unread != nil && c.opt.Unread(dir)) {
		dir = path.Dir(dir)
	}
	if c.token == "" {
		c.token = rand.Text()[:16] // nobody can guess the names of this commit
	}
	c.names++
	return inDir(dir, stagedPrefix+c.token+"-"+strconv.Itoa(c.names)+stagedSuffix)
}

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
		err = c.syncTree(dir)
		if errors.Is(err, syscall.ENOSYS) || errors.Is(err, syscall.ENOTSUP) {
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
	for _, j := range c.work {
		if j.staged == "" || !j.Mode.IsRegular() {
			continue
		}
		if err := c.syncDir(j.staged); err != nil {
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
	slices.Sort(dirs)
	return slices.Compact(dirs)
}

// apply switches the names: first what is new, then, deepest first, what goes.
func (c *committer) apply() error {
	if err := c.each(c.switchName); err != nil {
		return err
	}
	for _, j := range slices.Backward(c.work) {
		if j.Removed {
			if err := c.remove(j.Name); err != nil {
				return err
			}
			j.done = true
		}
	}
	if c.opt.NoSync {
		return nil
	}
	return c.syncDirs()
}

// syncDirs syncs the directories at the same time: one write of the file
// system's journal is enough for all.
func (c *committer) syncDirs() error {
	var work []func() error
	for _, dir := range c.dirs() {
		above, _ := split(dir)
		_, err := c.handle(above)
		if gone(err) != nil {
			return err
		}
		if err == nil {
			work = append(work, func() error { return gone(c.syncDir(dir)) })
		}
	}
	return together(work...)
}

func (c *committer) switchName(j *job) error {
	if j.atOnce() {
		err := c.symlink(j.Target, j.Name, j.attrs)
		j.done = err == nil
		return err
	}
	err := c.rename(j.staged, j.Name)
	if errors.Is(err, syscall.EBUSY) && j.Mode.IsRegular() {
		err = c.writeInPlace(j)
	}
	if err != nil {
		return err
	}
	j.done = true
	return nil
}

// writeInPlace is the way for a file that is a mount point, as container
// engines bind /etc/resolv.conf and users their bundle: it cannot be replaced.
func (c *committer) writeInPlace(j *job) error {
	old, err := c.ReadFile(j.Name)
	if err != nil {
		return err
	}
	j.old = old
	if err := c.overwrite(j.Name, old, j.Data); err != nil {
		return errors.Join(err, c.overwrite(j.Name, nil, old))
	}
	c.result.InPlace = append(c.result.InPlace, j.Name)
	return c.remove(j.staged)
}

// finish takes the backups away. All names are switched by then: one that
// stays is swept by the next run.
func (c *committer) finish() {
	for _, j := range c.work {
		if j.backup == "" {
			continue
		}
		if err := c.remove(j.backup); err != nil {
			c.result.Warnings = append(c.result.Warnings, fmt.Sprintf("all is done, but a copy of an old file is left: %v", explain(c.dir, err)))
		}
	}
}
