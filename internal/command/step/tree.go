package step

import (
	"io/fs"
	"os"
	"path"

	"golang.org/x/sys/unix"
)

// tree is a root on the disk. The root of a container is untrusted: no link in it
// leads outside.
type tree struct{ *os.Root }

// in runs f on the tree of a root.
func in(root string, f func(tree) error) error {
	r, err := os.OpenRoot(root)
	if err != nil {
		return err
	}
	defer r.Close()
	return f(tree{r})
}

// look returns the status of a name, or nil if it does not exist.
func (t tree) look(name string) *status {
	var st unix.Stat_t
	if t.within(name, func(dir int, base string) error { return unix.Fstatat(dir, base, &st, unix.AT_SYMLINK_NOFOLLOW) }) != nil {
		return nil
	}
	return (*status)(&st)
}

// setTimes sets the times of the last read and the last write of a name.
func (t tree) setTimes(name string, times *status) error {
	return t.within(name, func(dir int, base string) error {
		at := []unix.Timespec{times.Atim, times.Mtim}
		if err := unix.UtimesNanoAt(dir, base, at, unix.AT_SYMLINK_NOFOLLOW); err != nil {
			return &fs.PathError{Op: "utimensat", Path: name, Err: err}
		}
		return nil
	})
}

// within runs f on the directory of a name, with the last element of the name.
func (t tree) within(name string, f func(dir int, base string) error) error {
	dir, err := t.Open(path.Dir(name))
	if err != nil {
		return err
	}
	defer dir.Close()
	return f(int(dir.Fd()), path.Base(name))
}

// overwrite replaces the content of a file, and keeps the file.
func (t tree) overwrite(name string, data []byte) error {
	f, err := t.open(name, os.O_WRONLY|os.O_TRUNC)
	if err != nil {
		return err
	}
	if _, err := f.Write(data); err != nil {
		_ = f.Close()
		return err
	}
	return f.Close()
}

// open opens a file of any kind without waiting.
func (t tree) open(name string, flag int) (*os.File, error) {
	return t.OpenFile(name, flag|unix.O_NONBLOCK|unix.O_NOFOLLOW, 0)
}
