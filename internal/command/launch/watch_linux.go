package launch

import (
	"os"
	"path/filepath"
	"time"

	"golang.org/x/sys/unix"
)

// changes are the events after which a name may have other content.
const changes = unix.IN_CLOSE_WRITE | unix.IN_MOVED_TO | unix.IN_CREATE | unix.IN_DELETE | unix.IN_ATTRIB | unix.IN_ONLYDIR

// A watch first asks for the file often, and after a while uses inotify. The
// kernel takes up to 20 ms to close inotify, which is more than the whole of a
// short command.
const (
	often = 2 * time.Millisecond
	brief = 100 * time.Millisecond
)

// Watch calls changed each time the file may have changed. The file need not
// exist. After stop has returned, changed is not called again.
func Watch(name string, changed func()) (stop func()) {
	w := &watch{name: name, changed: changed, before: identity(name), quit: make(chan struct{})}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		if w.poll() {
			w.listen()
		}
	}()
	return func() { close(w.quit); <-ended }
}

type watch struct {
	name    string
	changed func()
	before  fileID
	quit    chan struct{}
}

// look calls changed if the file is another than before.
func (w *watch) look() {
	if now := identity(w.name); now != w.before {
		w.before = now
		w.changed()
	}
}

// poll looks often. It reports whether the watch is to go on after that.
func (w *watch) poll() bool {
	again, end := time.NewTicker(often), time.NewTimer(brief)
	defer again.Stop()
	for {
		select {
		case <-w.quit:
			return false
		case <-end.C:
			return true
		case <-again.C:
			w.look()
		}
	}
}

// listen looks after each event of inotify.
func (w *watch) listen() {
	fd, err := unix.InotifyInit1(unix.IN_CLOEXEC | unix.IN_NONBLOCK)
	if err != nil {
		return // inotify is missing or used up: the command sees no later change
	}
	events := os.NewFile(uintptr(fd), "inotify")
	go func() { <-w.quit; _ = events.Close() }()
	buf := make([]byte, 4096)
	for {
		arm(fd, w.name)
		w.look()
		if _, err := events.Read(buf); err != nil {
			return
		}
	}
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
