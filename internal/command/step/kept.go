package step

import (
	"io/fs"
	"os"
	"path"
	"path/filepath"

	"golang.org/x/sys/unix"

	"github.com/certgraft/certgraft/rootfs"
)

// kept is what a name was before the step, and how the step left it.
type kept struct {
	before, after *status // nil where nothing was
	directory     bool
	data          []byte // of a regular file
	target        string // of a link
}

// made reports whether the step made this directory.
func (k kept) made() bool { return k.directory && k.before == nil }

// gainedName reports whether a file has more names than when the step left it.
func (k kept) gainedName(now *status) bool {
	return k.after != nil && now != nil && !k.directory && now.Ino == k.after.Ino && now.Dev == k.after.Dev && now.Nlink > k.after.Nlink
}

// setTimes sets when a name was read and written last.
func setTimes(root, name string, times *status) error {
	at := []unix.Timespec{times.Atim, times.Mtim}
	if err := unix.UtimesNanoAt(unix.AT_FDCWD, filepath.Join(root, name), at, unix.AT_SYMLINK_NOFOLLOW); err != nil {
		return &fs.PathError{Op: "utimensat", Path: name, Err: err}
	}
	return nil
}

// keep remembers what an edit is about to change, and the directories above, whose
// times change with it.
func keep(root string, r *rootfs.Overlay) (map[string]kept, error) {
	all := map[string]kept{}
	for c := range r.Changes() {
		k := kept{before: look(root, c.Name), directory: c.Mode.IsDir() && !c.Removed}
		if err := k.read(root, c.Name); err != nil {
			return nil, err
		}
		all[c.Name] = k
		for dir := path.Dir(c.Name); ; dir = path.Dir(dir) {
			if _, known := all[dir]; !known {
				all[dir] = kept{before: look(root, dir), directory: true}
			}
			if dir == "." {
				break
			}
		}
	}
	return all, nil
}

func (k *kept) read(root, name string) (err error) {
	switch at := filepath.Join(root, name); {
	case k.before == nil || k.directory:
	case k.before.isLink():
		k.target, err = os.Readlink(at)
	default:
		k.data, err = fs.ReadFile(os.DirFS(root), name)
	}
	return err
}

// status is what lstat(2) says of a name.
type status unix.Stat_t

// look returns the status of a name, nil where there is none.
func look(root, name string) *status {
	var st unix.Stat_t
	if unix.Lstat(filepath.Join(root, name), &st) != nil {
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
	f, err := os.OpenFile(filepath.Join(root, name), os.O_WRONLY|os.O_TRUNC|unix.O_NOFOLLOW, 0)
	if err != nil {
		return err
	}
	if _, err := f.Write(data); err != nil {
		_ = f.Close()
		return err
	}
	return f.Close()
}
