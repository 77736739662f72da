package rootfs

import (
	"context"
	"os"
	"slices"
	"time"
)

// Options say how to update a root. The zero value commits to the root itself, and does
// not wait for the disk.
type Options struct {
	DryRun      bool                  // change nothing, and only return the changes
	Output      string                // write only the changes into this directory, and leave the root unchanged
	ModTime     time.Time             // time of everything in Output
	Marker      string                // name of a file that marks an Output of an earlier run, which may be replaced; the journal is beside it
	LockTimeout time.Duration         // time to wait for another process; 0 is 1 minute
	Sync        bool                  // wait until all is on the disk, to survive a power failure; kill -9 needs no wait
	Unread      func(dir string) bool // directories whose readers take every file, so that no file is staged there
	Once        bool                  // edit also changes things outside the root, and must run once
	Committed   func() error          // runs after the commit, before another Update can begin
}

// Result says what an update changed.
type Result struct {
	Changes  []Change // sorted by name; in a dry run, changes not made
	InPlace  []string // mount points, or names in one, that were written in place: kill -9 could have left half
	Warnings []string // problems that did not make the update fail

	locked bool // no other process commits to the root
}

// Update runs edit on an overlay of the root file system in dir and then commits the
// changes. If edit fails, the root stays as it was. The edit can run more than once:
// see [Options.Update].
func Update(dir string, edit func(*Overlay) error) error {
	_, err := Options{}.Update(context.Background(), dir, edit)
	return err
}

// Update is like the function [Update], with options. Another Update of the same
// directory waits for this one, up to its LockTimeout or until its ctx is done. The
// edit runs again if another process may have changed one of its directories before it
// was locked. This includes a directory that was changed a few milliseconds before it
// was read. The results of an earlier run of edit are out of date.
func (opt Options) Update(ctx context.Context, dir string, edit func(*Overlay) error) (*Result, error) {
	return opt.update(ctx, dir, edit, nil)
}

func (opt Options) update(ctx context.Context, dir string, edit func(*Overlay) error, before func(op, name string) error) (*Result, error) {
	made, err := opt.makeOutput()
	if err != nil {
		return nil, err
	}
	result, err := opt.updateRoot(ctx, dir, edit, before)
	if err != nil {
		removeEmpty(made)
	}
	return result, err
}

func (opt Options) updateRoot(ctx context.Context, dir string, edit func(*Overlay) error, before func(op, name string) error) (*Result, error) {
	root, err := openRoot(dir)
	if err != nil {
		return nil, err
	}
	t := newTree(root)
	defer t.Close()
	result := &Result{}
	unlock, err := opt.lock(ctx, root, dir, result)
	if err != nil {
		return nil, err
	}
	defer unlock()
	t.seen = sightings{}
	c := &committer{disk: disk{tree: t, before: before, sync: opt.syncer()}, dir: dir, opt: opt, result: result, locks: dirLocks{}, unlockable: map[inode]bool{}}
	defer c.locks.release()
	if err := c.recover(ctx); err != nil {
		return nil, err
	}
	if err := c.edit(ctx, edit); err != nil {
		return nil, err
	}
	switch {
	case opt.DryRun:
	case opt.Output != "":
		err = opt.export(c.disk, result.Changes)
	default:
		err = c.commit(result.Changes)
	}
	if err != nil {
		return nil, err
	}
	c.warnUnsynced()
	if opt.Committed != nil {
		return result, opt.Committed()
	}
	return result, nil
}

// edit runs edit and locks the directories of its changes. If another process edited
// one of them before it was locked, edit runs again on the new content.
func (c *committer) edit(ctx context.Context, edit func(*Overlay) error) error {
	for {
		c.overlay = NewOverlay(c.tree)
		c.overlay.elsewhere = c.opt.Output != ""
		if err := edit(c.overlay); err != nil {
			return err
		}
		c.result.Changes = slices.Collect(c.overlay.Changes())
		if c.opt.DryRun || c.opt.Output != "" || len(c.result.Changes) == 0 {
			return nil
		}
		if err := c.overlay.try(); err != nil {
			return explain(c.dir, err)
		}
		if err := c.plan(c.result.Changes); err != nil || !c.result.locked {
			return err
		}
		same, err := c.lockDirs(ctx, c.edited())
		if err != nil || same || c.opt.Once {
			return err
		}
		c.forget(".")
		clear(c.seen)
	}
}

// lock locks the directory that receives the commit.
func (opt Options) lock(ctx context.Context, root *os.Root, dir string, result *Result) (unlock func(), err error) {
	var f *os.File
	switch {
	case opt.Output == "":
		f, err = root.Open(".")
	case opt.DryRun:
		return func() {}, nil
	default:
		dir = opt.Output
		f, err = os.Open(dir)
	}
	if err != nil {
		return nil, explain(dir, err)
	}
	if result.locked, err = opt.lockFile(ctx, int(f.Fd()), dir, result); err != nil {
		_ = f.Close() // nothing was written
		return nil, err
	}
	return func() { _ = f.Close() }, nil
}
