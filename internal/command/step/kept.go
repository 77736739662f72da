package step

import (
	"io/fs"
	"iter"
	"path"

	"golang.org/x/sys/unix"

	"github.com/certgraft/certgraft/rootfs"
)

// kept is the state of a name before the step, and after Enter.
type kept struct {
	Before, After *status // nil if the name did not exist
	Directory     bool
	Data          []byte // of a regular file
	Target        string // of a link
}

// made reports whether the step made this directory.
func (k kept) made() bool { return k.Directory && k.Before == nil }

// gainedName reports whether a file has more names now than after Enter.
func (k kept) gainedName(now *status) bool {
	return k.After != nil && now != nil && !k.Directory && now.Ino == k.After.Ino && now.Dev == k.After.Dev && now.Nlink > k.After.Nlink
}

// keep remembers the names that an edit will change, and the directories above,
// whose times will change too.
func keep(t tree, r *rootfs.Overlay) (map[string]kept, error) {
	all := map[string]kept{}
	for c := range r.Changes() {
		k := kept{Before: t.look(c.Name), Directory: c.Mode.IsDir() && !c.Removed}
		if err := k.read(t, c.Name); err != nil {
			return nil, err
		}
		all[c.Name] = k
		for dir := range upwards(path.Dir(c.Name)) {
			if _, known := all[dir]; !known {
				all[dir] = kept{Before: t.look(dir), Directory: true}
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

func (k *kept) read(t tree, name string) (err error) {
	switch {
	case k.Before == nil || k.Directory:
	case k.Before.isLink():
		k.Target, err = t.Readlink(name)
	default:
		k.Data, err = fs.ReadFile(t.FS(), name)
	}
	return err
}

// status is the result of lstat(2).
type status unix.Stat_t

func (s *status) isLink() bool { return s.Mode&unix.S_IFMT == unix.S_IFLNK }

func (s *status) mode() fs.FileMode { return fs.FileMode(s.Mode & 0o777) }

// same reports whether a name is the same file in both states, with the same
// bytes, owner and times.
func (s *status) same(now *status) bool {
	if s == nil || now == nil {
		return s == now
	}
	return s.Dev == now.Dev && s.Ino == now.Ino && s.Ctim == now.Ctim && s.sameTimes(now) &&
		s.Mode == now.Mode && s.Uid == now.Uid && s.Gid == now.Gid && s.Size == now.Size
}

// sameTimes reports whether both states have the same time of the last write.
func (s *status) sameTimes(now *status) bool {
	return s != nil && now != nil && s.Mtim == now.Mtim
}
