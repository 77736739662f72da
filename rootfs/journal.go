package rootfs

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"slices"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/certgraft/certgraft/internal/hint"
)

// A commit writes a journal before it changes anything. The journal says how to put
// each name back. If the process is killed, the next process finds the journal and
// restores the root before it reads anything, since no edit can build on half of
// another. It keeps names that another program has changed since. Once all names are
// switched, the journal gets another name. From then on it only lists the backups and
// directories to delete.

// The journal is in the directory of [Options.Marker], or in the nearest one above that
// the commit keeps. Without a marker it is in the root itself.
const (
	journalName = ".certgraft-journal"
	journalDone = ".certgraft-journal-done"
)

func isJournal(base string) bool { return base == journalName || base == journalDone }

const journalVersion = 1

type journal struct {
	Version int         `json:"version"`
	Made    []string    `json:"made,omitzero"`  // new directories, in the order of their making
	Going   []string    `json:"going,omitzero"` // directories to remove, last one first
	Names   []journaled `json:"names"`
}

// journaled is one name that a commit switches.
type journaled struct {
	Name   string `json:"name"`
	Staged string `json:"staged,omitzero"`
	Backup string `json:"backup,omitzero"` // the old file or link
	Was    bool   `json:"was,omitzero"`    // the name existed; it can be put back if Backup exists
	Sum    string `json:"sum,omitzero"`    // SHA-256 of the new file
	Link   string `json:"link,omitzero"`   // target of the new link; without Sum and Link the name is removed
}

// writeJournal writes the journal of the plan, completely or not at all. Without a lock
// it writes none: a journal could be another process's.
func (c *committer) writeJournal() error {
	if !c.result.locked {
		return nil
	}
	j := journal{Version: journalVersion, Going: c.leaving}
	for _, dir := range c.making {
		j.Made = append(j.Made, dir.Name)
	}
	for _, w := range c.work {
		j.Names = append(j.Names, w.journaled())
	}
	data, err := json.Marshal(j)
	if err != nil {
		return fmt.Errorf("encode the journal: %w", err)
	}
	name := c.place
	staged := c.stagingName(name)
	if err := c.create(staged, data, attrs{mode: 0o600}); err != nil {
		return errors.Join(err, c.takeAway(staged))
	}
	if err := c.rename(staged, name); err != nil {
		return errors.Join(err, c.takeAway(staged))
	}
	c.journal = name
	return nil
}

func (j *job) journaled() journaled {
	e := journaled{Name: j.Name, Staged: j.staged, Backup: j.backup, Was: j.Prior != nil}
	switch {
	case j.Removed:
	case j.Mode&fs.ModeSymlink != 0:
		e.Link = j.Target
	default:
		e.Sum = sumOf(j.Data)
	}
	return e
}

func sumOf(data []byte) string {
	sum := sha256.Sum256(data)
	return hex.EncodeToString(sum[:])
}

// journalPlace returns the path for the journal of this commit.
func (c *committer) journalPlace() (string, error) {
	places, err := c.opt.journals(c.overlay)
	if err != nil {
		return "", err
	}
	for _, name := range places {
		if _, err := c.Lstat(path.Dir(name)); err == nil && !c.going[path.Dir(name)] {
			return name, nil
		}
	}
	return journalName, nil
}

// journals returns the possible paths of a journal, the deepest first.
func (opt Options) journals(o *Overlay) ([]string, error) {
	if opt.Marker == "" {
		return []string{journalName}, nil
	}
	at, err := o.Resolve(opt.Marker)
	var places []string
	for err == nil && at != "." {
		at = path.Dir(at)
		places = append(places, path.Join(at, journalName))
	}
	return places, err
}

// endJournal marks all names as switched, so that no run puts them back.
func (c *committer) endJournal() error {
	if c.journal == "" {
		return nil
	}
	done := path.Join(path.Dir(c.journal), journalDone)
	if err := c.rename(c.journal, done); err != nil {
		return err
	}
	c.journal = done
	return nil
}

// recover undoes the changes of a process that was killed.
func (c *committer) recover(ctx context.Context) error {
	if !c.result.locked || c.opt.Output != "" {
		return nil
	}
	places, err := c.opt.journals(NewOverlay(c.tree))
	if err != nil {
		return nil //nolint:nilerr // a marker that cannot be is the edit's to tell
	}
	for _, name := range places {
		if err := c.recoverAt(ctx, name); err != nil {
			return err
		}
		if err := c.recoverAt(ctx, path.Join(path.Dir(name), journalDone)); err != nil {
			return err
		}
	}
	return nil
}

func (c *committer) recoverAt(ctx context.Context, name string) error {
	_, err := c.Lstat(name)
	switch {
	case err != nil: // the usual case
		return nil
	case c.opt.DryRun:
		c.warn("an earlier run was interrupted: the next run undoes its changes before it starts")
		return nil
	}
	defer c.startAnew()
	found, err := c.lockJournal(ctx, name)
	switch {
	case err != nil:
		return err
	case !found: // it was the journal of a running process
		return nil
	}
	if err := c.recoverFrom(name); err != nil {
		return hint.Add(fmt.Errorf("undo the changes of an interrupted run: %w", explain(c.dir, err)),
			"run it again; if it happens again, delete "+within(c.dir, name)+": the half-done changes then stay")
	}
	if path.Base(name) == journalName {
		c.warn("an earlier run was interrupted: its changes were undone first")
	}
	return nil
}

