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
func Update(dir string, edit func(*Overlay) error) error {
	_, err := Options{}.Update(context.Background(), dir, edit)
	return err
}

// Update is like the function [Update], with options. Another Update of the
// same directory waits for this one, until its ctx is done or its time is up.
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
	c := &committer{disk: disk{tree: t, before: before, sync: opt.syncer()}, dir: dir, opt: opt, result: result}
	if err := c.recover(); err != nil {
		return nil, err
	}
	overlay := NewOverlay(t)
	if err := edit(overlay); err != nil {
		return nil, err
	}
	result.Changes = slices.Collect(overlay.Changes())
	c.overlay = overlay
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
	return result, nil
}

// lock takes the lock on the directory that the commit goes to.
func (opt Options) lock(ctx context.Context, root *os.Root, dir string, result *Result) (unlock func(), err error) {
	if opt.Output == "" {
		f, err := root.Open(".")
		if err != nil {
			return nil, explain(dir, err)
		}
		return opt.lockFile(ctx, f, dir, result)
	}
	if opt.DryRun {
		return func() {}, nil
	}
	f, err := os.Open(opt.Output)
	if err != nil {
		return nil, explain(opt.Output, err)
	}
	return opt.lockFile(ctx, f, opt.Output, result)
}
