package launch

import (
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// changes are the events after which a name may have other content.
const changes = unix.IN_CLOSE_WRITE | unix.IN_MOVED_TO | unix.IN_CREATE | unix.IN_DELETE | unix.IN_ATTRIB | unix.IN_ONLYDIR

// Watch calls changed each time the file may have changed. The file need not
// exist. After stop has returned, changed is not called again.
func Watch(name string, changed func()) (stop func()) {
	fd, err := unix.InotifyInit1(unix.IN_CLOEXEC | unix.IN_NONBLOCK)
	if err != nil {
		return func() {} // inotify is missing or used up: the command sees the files as they were at its start
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

// arm watches the directories above a file and above the target of a link. Any of
// them may since have been created or replaced.
func arm(fd int, name string) {
	real, err := filepath.EvalSymlinks(name)
	for _, at := range []string{name, real} {
		for dir := filepath.Dir(at); at != "" && len(dir) > 1; dir = filepath.Dir(dir) {
			_, _ = unix.InotifyAddWatch(fd, dir, changes) // the directory may be missing
		}
		if err != nil {
			return
		}
	}
}

// fileID differs between two states of a file.
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
