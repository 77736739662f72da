package store

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"syscall"
	"time"

	"github.com/certgraft/certgraft/internal/hint"
)

// Who enters an image in a layout or an archive reads what it holds, and writes it
// with the image. Another process that does so meanwhile would lose what this one
// enters, so each holds a lock in between: flock(2), which leaves no file behind and
// ends with its process.

// How long one waits for another: to write an archive takes its time, to write an
// index a moment.
const (
	archiveWait = 5 * time.Minute
	indexWait   = time.Minute
)

// lockFile locks a file in a directory. One that is written anew is another file
// under its name, which is locked then. A file that does not exist is made by one
// process at a time: the directory is locked. Where locks are unknown there is none.
func lockFile(ctx context.Context, dir *os.Root, name string) (io.Closer, error) {
	for {
		f, err := dir.OpenFile(name, os.O_RDONLY|syscall.O_NONBLOCK, 0)
		if errors.Is(err, fs.ErrNotExist) {
			f, err = dir.Open(".")
		}
		if err != nil {
			return dir, nil // to read or to write it fails by a better error
		}
		if err := flock(ctx, f, archiveWait); err != nil {
			return nil, errors.Join(err, f.Close())
		}
		if isNow(f, dir, name) {
			return f, nil
		}
		f.Close()
	}
}

// isNow reports whether an open file still has its name, or is the directory in
// which nothing has it.
func isNow(f *os.File, dir *os.Root, name string) bool {
	own, err := f.Stat()
	if err != nil {
		return true // and no lock would be better
	}
	now, err := dir.Stat(name)
	return err != nil && own.IsDir() || err == nil && os.SameFile(own, now)
}

// flock takes the lock of an open file.
func flock(ctx context.Context, f *os.File, most time.Duration) error {
	ctx, cancel := context.WithTimeoutCause(ctx, most, errLocked)
	defer cancel()
	for {
		err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
		if !errors.Is(err, syscall.EWOULDBLOCK) && !errors.Is(err, syscall.EINTR) {
			return nil
		}
		select {
		case <-time.After(10 * time.Millisecond):
		case <-ctx.Done():
			err := fmt.Errorf("wait for another process that writes to it: %w", context.Cause(ctx))
			return hint.Add(err, "wait for that process to end, and run this again: fuser -v "+f.Name()+" names it")
		}
	}
}

var errLocked = errors.New("it does not end, and holds the lock")