// startAnew drops locks and cached directories, so that the edit reads the root again.
func (c *committer) startAnew() {
	c.locks.release()
	c.forget(".")
	clear(c.seen)
}

// lockJournal locks the directories of a journal and of the names in it. Another root
// may share them. Then the journal can belong to a running process, and can be gone or
// replaced once the directories are locked. lockJournal reports whether the journal
// still exists.
func (c *committer) lockJournal(ctx context.Context, name string) (found bool, err error) {
	for dirs := []string{path.Dir(name)}; ; {
		if _, err := c.lockDirs(ctx, dirs); err != nil {
			return false, err
		}
		if _, err := c.Lstat(name); err != nil {
			return false, nil
		}
		j, _ := c.readJournal(name) // recoverFrom reports the error
		homes := append(j.homes(), path.Dir(name))
		if !slices.ContainsFunc(homes, func(dir string) bool { return !slices.Contains(dirs, dir) }) {
			return true, nil
		}
		dirs = homes
	}
}

func (c *committer) readJournal(name string) (j journal, err error) {
	info, err := c.Lstat(name)
	if err != nil {
		return j, err
	}
	if !trusted(info) {
		return j, &fs.PathError{Op: "read", Path: name, Err: errors.New("it is not a journal that this user wrote")}
	}
	data, err := c.ReadFile(name)
	if err != nil || len(data) == 0 { // the power failed before the journal was on the disk: no name was switched yet, or the commit did not sync
		return j, err
	}
	if err := json.Unmarshal(data, &j); err != nil || j.Version != journalVersion || !j.valid() {
		return journal{}, &fs.PathError{Op: "read", Path: name, Err: errors.New("it is damaged, or from another version of certgraft")}
	}
	return j, nil
}

func (c *committer) recoverFrom(name string) error {
	j, err := c.readJournal(name)
	if err != nil {
		return err
	}
	dirs := j.Going
	if path.Base(name) == journalName {
		dirs = j.Made
		err = errors.Join(c.restore(j), c.syncDirs(j.homes()))
	}
	if err == nil {
		err = c.clear(j)
	}
	if err == nil {
		err = c.unmake(dirs)
	}
	if err != nil {
		return err
	}
	return c.remove(name)
}

// trusted reports whether only users who can write to the root anyway could have
// written the journal.
func trusted(info fs.FileInfo) bool {
	st, ok := info.Sys().(*unix.Stat_t)
	return ok && info.Mode().IsRegular() && info.Mode().Perm()&0o022 == 0 && (int(st.Uid) == os.Geteuid() || st.Uid == 0)
}

// valid reports whether all names are inside the root, and only staged files would be
// deleted.
func (j journal) valid() bool {
	for _, e := range j.Names {
		for _, staged := range []string{e.Staged, e.Backup} {
			if staged != "" && (!fs.ValidPath(staged) || !isStaged(path.Base(staged))) {
				return false
			}
		}
		if !fs.ValidPath(e.Name) || e.Name == "." {
			return false
		}
	}
	return !slices.ContainsFunc(slices.Concat(j.Made, j.Going), func(dir string) bool { return !fs.ValidPath(dir) || dir == "." })
}

// homes returns the directories in which recovery changes names.
func (j journal) homes() []string {
	names := slices.Concat(j.Made, j.Going)
	for _, e := range j.Names {
		names = append(names, e.Name, e.Staged, e.Backup)
	}
	return parents(names)
}

// restore puts back each name that is still as the commit left it.
func (c *committer) restore(j journal) error {
	for _, e := range j.Names {
		if err := c.putBack(e); err != nil {
			return err
		}
	}
	return nil
}

// clear deletes the staged files and the backups.
func (c *committer) clear(j journal) error {
	for _, e := range j.Names {
		for _, name := range []string{e.Staged, e.Backup} {
			if name == "" {
				continue
			}
			if err := gone(c.remove(name)); err != nil && !errors.Is(err, syscall.ENOTDIR) {
				return err
			}
		}
	}
	return nil
}

// unmake removes directories, except those that another program uses by now.
func (c *committer) unmake(dirs []string) error {
	for _, dir := range slices.Backward(dirs) {
		err := gone(c.remove(dir))
		if err != nil && !errors.Is(err, syscall.ENOTEMPTY) && !errors.Is(err, syscall.EEXIST) && !errors.Is(err, syscall.ENOTDIR) {
			return err
		}
	}
	return nil
}

func (c *committer) putBack(e journaled) error {
	switch made, err := c.isAsMade(e); {
	case err != nil || !made:
		return err
	case !e.Was:
		return gone(c.remove(e.Name))
	case e.Backup == "":
		return nil
	}
	return gone(c.rename(e.Backup, e.Name)) // a file without a backup stays new
}

// isAsMade reports whether a name is as the commit left it.
func (c *committer) isAsMade(e journaled) (bool, error) {
	info, err := c.Lstat(e.Name)
	switch {
	case errors.Is(err, fs.ErrNotExist), errors.Is(err, syscall.ENOTDIR):
		return e.Sum == "" && e.Link == "", nil
	case err != nil:
		return false, err
	case info.Mode()&fs.ModeSymlink != 0:
		target, err := c.ReadLink(e.Name)
		return e.Link != "" && target == e.Link, err
	case !info.Mode().IsRegular() || e.Sum == "":
		return false, nil
	}
	data, err := c.ReadFile(e.Name)
	return err == nil && (sumOf(data) == e.Sum || c.isHalf(e, data)), err
}
