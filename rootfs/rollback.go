package rootfs

import (
	"errors"
	"io/fs"
	"slices"
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
	name := c.stagingName(j.Name)
	old := j.Change
	old.Mode = j.Prior.Mode()
	plain := disk{tree: c.tree}
	if old.Mode&fs.ModeSymlink != 0 {
		return errors.Join(plain.symlink(j.target, name, plain.attrsOf(old)), c.root.Rename(name, j.Name))
	}
	return errors.Join(plain.create(name, j.old, plain.attrsOf(old)), c.root.Rename(name, j.Name))
}
