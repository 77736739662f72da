package rootfs

import (
	"context"
	"errors"
	"fmt"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/certgraft/certgraft/internal/hint"
)

// lockFile takes flock(2) on an open directory. This lock leaves no file behind and
// ends with the process. If the file system has no such lock, lockFile warns.
func (opt Options) lockFile(ctx context.Context, fd int, dir string, result *Result) (locked bool, err error) {
	timeout := opt.LockTimeout
	if timeout == 0 {
		timeout = time.Minute
	}
	ctx, cancel := context.WithTimeoutCause(ctx, timeout, errLockTimeout)
	defer cancel()
	for {
		if ctx.Err() != nil {
			return false, lockError(ctx, dir, timeout)
		}
		err := unix.Flock(fd, unix.LOCK_EX|unix.LOCK_NB)
		switch {
		case err == nil:
			return true, nil
		case errors.Is(err, syscall.EINTR):
			continue
		case !errors.Is(err, syscall.EWOULDBLOCK):
			result.Warnings = append(result.Warnings, fmt.Sprintf("%s cannot be locked (%v): do not run two at once on it", dir, err))
			return false, nil
		}
		select {
		case <-time.After(20 * time.Millisecond):
		case <-ctx.Done():
			return false, lockError(ctx, dir, timeout)
		}
	}
}

var errLockTimeout = errors.New("the time for waiting is up")

func lockError(ctx context.Context, dir string, timeout time.Duration) error {
	if cause := context.Cause(ctx); !errors.Is(cause, errLockTimeout) {
		return fmt.Errorf("wait for another process that edits %s: %w", dir, cause)
	}
	err := fmt.Errorf("%s is locked by another process, and was for %s: another certgraft edits it, in a container that shares it perhaps", dir, timeout)
	return hint.Add(err, "wait for it to end, or allow more time with --lock-timeout; fuser -v "+dir+" names who has it open")
}
