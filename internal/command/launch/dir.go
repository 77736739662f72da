package launch

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"
)

// prefix is the beginning of the name of a run's directory.
const prefix = "certgraft-run-"

// Bases returns the places for the directory of a run, the best first. Tmp is the
// value of TMPDIR, or "". A file system in memory is good, because a run in it
// leaves no trace in a layer of an image, not even a changed time. If the
// container was made for this process, TMPDIR may come from the image and lie in
// its layer, and /dev comes from the runtime.
func Bases(tmp, home string, inStep bool) []string {
	bases := []string{tmp, "/dev/shm", "/tmp", "/var/tmp", "/run", home, ".", "/"}
	if inStep {
		bases = append([]string{"/dev/shm", "/dev"}, bases...)
	}
	return slices.DeleteFunc(bases, func(base string) bool { return base == "" })
}

// InStep reports whether a container was made for this process: it is the first
// process, or the child of the first, which is a shell.
func InStep() bool { return os.Getpid() == 1 || os.Getppid() == 1 }

// Dir is the directory of a run. It is locked exactly as long as the process
// lives.
type Dir struct {
	Path string
	lock *os.File
}

// IsDir reports whether name looks like the directory of a run.
func IsDir(name string) bool { return strings.HasPrefix(filepath.Base(name), prefix) }

// MakeDir makes a directory in the first of bases in which fill succeeds.
func MakeDir(bases []string, fill func(dir string) error) (*Dir, error) {
	var failures []error
	for _, base := range bases {
		dir, err := newDir(base)
		if err != nil {
			failures = append(failures, err)
			continue
		}
		if err = fill(dir.Path); err == nil {
			return dir, nil
		}
		failures = append(failures, err, dir.Remove())
	}
	return nil, errors.Join(failures...)
}

func newDir(base string) (*Dir, error) {
	base, err := filepath.Abs(base)
	if err != nil {
		return nil, err
	}
	info, err := os.Stat(base)
	if err != nil {
		return nil, err
	}
	if info.Mode().Perm()&0o002 != 0 && info.Mode()&fs.ModeSticky == 0 {
		return nil, fmt.Errorf("%s: anyone may replace what others have in it", base)
	}
	name, err := os.MkdirTemp(base, prefix)
	if err != nil {
		return nil, err
	}
	// Programs below the command may run as other users, as the methods of apt do.
	// This mode lets them read the directory whatever the umask is.
	if err := os.Chmod(name, 0o755); err != nil {
		return nil, errors.Join(err, os.Remove(name))
	}
	lock, err := os.Open(name)
	if err != nil {
		return nil, errors.Join(err, os.Remove(name))
	}
	_ = syscall.Flock(int(lock.Fd()), syscall.LOCK_EX|syscall.LOCK_NB) // without locks Sweep removes no directory either
	return &Dir{name, lock}, nil
}

// Remove removes the directory and its content.
func (d *Dir) Remove() error { return errors.Join(os.RemoveAll(d.Path), d.lock.Close()) }

// Sweep removes the directories that killed runs left behind. It returns the
// removed directories, and why it could not remove others.
func Sweep(bases []string) (swept []string, failures []error) {
	for _, base := range bases {
		entries, err := os.ReadDir(base)
		if err != nil {
			continue
		}
		for _, entry := range entries {
			if strings.HasPrefix(entry.Name(), prefix) && entry.IsDir() {
				name := filepath.Join(base, entry.Name())
				gone, err := sweepDir(name)
				if err != nil {
					failures = append(failures, err)
				} else if gone {
					swept = append(swept, name)
				}
			}
		}
	}
	return swept, failures
}

// sweepDir removes the directory of a run of this user if no process has locked
// it. An empty directory stays for an hour: its run may be about to lock it.
func sweepDir(name string) (gone bool, err error) {
	dir, err := os.OpenFile(name, os.O_RDONLY|syscall.O_NOFOLLOW|syscall.O_DIRECTORY, 0)
	if err != nil {
		return false, nil //nolint:nilerr // somebody else's, or gone
	}
	defer dir.Close()
	info, err := dir.Stat()
	if err != nil {
		return false, nil //nolint:nilerr // as above
	}
	owner, ok := info.Sys().(*syscall.Stat_t)
	if !ok || int(owner.Uid) != os.Geteuid() || syscall.Flock(int(dir.Fd()), syscall.LOCK_EX|syscall.LOCK_NB) != nil {
		return false, nil
	}
	if inside, err := dir.Readdirnames(1); (err != nil || len(inside) == 0) && time.Since(info.ModTime()) < time.Hour {
		return false, nil
	}
	if err := os.RemoveAll(name); err != nil {
		return false, err
	}
	return true, nil
}
