package rootfs

import (
	"errors"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"syscall"

	"github.com/certgraft/certgraft/internal/hint"
)

// rollback puts everything back as it was before the commit. After a failure it
// continues with the other names.
func (c *committer) rollback() error {
	errs := []error{c.reopenJournal()}
	for _, j := range c.work {
		errs = append(errs, c.undo(j))
	}
	if err := errors.Join(errs...); err != nil {
		return err // the backups and the journal stay for the next run
	}
	_ = c.syncDirs(c.dirs()) // before the journal is removed; a failing disk may be the reason for the rollback, so errors are ignored
	for _, j := range c.work {
		for _, name := range []string{j.staged, j.backup} {
			errs = append(errs, c.takeAway(name))
		}
	}
	for _, dir := range slices.Backward(c.made) {
		errs = append(errs, c.takeAway(dir))
	}
	return errors.Join(append(errs, c.takeAway(c.journal))...)
}

// reopenJournal makes a finished journal valid again, for the case that this process
// dies during the rollback or cannot complete it.
func (c *committer) reopenJournal() error {
	if path.Base(c.journal) != journalDone {
		return nil
	}
	name := path.Join(path.Dir(c.journal), journalName)
	err := c.root.Rename(c.journal, name)
	if err == nil {
		c.journal = name
	}
	return err
}

// takeAway removes a name that may exist. It looks first, because removing a missing
// name on a read-only file system is a different error.
func (c *committer) takeAway(name string) error {
	if name == "" {
		return nil
	}
	if _, err := c.Lstat(name); errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return gone(c.root.Remove(name))
}

// halfDone returns the error of a commit that failed and that could not be undone
// completely.
func (c *committer) halfDone(err, undone error) error {
	err = fmt.Errorf("%w; undo the changes: %w", locate(c.dir, err), locate(c.dir, undone))
	if c.journal == "" {
		return hint.Add(err, "the named files, and others, may be half changed: look at them, and run it again")
	}
	return hint.Add(err, "not all was put back: run it again when the reason is gone, which first puts back the rest")
}

// undo restores one name that was switched.
func (c *committer) undo(j *job) error {
	switch {
	case !j.done:
		return nil
	case j.Prior == nil:
		return gone(c.root.Remove(j.Name))
	case slices.Contains(c.result.InPlace, j.Name):
		return c.plain().overwrite(j.Name, nil, j.old)
	case j.backup != "":
		return c.root.Rename(j.backup, j.Name)
	}
	return c.remake(j)
}

// plain returns the disk without the hook of tests, which must fail only once.
func (c *committer) plain() disk { return disk{tree: c.tree, sync: c.sync} }

// remake makes an old file or link again that has no backup. If no file can be moved to
// its name, remake writes it there directly.
func (c *committer) remake(j *job) error {
	old, plain := j.Change, c.plain()
	old.Mode = j.Prior.Mode()
	at := func(name string) error {
		if old.Mode&fs.ModeSymlink != 0 {
			return plain.symlink(j.target, name, plain.attrsOf(old))
		}
		return plain.create(name, j.old, plain.attrsOf(old))
	}
	staged := c.stagingName(j.Name)
	if err := at(staged); err != nil {
		return err
	}
	err := c.root.Rename(staged, j.Name)
	if errors.Is(err, syscall.EXDEV) {
		err = errors.Join(at(j.Name), c.root.Remove(staged))
	}
	return err
}
