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

// Two roots can share a directory: a volume or a bind mount. So a commit locks its root
// and each directory in which it changes a name. Any root leads to the same locks. The
// edit must run first to name these directories. If another process changes one of them
// between its reading and its locking, the edit runs again. Directories are locked in
// the order of their device and inode, so that no two processes wait for each other.
// The root is locked before all of them. Only a process whose root is above locks this
// root as one of its directories, and its wait ends like any other.

// dirLocks are the locked directories. They stay open while they are locked.
type dirLocks map[inode]directory

func (l dirLocks) release() {
	for _, dir := range l {
		dir.close()
	}
	clear(l)
}

// candidate is a directory to lock.
type candidate struct {
	inode

	name string
}

// maxLocks is the limit of locked directories, each of which is open. If an edit has
// more, the first ones are locked.
const maxLocks = 256

// lockDirs locks directories, and reports whether all are as they were when first read.
// If a directory is not locked yet, it releases all locks and locks all in order, since
// that directory may come first.
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

// candidates returns the directories that are not locked, each once, in the order of
// locking.
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

// candidate returns a directory, or the nearest one above that exists.
func (c *committer) candidate(name string) (candidate, error) {
	_, err := c.handle(name)
	for (errors.Is(err, fs.ErrNotExist) || errors.Is(err, unix.ENOTDIR)) && name != "." {
		name = path.Dir(name)
		_, err = c.handle(name)
	}
	return candidate{c.seen[name].inode, name}, err
}

// holds reports whether this process has locked a directory. The root has its own lock.
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

// reopen returns another descriptor of a directory, which stays open when the tree
// closes its own.
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

// tryLock locks a directory without waiting, and reports whether it is locked.
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
