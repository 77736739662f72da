package step

import (
	"io/fs"
	"iter"
	"os"
	"path"

	"golang.org/x/sys/unix"

	"github.com/certgraft/certgraft/rootfs"
)

// kept is what a name was before the step, and how the step left it.
type kept struct {
	Before, After *status // nil where nothing was
	Directory     bool
	Data          []byte // of a regular file
	Target        string // of a link
}

// made reports whether the step made this directory.
func (k kept) made() bool { return k.Directory && k.Before == nil }

// gainedName reports whether a file has more names than when the step left it.
func (k kept) gainedName(now *status) bool {
	return k.After != nil && now != nil && !k.Directory && now.Ino == k.After.Ino && now.Dev == k.After.Dev && now.Nlink > k.After.Nlink
}

// setTimes sets when a name was read and written last.
func setTimes(root, name string, times *status) error {
	return within(root, name, func(dir int, base string) error {
		at := []unix.Timespec{times.Atim, times.Mtim}
		if err := unix.UtimesNanoAt(dir, base, at, unix.AT_SYMLINK_NOFOLLOW); err != nil {
			return &fs.PathError{Op: "utimensat", Path: name, Err: err}
		}
		return nil
	})
}

// within runs f on the directory that a name is in, and what the name is called
// there. The root of a container is somebody else's: no link in it leads out of it.
func within(root, name string, f func(dir int, base string) error) error {
	r, err := os.OpenRoot(root)
	if err != nil {
		return err
	}
	defer r.Close()
	dir, err := r.Open(path.Dir(name))
	if err != nil {
		return err
	}
	defer dir.Close()
	return f(int(dir.Fd()), path.Base(name))
}

// keep remembers what an edit is about to change, and the directories above, whose
// times change with it.
func keep(root string, r *rootfs.Overlay) (map[string]kept, error) {
	all := map[string]kept{}
	for c := range r.Changes() {
		k := kept{Before: look(root, c.Name), Directory: c.Mode.IsDir() && !c.Removed}
		if err := k.read(root, c.Name); err != nil {
			return nil, err
		}
		all[c.Name] = k
		for dir := range upwards(path.Dir(c.Name)) {
			if _, known := all[dir]; !known {
				all[dir] = kept{Before: look(root, dir), Directory: true}
			}
		}
	}
	return all, nil
}

// upwards yields a name and the directories above it, the root last.
func upwards(name string) iter.Seq[string] {
	return func(yield func(string) bool) {
		for ; yield(name) && name != "."; name = path.Dir(name) {
		}
	}
}

func (k *kept) read(root, name string) (err error) {
	if k.Before == nil || k.Directory {
		return nil
	}
	r, err := os.OpenRoot(root)
	if err != nil {
		return err
	}
	defer r.Close()
	if k.Before.isLink() {
		k.Target, err = r.Readlink(name)
	} else {
		k.Data, err = fs.ReadFile(r.FS(), name)
	}
	return err
}

// status is what lstat(2) says of a name.
type status unix.Stat_t

// look returns the status of a name, nil where there is none.
func look(root, name string) *status {
	var st unix.Stat_t
	if within(root, name, func(dir int, base string) error { return unix.Fstatat(dir, base, &st, unix.AT_SYMLINK_NOFOLLOW) }) != nil {
		return nil
	}
	return (*status)(&st)
}

func (s *status) isLink() bool { return s.Mode&unix.S_IFMT == unix.S_IFLNK }

func (s *status) mode() fs.FileMode { return fs.FileMode(s.Mode & 0o777) }

// same reports whether a name is the same file as then and nobody has changed it,
// its bytes, owner or times.
func (s *status) same(now *status) bool {
	if s == nil || now == nil {
		return s == now
	}
	return s.Dev == now.Dev && s.Ino == now.Ino && s.Ctim == now.Ctim && s.sameTimes(now) &&
		s.Mode == now.Mode && s.Uid == now.Uid && s.Gid == now.Gid && s.Size == now.Size
}

// sameTimes reports whether a name was last written when it was then.
func (s *status) sameTimes(now *status) bool {
	return s != nil && now != nil && s.Mtim == now.Mtim
}

// overwrite writes data into the file that a name is.
func overwrite(root, name string, data []byte) error {
	f, err := openIn(root, name, os.O_WRONLY|os.O_TRUNC)
	if err != nil {
		return err
	}
	if _, err := f.Write(data); err != nil {
		_ = f.Close()
		return err
	}
	return f.Close()
}

// openIn opens a file of a root, whatever it is, without waiting.
func openIn(root, name string, flag int) (*os.File, error) {
	r, err := os.OpenRoot(root)
	if err != nil {
		return nil, err
	}
	defer r.Close()
	return r.OpenFile(name, flag|unix.O_NONBLOCK|unix.O_NOFOLLOW, 0)
}
