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

// A journal is written before a commit touches anything. It says how to put each
// name back. A process that was killed leaves it behind, and the next one puts
// the root back to what it was before it looks at anything: half of an edit is
// nothing that another could build on. What somebody else has written to a name
// meanwhile is left alone. Once all names are switched it gets another name, and
// from then on only says which copies of old files, and which directories, are to
// be deleted.

// The journal is in the directory of [Options.Marker], or the nearest one above
// it that stays; without a marker in the root itself.
const (
	journalName = ".certgraft-journal"
	journalDone = ".certgraft-journal-done"
)

func isJournal(base string) bool { return base == journalName || base == journalDone }

const journalVersion = 1

type journal struct {
	Version int         `json:"version"`
	Made    []string    `json:"made,omitzero"`  // directories, in the order they are made
	Going   []string    `json:"going,omitzero"` // directories, in the order opposite to that in which they go
	Names   []journaled `json:"names"`
}

// journaled is one name that a commit switches.
type journaled struct {
	Name   string `json:"name"`
	Staged string `json:"staged,omitzero"`
	Backup string `json:"backup,omitzero"` // the old file or link
	Was    bool   `json:"was,omitzero"`    // there was something, which can be put back where Backup is
	Sum    string `json:"sum,omitzero"`    // SHA-256 of the new file
	Link   string `json:"link,omitzero"`   // of the new link; with neither the name goes
}

// writeJournal writes the journal of what was planned, whole or not at all.
// Without a lock it might be another process's.
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

// journalPlace returns where the journal of this commit is to be.
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

// journals returns where a journal can be, the deepest place first.
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

// endJournal says that all names are switched: they are not put back any more.
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

// recover puts back what a process that was killed had done.
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
	case err != nil: // as nearly always
		return nil
	case c.opt.DryRun:
		c.warn("an earlier run was interrupted: the next one puts back what that had changed before it starts")
		return nil
	}
	defer c.startAnew()
	found, err := c.lockJournal(ctx, name)
	switch {
	case err != nil:
		return err
	case !found: // it was that of a process that ran
		return nil
	}
	if err := c.recoverFrom(name); err != nil {
		return hint.Add(fmt.Errorf("put back what an interrupted run had changed: %w", explain(c.dir, err)),
			"run it again; if it happens again, delete "+within(c.dir, name)+": the half-done changes then stay")
	}
	if path.Base(name) == journalName {
		c.warn("an earlier run was interrupted: its changes were undone first")
	}
	return nil
}

// startAnew forgets what was seen, for an edit to read it again.
func (c *committer) startAnew() {
	c.locks.release()
	c.forget(".")
	clear(c.seen)
}

// lockJournal locks the directories of a journal and of the names in it. Another
// root may share them: then the journal can be that of a process that runs now,
// and be gone or another once they are locked. It reports whether there is one.
func (c *committer) lockJournal(ctx context.Context, name string) (found bool, err error) {
	for dirs := []string{path.Dir(name)}; ; {
		if _, err := c.lockDirs(ctx, dirs); err != nil {
			return false, err
		}
		if _, err := c.Lstat(name); err != nil {
			return false, nil
		}
		j, _ := c.readJournal(name) // an error is told by who reads it next
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
	if err != nil || len(data) == 0 { // the power failed before it was on the disk: before any name was switched, or nobody waited for the disk
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

// trusted reports whether only those who can write to the root anyway could
// have written the journal.
func trusted(info fs.FileInfo) bool {
	st, ok := info.Sys().(*unix.Stat_t)
	return ok && info.Mode().IsRegular() && info.Mode().Perm()&0o022 == 0 && (int(st.Uid) == os.Geteuid() || st.Uid == 0)
}

// valid reports whether all names are of files in the root, and all that would
// be deleted is staged files.
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

// homes returns the directories in which names are put back or taken away.
func (j journal) homes() []string {
	names := slices.Concat(j.Made, j.Going)
	for _, e := range j.Names {
		names = append(names, e.Name, e.Staged, e.Backup)
	}
	return parents(names)
}

// restore puts back each name that is as the commit made it.
func (c *committer) restore(j journal) error {
	for _, e := range j.Names {
		if err := c.putBack(e); err != nil {
			return err
		}
	}
	return nil
}

// clear takes away what was staged, and the copies of old files.
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

// unmake takes directories away, but for those that someone else uses by now.
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
	return gone(c.rename(e.Backup, e.Name)) // where no backup could be made it cannot be put back
}

// isAsMade reports whether what is at a name is what the commit put there.
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
