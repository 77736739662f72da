package rootfs

import "context"

// UpdateWith is [Options.Update] with a hook that sees each operation on the disk
// before it runs, also those that undo an earlier run.
func UpdateWith(ctx context.Context, dir string, opt Options, hook func(op, name string) error, edit func(*Overlay) error) (*Result, error) {
	return opt.update(ctx, dir, edit, hook)
}

// IsStaged reports whether base is the name of a staged file or of the journal.
func IsStaged(base string) bool { return isStaged(base) || isJournal(base) }
