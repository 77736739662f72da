package rootfs

import (
	"errors"
	"io/fs"
	"os"
	"path"
	"slices"
	"syscall"

	"golang.org/x/sync/errgroup"
)

// A process that is killed leaves what it has written to the kernel, so that a
// commit survives kill -9 without waiting for any disk. With [Options.Sync] it
// survives a power failure as well. It then waits three times:
//
//  1. Before the first name is switched, for the data of the staged files and of
//     the journal, then for the directories that hold these names and those of
//     the backups. No name ever leads to data that is not on the disk, and all
//     that puts a name back is on the disk before the name is switched.
//  2. After the last name is switched, before the journal ends, for the
//     directories of the names. One file system may keep the order of these two,
//     but two file systems do not.
//  3. After the journal has ended, before the backups are deleted, for the
//     directory of the journal. A journal that came back without its backups
//     would take the new names away.
//
// It waits for its own files alone, by fdatasync(2) and fsync(2): sync(2) and
// syncfs(2) would wait for whatever other processes have written, too. Owner and
// mode of a file, which fdatasync(2) may leave out, were set before its name was
// switched and reach the disk before that does.

// syncer is there where a commit waits for the disk.
type syncer struct {
	refused error // why something could not be waited for
}

func (opt Options) syncer() *syncer {
	if !opt.Sync {
		return nil
	}
	return &syncer{}
}

// warnUnsynced says that something could not be waited for.
func (c *committer) warnUnsynced() {
	if c.sync != nil && c.sync.refused != nil {
		c.warn("a power failure within the next minute can lose some of the changes, since nothing waits for the disk: %v", locate(c.dir, c.sync.refused))
	}
}

// flush is the first wait.
func (c *committer) flush() error {
	var files []string
	for _, j := range c.work {
		if j.staged != "" && j.Mode.IsRegular() {
			files = append(files, j.staged)
		}
	}
	if c.journal != "" {
		files = append(files, c.journal)
	}
	if err := c.syncFiles(files); err != nil {
		return err
	}
	return c.syncDirs(c.dirs())
}

// conclude is the second wait and the third: from when the journal has ended
// nobody puts the names back.
func (c *committer) conclude() error {
	if err := c.syncDirs(c.dirs()); err != nil {
		return err
	}
	if err := c.endJournal(); err != nil || c.journal == "" {
		return err
	}
	return c.syncDirs([]string{path.Dir(c.journal)})
}

// dirs returns the directories in which names change.
func (c *committer) dirs() []string { return c.dirsOf(append(slices.Clone(c.made), c.journal)) }

// dirsOf returns the directories of what is planned, and of other names.
func (c *committer) dirsOf(names []string) []string {
	for _, j := range c.work {
		names = append(names, j.Name, j.staged, j.backup)
	}
	return parents(names)
}

// parents returns the directories that hold the names, each once.
func parents(names []string) []string {
	var dirs []string
	for _, name := range names {
		if name != "" {
			dirs = append(dirs, path.Dir(name))
		}
	}
	slices.Sort(dirs)
	return slices.Compact(dirs)
}

// syncFiles waits until the data of files is on the disk.
func (d disk) syncFiles(names []string) error { return d.syncAll("fdatasync", names, datasync) }

// syncDirs waits until the names in directories are on the disk. A directory
// that is gone holds none.
func (d disk) syncDirs(names []string) error { return d.syncAll("fsync", names, (*os.File).Sync) }

// syncsAtOnce bounds the waits at the same time. One write of the file system's
// own journal serves all that wait for it.
const syncsAtOnce = 16

func (d disk) syncAll(op string, names []string, wait func(*os.File) error) error {
	if d.sync == nil {
		return nil
	}
	var group errgroup.Group
	group.SetLimit(syncsAtOnce)
	errs := make([]error, len(names))
	for i, name := range names {
		f, err := d.openToSync(op, name)
		if err != nil {
			errs[i] = gone(err)
			continue
		}
		group.Go(func() error {
			errs[i] = errors.Join(wait(f), f.Close())
			return nil
		})
	}
	_ = group.Wait() // the errors are in errs
	for _, err := range errs {
		if err = d.sync.pass(err); err != nil {
			return err
		}
	}
	return nil
}

func (d disk) openToSync(op, name string) (*os.File, error) {
	if err := d.try(op, name); err != nil {
		return nil, err
	}
	return d.openFile(name, os.O_RDONLY|syscall.O_NONBLOCK)
}

// pass passes over the error where nobody can wait for the disk: the file system
// has no such call (EINVAL, ENOTSUP), the kernel or a filter of system calls
// refuses it (ENOSYS, EPERM), or the file may be written and not read (EACCES).
// The kernel then writes the data when it does, as without [Options.Sync]; each
// name is still old or new for whoever reads it. Any other error, such as EIO or
// ENOSPC, says that data was lost.
func (s *syncer) pass(err error) error {
	for _, harmless := range []error{syscall.EINVAL, syscall.ENOTSUP, syscall.ENOSYS, fs.ErrPermission} {
		if errors.Is(err, harmless) {
			s.refused = err
			return nil
		}
	}
	return err
}
