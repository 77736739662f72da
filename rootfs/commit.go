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
)

// A commit has two phases. The first stages everything new: it makes directories, and
// writes files and links under names that no reader looks at. The second switches each
// name by rename(2), and makes links at unused names. After a failure in the first
// phase, the commit removes the staged files. After one in the second, it puts the old
// files back. A killed process leaves each name old or new, and a journal. The next
// process puts the old files back by this journal before it starts. flush.go makes the
// same true of a power failure.

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
	overlay *Overlay // the overlay of the edit

	token   string          // in the names of staged files
	names   int             // number of staged names so far
	making  []Change        // directories to make
	made    []string        // directories made so far, in order
	going   map[string]bool // names to remove
	leaving []string        // directories to remove
	work    []*job
	place   string // the planned path of the journal
	journal string // the journal's path while it exists

	locks      dirLocks
	unlockable map[inode]bool // directories that cannot be locked
}

// job is the change of one name.
type job struct {
	Change
	staged string // path of the new file or link until the rename
	attrs  attrs  // attributes of the new file or link
	backup string // hard link to the old file or link, or its new path if it is removed; "" if neither was possible
	old    []byte // contents of the old file, if it has no backup
	target string // of the old link
	done   bool
}

// commit carries out the plan.
func (c *committer) commit(changes []Change) error {
	if c.result.locked {
		c.sweep()
	}
	if len(changes) == 0 {
		return nil
	}
	err := c.writeJournal()
	if err == nil {
		err = c.stage()
	}
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
	if undone := c.rollback(); undone != nil {
		return c.halfDone(err, undone)
	}
	return explain(c.dir, err)
}

// sweep removes the staged files of a killed process. It skips directories that it
// cannot lock, whose files may belong to a running process. It does not search
// directories that this edit never looked into: staged files there do no harm.
func (c *committer) sweep() {
	files, dirs := c.overlay.lower.leftBehind()
	for _, dir := range dirs {
		files = append(files, c.stagedIn(dir)...)
	}
	for _, name := range files {
		if !c.tryLock(path.Dir(name)) {
			continue
		}
		if err := c.remove(name); err != nil && !errors.Is(err, fs.ErrNotExist) {
			c.warn("a file that an interrupted run left behind stays: %v", explain(c.dir, err))
		}
	}
}

// stagedIn returns the staged files in a directory, which may have a million names.
func (c *committer) stagedIn(dir string) (files []string) {
	f, err := c.openDir(dir)
	if err != nil {
		return nil // missing, or no directory
	}
	defer f.Close()
	for {
		names, err := f.Readdirnames(1024)
		for _, base := range names {
			if isStaged(base) {
				files = append(files, path.Join(dir, base))
			}
		}
		if err != nil { // the end, or an error: return the files so far
			return files
		}
	}
}

// plan decides the steps of the commit and the names of the staged files.
func (c *committer) plan(changes []Change) (err error) {
	c.making, c.leaving, c.work, c.going = nil, nil, nil, map[string]bool{}
	for _, ch := range changes {
		c.going[ch.Name] = ch.Removed
	}
	for _, ch := range changes {
		switch {
		case ch.Mode.IsDir() && !ch.Removed:
			c.making = append(c.making, ch)
			continue
		case ch.Removed && ch.Prior.IsDir():
			c.leaving = append(c.leaving, ch.Name)
			continue
		}
		j := &job{Change: ch}
		c.work = append(c.work, j)
		if !ch.Removed && !j.atOnce() {
			j.staged = c.stagingName(ch.Name)
		}
		if ch.Prior != nil {
			j.backup = c.stagingName(ch.Name)
		}
	}
	c.place, err = c.journalPlace()
	return err
}

// edited returns the directories in which the plan changes names.
func (c *committer) edited() []string {
	names := append(slices.Clone(c.leaving), c.place)
	for _, dir := range c.making {
		names = append(names, dir.Name)
	}
	return append(c.dirsOf(names), c.leaving...)
}

// stage writes everything new, under names that no reader looks at.
func (c *committer) stage() error {
	for _, ch := range c.making {
		if err := c.makeDir(ch); err != nil {
			return err
		}
	}
	if c.crowded { // by the edit
		c.forget(".")
		c.crowded = false
	}
	for _, j := range c.work {
		if err := c.keep(j); err != nil {
			return err
		}
		if err := c.prepare(j); err != nil {
			return err
		}
	}
	return c.each(c.stageOne)
}

// prepare collects all that staging needs, so that several files can be staged at the
// same time.
func (c *committer) prepare(j *job) error {
	if j.Removed {
		return nil
	}
	j.attrs = c.attrsOf(j.Change)
	dir, _ := split(j.Name)
	if _, err := c.handle(dir); err != nil || j.atOnce() {
		return err
	}
	dir, _ = split(j.staged)
	_, err := c.handle(dir)
	return err
}

