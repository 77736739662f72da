package launch

import (
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// changes are what may give a name another content.
const changes = unix.IN_CLOSE_WRITE | unix.IN_MOVED_TO | unix.IN_CREATE | unix.IN_DELETE | unix.IN_ATTRIB | unix.IN_ONLYDIR

// Watch calls changed whenever the file name, which need not exist, may be another
// one than before. Nothing is watched once stop has returned.
func Watch(name string, changed func()) (stop func()) {
	fd, err := unix.InotifyInit1(unix.IN_CLOEXEC | unix.IN_NONBLOCK)
	if err != nil {
		return func() {} // there are too many, or none at all: the command sees what was there before it
	}
	events, ended := os.NewFile(uintptr(fd), "inotify"), make(chan struct{})
	arm(fd, name)
	before := identity(name)
	go func() {
		defer close(ended)
		buf := make([]byte, 4096)
		for {
			if _, err := events.Read(buf); err != nil {
				return
			}
			arm(fd, name)
			if now := identity(name); now != before {
				before = now
				changed()
			}
		}
	}()
	return func() { _ = events.Close(); <-ended }
}

// arm watches the directories above a file, and above what it leads to: one may be
// made, or be another one now.
func arm(fd int, name string) {
	real, err := filepath.EvalSymlinks(name)
	for _, at := range []string{name, real} {
		for dir := filepath.Dir(at); at != "" && len(dir) > 1; dir = filepath.Dir(dir) {
			_, _ = unix.InotifyAddWatch(fd, dir, changes) // it may be missing
		}
		if err != nil {
			return
		}
	}
}

// fileID tells one state of a file from another.
type fileID struct {
	dev, ino uint64
	size     int64
	written  unix.Timespec
}

func identity(name string) fileID {
	var st unix.Stat_t
	if unix.Stat(name, &st) != nil {
		return fileID{}
	}
	return fileID{uint64(st.Dev), st.Ino, st.Size, st.Mtim} //nolint:unconvert // narrower elsewhere
}
