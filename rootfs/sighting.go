package rootfs

import (
	"time"

	"golang.org/x/sys/unix"
)

// inode identifies a directory, whatever path leads to it.
type inode struct{ dev, ino uint64 }

func inodeOf(st *unix.Stat_t) inode { return inode{uint64(st.Dev), st.Ino} } //nolint:unconvert // Dev has another type elsewhere

// sighting is the state of a directory when an edit first read in it. A commit later
// stages files in each directory that it edits, which changes its times.
type sighting struct {
	inode

	modified, changed unix.Timespec
	fresh             bool // changed so recently that another change could have the same time
}

// sightings are the states of directories, by name; nil if no caller compares them.
type sightings map[string]sighting

// clockTick is the longest time between two ticks of a file system's clock.
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
	if unix.Fstat(fd, &st) == nil { // a failure leaves no sighting
		s[name] = sighted(&st, now)
	}
}

// sighted returns the state of a directory. now is the time that a change would have
// had before st was read: a later change has at least that time.
func sighted(st *unix.Stat_t, now time.Time) sighting {
	changed := time.Unix(st.Ctim.Unix())
	if changed.Nanosecond() == 0 { // some file systems only store every other second
		changed = changed.Add(2 * time.Second)
	}
	return sighting{inodeOf(st), st.Mtim, st.Ctim, !changed.Before(now)}
}

// same reports whether the directory is as it was when first read. A directory that was
// never read is the same.
func (s sightings) same(name string, st *unix.Stat_t) bool {
	was, read := s[name]
	return !read || !was.fresh && was.inode == inodeOf(st) && was.modified == st.Mtim && was.changed == st.Ctim
}
