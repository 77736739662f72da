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

// The kernel keeps the writes of a killed process, so a commit survives kill -9 without
// waiting for any disk. With [Options.Sync] it also survives a power failure. It then
// waits three times:
//
//  1. Before it switches the first name, it waits for the data of the staged files
//     and of the journal. Then it waits for the directories of these names and of the
//     backups. So no name ever leads to data that is not on the disk, and the means to
//     put a name back are on the disk before the name is switched.
//  2. After the last name is switched, and before the journal ends, it waits for the
//     directories of the names. One file system may keep the order of these two steps,
//     but two file systems do not.
//  3. After the journal has ended, and before the backups are deleted, it waits for the
//     directory of the journal. If the journal came back without its backups, it would
//     remove the new names.
//
// It waits only for its own files, by fdatasync(2) and fsync(2): sync(2) and syncfs(2)
// would also wait for the writes of other processes. fdatasync(2) may leave out the
// owner and mode of a file. These were set before the switch of its name, and reach the
// disk before it.

// syncer exists if a commit waits for the disk.
type syncer struct {
	refused error // why a wait was not possible
}

func (opt Options) syncer() *syncer {
	if !opt.Sync {
		return nil
	}
	return &syncer{}
}

// warnUnsynced warns if the commit could not wait for the disk.
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

// conclude is the second and the third wait. Between them the journal ends, and from
// then on no run puts the names back.
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

// dirsOf returns the directories of the plan, and of other names.
func (c *committer) dirsOf(names []string) []string {
	for _, j := range c.work {
		names = append(names, j.Name, j.staged, j.backup)
	}
	return parents(names)
}

// parents returns the directories of the names, each once.
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

// syncDirs waits until the names in directories are on the disk. It skips a missing
// directory.
func (d disk) syncDirs(names []string) error { return d.syncAll("fsync", names, (*os.File).Sync) }

// syncsAtOnce is the limit of simultaneous waits. One write of the file system's own
// journal ends all waits for it.
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

// pass drops an error that says that waiting is not possible. The file system may have
// no such call (EINVAL, ENOTSUP), the kernel or a filter of system calls may refuse it
// (ENOSYS, EPERM), or the file may be unreadable (EACCES). The kernel then writes the
// data in its own time, as without [Options.Sync], and each name is still old or new
// for its readers. Any other error, such as EIO or ENOSPC, means that data was lost.
func (s *syncer) pass(err error) error {
	for _, harmless := range []error{syscall.EINVAL, syscall.ENOTSUP, syscall.ENOSYS, fs.ErrPermission} {
		if errors.Is(err, harmless) {
			s.refused = err
			return nil
		}
	}
	return err
}
