package rootfs

import (
	"errors"
	"os"

	"golang.org/x/sys/unix"
)

// noAtime is the flag of open(2) with which reading a file leaves its time of
// access alone.
const noAtime = unix.O_NOATIME

func syncfs(f *os.File) error { return unix.Syncfs(int(f.Fd())) }

// reserve makes sure that size bytes can be written to f.
func reserve(f *os.File, size int64) error {
	if size == 0 {
		return nil // which fallocate(2) takes for a mistake
	}
	err := unix.Fallocate(int(f.Fd()), unix.FALLOC_FL_KEEP_SIZE, 0, size)
	if errors.Is(err, unix.ENOTSUP) || errors.Is(err, unix.ENOSYS) {
		return nil
	}
	return err
}
