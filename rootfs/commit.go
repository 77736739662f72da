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

// A commit has two phases. First everything new is staged: directories are
// made, files and links are written under names that no reader looks at. Then
// the names are switched by rename(2), one each, and links are made where nothing
// was. A failure in the first phase takes the staged files away again; one in the
// second puts the old files back. A process that is killed leaves each name old
// or new, and a journal by which the next one puts the old files back before it
// starts. flush.go has what makes the same true of a power failure.

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

	token   string          // in the names of staged files, which are
	names   int             // numbered
	making  []Change        // directories that are to be made
	made    []string        // those that were, in that order
	going   map[string]bool // names that are to be removed
	leaving []string        // those that are directories
	work    []*job
	place   string // where the journal is to be
	journal string // name of the journal while there is one

	locks      dirLocks
	unlockable map[inode]bool // directories that have no locks
}

// job is the change of one name.
type job struct {
	Change
	staged string // where the new file or link is, until it is renamed
	attrs  attrs  // what it is to have
	backup string // the old file or link, by a hard link, or moved there if it goes; "" if that could not be done
	old    []byte // contents of the old file, where there is no backup
	target string // of the old link
	done   bool
}

// commit does what was planned.
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

// sweep takes away what a process that was killed had staged, but in a directory
// that is not locked: it may be of a process that runs now. That it was staged in
// a directory that this edit never looks into takes another edit; those files are
// in nobody's way.
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

// stagedIn returns the staged files in a directory, of which there may be a
// million.
func (c *committer) stagedIn(dir string) (files []string) {
	f, err := c.openDir(dir)
	if err != nil {
		return nil // not there, or no directory
	}
	defer f.Close()
	for {
		names, err := f.Readdirnames(1024)
		for _, base := range names {
			if isStaged(base) {
				files = append(files, path.Join(dir, base))
			}
		}
		if err != nil { // as many as can be read
			return files
		}
	}
}

// plan decides what is to be done, and under which names it is staged.
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

// stage makes everything new, in names that are not read.
func (c *committer) stage() error {
	for _, ch := range c.making {
		if err := c.makeDir(ch); err != nil {
			return err
		}
	}
	if c.crowded { // by what was looked at
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
	return c.together(func() error { return c.eachOf(isFile, do) }, func() error { return c.eachOf(isLink, do) })
}

// together does several things at the same time. All have ended when it returns
// their errors, or panics as one of them did. Where one would close directories
// of another, it is one after the other.
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
	if ch.Prior != nil { // a file or link is in its place
		return &fs.PathError{Op: "mkdir", Path: ch.Name, Err: syscall.ENOTDIR}
	}
	if err := c.mkdir(ch.Name, ch.Mode); err != nil {
		return err
	}
	c.made = append(c.made, ch.Name)
	return c.labelDir(ch.Name, c.labelOf(ch.Name))
}

// keep sees to it that the old file or link can be put back.
func (c *committer) keep(j *job) error {
	if j.backup == "" || j.Removed || c.link(j.Name, j.backup) == nil {
		return nil
	}
	return c.remember(j) // a mount point, or a file system without hard links
}

// remember holds what there is no backup of.
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

// apply switches the names: first what is new, then what goes. Directories go
// when all is done: on a full disk they could not be made again.
func (c *committer) apply() error {
	if err := c.each(c.switchName); err != nil {
		return err
	}
	for _, links := range []bool{true, false} { // none leads to what is gone already
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

// putAside takes a name away. What it names gets that of the backup, so that it
// takes no room to put it back.
func (c *committer) putAside(j *job) error {
	err := c.rename(j.Name, j.backup)
	if errors.Is(err, syscall.EXDEV) { // something is mounted in between
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

// finish takes the backups away, then the directories that go, then the list of
// them. All names are switched by then: what stays is swept by the next run.
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
