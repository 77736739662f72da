package rootfs

import (
	"time"

	"golang.org/x/sys/unix"
)

// inode names a directory, whatever path leads to it.
type inode struct{ dev, ino uint64 }

func inodeOf(st *unix.Stat_t) inode { return inode{uint64(st.Dev), st.Ino} } //nolint:unconvert // Dev has another type elsewhere

// sighting is what a directory was when something was first read in it. A
// commit stages files in each directory that it edits, which changes its times.
type sighting struct {
	inode

	modified, changed unix.Timespec
	fresh             bool // so recently changed that another change could have the same time
}

// sightings are those of directories, by name; nil where nobody compares them.
type sightings map[string]sighting

// clockTick is the longest time for which the clock of a file system stands.
const clockTick = 11 * time.Millisecond

func (s sightings) note(name string, fd int) {
	if s == nil {
		return
	}
	if _, noted := s[name]; noted {
		return
	}
	var st unix.Stat_t
	now := changeTime()
	if unix.Fstat(fd, &st) == nil { // else it is taken for changed
		s[name] = sighted(&st, now)
	}
}

// sighted returns what a directory was. Now is the time that a change would have had
// before st was read: any later one has that time at least.
func sighted(st *unix.Stat_t, now time.Time) sighting {
	changed := time.Unix(st.Ctim.Unix())
	if changed.Nanosecond() == 0 { // there are file systems that have no more than every other second
		changed = changed.Add(2 * time.Second)
	}
	return sighting{inodeOf(st), st.Mtim, st.Ctim, !changed.Before(now)}
}

// same reports whether the directory is as it was when it was first read. One
// that nobody has read is.
func (s sightings) same(name string, st *unix.Stat_t) bool {
	was, read := s[name]
	return !read || !was.fresh && was.inode == inodeOf(st) && was.modified == st.Mtim && was.changed == st.Ctim
}