// atOnce reports whether the change is a link at an unused name. symlink(2) makes it in
// one step, so it needs no staging.
func (j *job) atOnce() bool { return j.Mode&fs.ModeSymlink != 0 && j.Prior == nil }

// each handles files on one processor and links on another. Large edits have about as
// many links as files, in different directories, and no other work of a commit takes
// longer.
func (c *committer) each(do func(*job) error) error {
	isFile := func(j *job) bool { return j.Mode.IsRegular() }
	isLink := func(j *job) bool { return !isFile(j) }
	return c.together(func() error { return c.eachOf(isFile, do) }, func() error { return c.eachOf(isLink, do) })
}

// together runs several functions at the same time. It returns their errors, or panics
// as one of them did, after all have ended. When open directories are at their limit,
// one function could close those of another: then they run one after another.
func (c *committer) together(work ...func() error) error {
	errs, panics := make([]error, len(work)), make([]any, len(work))
	var wg sync.WaitGroup
	for i, do := range work {
		if c.crowded {
			errs[i] = do()
			continue
		}
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

func (c *committer) makeDir(ch Change) error {
	if ch.Prior != nil { // name is a file or link
		return &fs.PathError{Op: "mkdir", Path: ch.Name, Err: syscall.ENOTDIR}
	}
	if err := c.mkdir(ch.Name, ch.Mode); err != nil {
		return err
	}
	c.made = append(c.made, ch.Name)
	return c.labelDir(ch.Name, c.labelOf(ch.Name))
}

// keep makes it possible to put the old file or link back.
func (c *committer) keep(j *job) error {
	if j.backup == "" || j.Removed || c.link(j.Name, j.backup) == nil {
		return nil
	}
	return c.remember(j) // a mount point, or a file system without hard links
}

// remember keeps in memory the content of a file or link without a backup.
func (c *committer) remember(j *job) (err error) {
	j.backup = ""
	if j.Prior.Mode()&fs.ModeSymlink != 0 {
		j.target, err = c.ReadLink(j.Name)
	} else {
		j.old, err = c.ReadFile(j.Name)
	}
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

// stagingName returns an unused name in the directory of name. It goes to a directory
// above if programs read every file of this one, or if the commit removes this one.
func (c *committer) stagingName(name string) string {
	dir := path.Dir(name)
	for dir != "." && (c.going[dir] || c.opt.Unread != nil && c.opt.Unread(dir)) {
		dir = path.Dir(dir)
	}
	if c.token == "" {
		c.token = rand.Text()[:16] // no other process can guess the names of this commit
	}
	c.names++
	return inDir(dir, stagedPrefix+c.token+"-"+strconv.Itoa(c.names)+stagedSuffix)
}

// apply switches the names: first the new ones, then the removed ones. Directories are
// removed after the commit, because they could not be made again on a full disk.
func (c *committer) apply() error {
	if err := c.each(c.switchName); err != nil {
		return err
	}
	for _, links := range []bool{true, false} { // links first, so that none leads to a removed file
		for _, j := range slices.Backward(c.work) {
			if !j.Removed || links != (j.Prior.Mode()&fs.ModeSymlink != 0) {
				continue
			}
			if err := c.putAside(j); err != nil {
				return err
			}
		}
	}
	return c.conclude()
}

// putAside moves a removed name to its backup, so that putting it back needs no disk
// space.
func (c *committer) putAside(j *job) error {
	err := c.rename(j.Name, j.backup)
	if errors.Is(err, syscall.EXDEV) { // a mount is in between
		if err = c.remember(j); err == nil {
			err = c.remove(j.Name)
		}
	}
	if err == nil {
		j.done = true
	}
	return err
}

func (c *committer) switchName(j *job) error {
	if j.atOnce() {
		err := c.symlink(j.Target, j.Name, j.attrs)
		j.done = err == nil
		return err
	}
	err := c.rename(j.staged, j.Name)
	inPlace := j.Mode.IsRegular() && (errors.Is(err, syscall.EBUSY) || errors.Is(err, syscall.EXDEV))
	if inPlace {
		err = c.writeInPlace(j)
	}
	if err != nil {
		return err
	}
	j.done = true
	if inPlace {
		return c.remove(j.staged)
	}
	return nil
}

// finish removes the backups, then the directories, then the journal. All names are
// switched by then, and the next run sweeps the rest.
func (c *committer) finish() {
	var names []string
	for _, j := range c.work {
		if j.backup != "" {
			names = append(names, j.backup)
		}
	}
	slices.Reverse(c.leaving)
	names = append(names, c.leaving...)
	if c.journal != "" {
		names = append(names, c.journal)
	}
	for _, name := range names {
		if err := c.remove(name); err != nil {
			c.warn("all is done, but something is left that the next run takes away: %v", explain(c.dir, err))
			return
		}
	}
}

func (c *committer) warn(format string, args ...any) {
	c.result.Warnings = append(c.result.Warnings, fmt.Sprintf(format, args...))
}
