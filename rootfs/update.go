package rootfs

import (
	"context"
	"os"
	"slices"
	"time"
)

// Options say how a root is updated. The zero value commits to the root itself,
// and leaves it to the kernel when the data reaches the disk.
type Options struct {
	DryRun      bool                  // change nothing, only return what would change
	Output      string                // write the changes alone into this directory and leave the root as it is
	ModTime     time.Time             // of everything in Output
	Marker      string                // name of a file that tells an Output of an earlier run, which is renewed; the journal is beside it
	LockTimeout time.Duration         // how long to wait for another process; 0 is a minute
	Sync        bool                  // wait until all is on the disk: a power failure is then survived as kill -9 always is
	Unread      func(dir string) bool // directories whose readers take every file: nothing is staged in them
	Once        bool                  // edit changes more than the root and must not run twice
	Committed   func() error          // runs when all is committed, before another Update can begin
}

// Result says what an update did.
type Result struct {
	Changes  []Change // by name; of a dry run, what would change
	InPlace  []string // names that were mount points, or in one, and were written in place: kill -9 could have left half
	Warnings []string // what could not be done and did not matter enough to fail

	locked bool // nobody else commits to the root
}

// Update runs edit on an overlay of the root file system in dir and commits the
// changes after edit has returned: an edit that fails leaves the root as it was.
// The edit can run more than once: see [Options.Update].
func Update(dir string, edit func(*Overlay) error) error {
	_, err := Options{}.Update(context.Background(), dir, edit)
	return err
}

// Update is like the function [Update], with options. Another Update of the
// same directory waits for this one, until its ctx is done or its time is up.
// The edit runs again if another process may have changed a directory that it
// edits before that was locked: one that is changed by then, or was changed a few
// milliseconds before it was read. What an earlier run has found is out of date.
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

// edit runs edit and locks the directories of what it changed. Was one of them
// edited by another process before it was locked, then the edit runs again, on
// what that one has left.
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

// lock takes the lock on the directory that the commit goes to.
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
