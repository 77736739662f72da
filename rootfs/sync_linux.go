package rootfs

import (
	"errors"
	"io/fs"
	"os"
	"time"

	"golang.org/x/sys/unix"
)

// noAtime is the flag of open(2) with which reading does not change a file's access
// time.
const noAtime = unix.O_NOATIME

// datasync waits until the data and the size of f are on the disk. It does not wait for
// the times.
func datasync(f *os.File) error {
	for {
		switch err := unix.Fdatasync(int(f.Fd())); {
		case err == nil:
			return nil
		case !errors.Is(err, unix.EINTR):
			return &fs.PathError{Op: "fdatasync", Path: f.Name(), Err: err}
		}
	}
}

// reserve makes sure that size bytes can be written to f.
func reserve(f *os.File, size int64) error {
	if size == 0 {
		return nil // fallocate(2) refuses size 0
	}
	err := unix.Fallocate(int(f.Fd()), unix.FALLOC_FL_KEEP_SIZE, 0, size)
	if errors.Is(err, unix.ENOTSUP) || errors.Is(err, unix.ENOSYS) {
		return nil
	}
	return err
}

// changeTime returns the time that the kernel would give to a change now. The kernel
// takes it from a clock with ticks of up to 10 milliseconds.
func changeTime() time.Time {
	var now unix.Timespec
	if unix.ClockGettime(unix.CLOCK_REALTIME_COARSE, &now) != nil {
		return time.Now().Add(-clockTick)
	}
	return time.Unix(now.Unix())
}
