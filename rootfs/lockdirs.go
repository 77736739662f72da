package rootfs

import (
	"cmp"
	"context"
	"errors"
	"io/fs"
	"maps"
	"path"
	"slices"

	"golang.org/x/sys/unix"
)

// Two roots can share a directory: a volume, a bind mount. So a commit locks not
// its root alone, but each directory in which it changes a name, whatever root
// that is seen from. Which ones these are is known once the edit has run, and the
// edit runs again if one was changed between being read and being locked.
// Directories are locked in the order of their device and inode, so that no two
// processes wait for each other. The root is locked before any of them: it can
// only be one of them to a process whose root is above, which then waits for as
// long as any other.

// dirLocks are the directories that nobody else edits, open for as long as that
// is so.
type dirLocks map[inode]directory

func (l dirLocks) release() {
	for _, dir := range l {
		dir.close()
	}
	clear(l)
}

// candidate is a directory that is to be locked.
type candidate struct {
	inode

	name string
}

// maxLocks bounds the directories that are locked, each of which is open. Of an
// edit of more the first are locked.
const maxLocks = 256

// lockDirs locks directories, and reports whether all are as they were when they
// were first read. Those that are locked already stay so, unless others are
// missing, which may come first: then all are locked anew.
func (c *committer) lockDirs(ctx context.Context, names []string) (same bool, err error) {
	wanted, err := c.candidates(names)
	if err != nil || len(wanted) == 0 {
		return true, err
	}
	if len(c.locks) > 0 {
		c.locks.release()
		if wanted, err = c.candidates(names); err != nil {
			return false, err
		}
	}
	same = true
	for _, dir := range wanted[:min(len(wanted), maxLocks)] {
		unchanged, err := c.lockDir(ctx, dir)
		if err != nil {
			return false, err
		}
		same = same && unchanged
	}
	return same, nil
}

// candidates returns the directories that are not locked, each once, in the
// order in which they are locked.
func (c *committer) candidates(names []string) ([]candidate, error) {
	found := map[inode]string{}
	for _, name := range names {
		dir, err := c.candidate(name)
		if err != nil {
			return nil, err
		}
		if !c.holds(dir.inode) && !c.unlockable[dir.inode] {
			found[dir.inode] = dir.name
		}
	}
	inOrder := func(a, b inode) int { return cmp.Or(cmp.Compare(a.dev, b.dev), cmp.Compare(a.ino, b.ino)) }
	var wanted []candidate
	for _, dir := range slices.SortedFunc(maps.Keys(found), inOrder) {
		wanted = append(wanted, candidate{dir, found[dir]})
	}
	return wanted, nil
}

// candidate returns a directory, or the nearest above it that is there.
func (c *committer) candidate(name string) (candidate, error) {
	_, err := c.handle(name)
	for (errors.Is(err, fs.ErrNotExist) || errors.Is(err, unix.ENOTDIR)) && name != "." {
		name = path.Dir(name)
		_, err = c.handle(name)
	}
	return candidate{c.seen[name].inode, name}, err
}

// holds reports whether nobody else edits a directory. The root has a lock of its
// own.
func (c *committer) holds(dir inode) bool {
	_, locked := c.locks[dir]
	return locked || dir == c.seen["."].inode
}

func (c *committer) lockDir(ctx context.Context, dir candidate) (unchanged bool, err error) {
	own, err := c.reopen(dir.name)
	if err != nil {
		return false, err
	}
	locked, err := c.opt.lockFile(ctx, int(own), within(c.dir, dir.name), c.result)
	if err != nil {
		own.close()
		return false, err
	}
	var st unix.Stat_t
	unchanged = unix.Fstat(int(own), &st) == nil && c.seen.same(dir.name, &st)
	if locked {
		c.locks[dir.inode] = own
		return unchanged, nil
	}
	c.unlockable[dir.inode] = true
	own.close()
	return unchanged, nil
}

// reopen returns a descriptor of a directory that stays open when the tree closes
// its own.
func (c *committer) reopen(name string) (directory, error) {
	dir, err := c.handle(name)
	if err != nil {
		return 0, err
	}
	fd, err := unix.FcntlInt(uintptr(dir), unix.F_DUPFD_CLOEXEC, 0)
	if err != nil {
		return 0, &fs.PathError{Op: "lock", Path: name, Err: err}
	}
	return directory(fd), nil
}

// tryLock locks a directory if nobody edits it.
func (c *committer) tryLock(name string) bool {
	dir, err := c.candidate(name)
	if err != nil || c.holds(dir.inode) {
		return err == nil
	}
	own, err := c.reopen(dir.name)
	if err != nil {
		return false
	}
	if unix.Flock(int(own), unix.LOCK_EX|unix.LOCK_NB) != nil {
		own.close()
		return false
	}
	c.locks[dir.inode] = own
	return true
}
