package rootfs

import (
	"bytes"
	"errors"
	"io/fs"
)

// writeInPlace writes a file that rename(2) cannot switch. A mount point cannot be
// replaced: container engines bind /etc/resolv.conf, and users bind their bundle. A
// file also cannot be moved into a mounted directory if it had to be staged outside.
func (c *committer) writeInPlace(j *job) error {
	var err error
	if j.Prior == nil {
		err = c.createInPlace(j)
	} else {
		err = c.overwriteInPlace(j)
	}
	if err == nil {
		c.result.InPlace = append(c.result.InPlace, j.Name)
	}
	return err
}

func (c *committer) overwriteInPlace(j *job) error {
	old, err := c.ReadFile(j.Name)
	if err != nil {
		return err
	}
	j.old = old
	if err := c.overwrite(j.Name, old, j.Data); err != nil {
		return errors.Join(err, c.overwrite(j.Name, nil, old))
	}
	return nil
}

// createInPlace makes a new file at its name. If the process is killed meanwhile, the
// next one compares the file with the staged one and knows that it is half written.
func (c *committer) createInPlace(j *job) error {
	err := c.create(j.Name, j.Data, j.attrs)
	if errors.Is(err, fs.ErrExist) {
		return err // another process made it
	}
	if err == nil {
		err = c.syncFiles([]string{j.Name})
	}
	if err != nil {
		return errors.Join(err, gone(c.root.Remove(j.Name)))
	}
	return nil
}

// isHalf reports whether data, at a name that was unused, is the start of the file that
// is staged for it.
func (c *committer) isHalf(e journaled, data []byte) bool {
	if e.Was || e.Staged == "" {
		return false
	}
	staged, err := c.ReadFile(e.Staged)
	return err == nil && sumOf(staged) == e.Sum && bytes.HasPrefix(staged, data)
}
