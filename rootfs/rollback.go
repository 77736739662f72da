package rootfs

import (
	"errors"
	"io/fs"
	"slices"
	"syscall"
)

// rollback puts everything back as it was before the commit. It goes on after
// a failure: each name that can be restored is.
func (c *committer) rollback() error {
	var errs []error
	for _, j := range c.work {
		errs = append(errs, c.undo(j))
	}
	if err := errors.Join(errs...); err != nil {
		return err // what is needed to put the rest back stays, and the journal for the next run
	}
	for _, j := range c.work {
		for _, name := range []string{j.staged, j.backup} {
			if name != "" {
				errs = append(errs, gone(c.root.Remove(name)))
			}
		}
	}
	for _, dir := range slices.Backward(c.made) {
		errs = append(errs, gone(c.root.Remove(dir)))
	}
	if c.journal != "" {
		errs = append(errs, gone(c.root.Remove(c.journal)))
	}
	return errors.Join(errs...)
}

// gone passes over the error of taking away what is not there.
func gone(err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}

// undo restores one name that was switched.
func (c *committer) undo(j *job) error {
	switch {
	case !j.done:
		return nil
	case j.Prior == nil:
		return gone(c.root.Remove(j.Name))
	case slices.Contains(c.result.InPlace, j.Name):
		return disk{tree: c.tree}.overwrite(j.Name, nil, j.old)
	case j.backup != "":
		return c.root.Rename(j.backup, j.Name)
	}
	return c.remake(j)
}

// remake makes an old file or link again of which there is no backup, at its
// name where nothing can be moved to that.
func (c *committer) remake(j *job) error {
	old, plain := j.Change, disk{tree: c.tree}
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
