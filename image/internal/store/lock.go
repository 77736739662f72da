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

// Entering an image in a layout or an archive reads the contents, and writes
// them with the image. Without a lock, another process could overwrite the
// image in between. The lock is flock(2): it leaves no file, and ends with its
// process.

// Limits of the wait for another process: an archive takes minutes to write, an
// index a moment.
const (
	archiveWait = 5 * time.Minute
	indexWait   = time.Minute
)

// lockFile locks a file in a directory. If another process replaced the file
// meanwhile, lockFile locks the new one. If the file does not exist, it locks
// the directory, so one process at a time makes the file. On a file system
// without locks it does not lock.
func lockFile(ctx context.Context, dir *os.Root, name string) (io.Closer, error) {
	for {
		f, err := dir.OpenFile(name, os.O_RDONLY|syscall.O_NONBLOCK, 0)
		if errors.Is(err, fs.ErrNotExist) {
			f, err = dir.Open(".")
		}
		if err != nil {
			return dir, nil // reading or writing fails with a better error
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

// isNow reports whether an open file still has its name, or is the directory
// and the name still does not exist.
func isNow(f *os.File, dir *os.Root, name string) bool {
	own, err := f.Stat()
	if err != nil {
		return true // another lock would not be better
	}
	now, err := dir.Stat(name)
	return err != nil && own.IsDir() || err == nil && os.SameFile(own, now)
}

// flock takes the lock of an open file. On a file system without locks it does
// nothing.
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
