package step

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/certgraft/certgraft/installer"
	"github.com/certgraft/certgraft/rootfs"
)

// The file of a step is beside the record.
const (
	ownerPrefix = "run-"
	ownerSuffix = ".json"
)

// owner is who lives off a step. Its file is locked as long as it lives; where it
// is not one process, as with the hooks of a container, the process named in the
// file lives.
type owner struct {
	name   string   // of the file, in the root
	file   *os.File // which is locked
	Source string   `json:"source"` // in the record
	PID    int      `json:"pid,omitempty"`
	Start  string   `json:"start,omitempty"` // of that process, as /proc/PID/stat has it
}

func (o *owner) write(r *rootfs.Overlay) error {
	data, err := json.Marshal(o)
	if err != nil {
		return err
	}
	return r.WriteFile(o.name, append(data, '\n'), 0o644)
}

// hold locks the file of the owner until this process ends.
func (o *owner) hold(root string) (err error) {
	if o.file, err = o.open(root); err != nil {
		return err
	}
	_ = unix.Flock(int(o.file.Fd()), unix.LOCK_EX|unix.LOCK_NB) // where there are no locks nothing is cleared either
	return nil
}

// open opens the file without waiting, whatever it is.
func (o *owner) open(root string) (*os.File, error) {
	return os.OpenFile(filepath.Join(root, o.name), os.O_RDONLY|unix.O_NONBLOCK|unix.O_NOFOLLOW, 0)
}

func (o *owner) release() {
	if o.file != nil {
		_ = o.file.Close()
	}
}

// lives reports whether the owner of a step lives. A file that cannot be asked is
// taken to be of one that does.
func (o *owner) lives(root string) bool {
	if o.PID != 0 && o.Start != "" && o.Start == startOf(o.PID) {
		return true
	}
	f, err := o.open(root)
	if err != nil {
		return !errors.Is(err, fs.ErrNotExist)
	}
	defer f.Close()
	return unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB) != nil
}

// startOf returns when a process started, as /proc/PID/stat has it; "" where there
// is none.
func startOf(pid int) string {
	data, err := fs.ReadFile(os.DirFS("/proc"), strconv.Itoa(pid)+"/stat")
	if err != nil {
		return ""
	}
	fields := bytes.Fields(data[bytes.LastIndexByte(data, ')')+1:]) // behind the name, which may have blanks
	if len(fields) < 20 {
		return ""
	}
	return string(fields[19])
}

// ownersIn returns the owners of the steps on a root.
func ownersIn(r fs.FS) ([]*owner, error) {
	dir := path.Dir(installer.RecordPath)
	entries, err := fs.ReadDir(r, dir)
	if err != nil {
		return nil, ignoreMissing(err)
	}
	var owners []*owner
	for _, e := range entries {
		if !strings.HasPrefix(e.Name(), ownerPrefix) || !strings.HasSuffix(e.Name(), ownerSuffix) {
			continue
		}
		o := &owner{name: path.Join(dir, e.Name())}
		data, err := fs.ReadFile(r, o.name)
		if err != nil {
			return nil, err
		}
		if json.Unmarshal(data, o) == nil && o.Source != "" {
			owners = append(owners, o)
		}
	}
	return owners, nil
}

// Clear takes the steps of those who do not live any more out of a root, and
// returns how many there were.
func Clear(ctx context.Context, opt Options) (cleared int, err error) {
	owners, err := ownersIn(os.DirFS(opt.Root))
	if err != nil || !anyDead(opt.Root, owners) {
		return 0, err
	}
	_, err = opt.Update.Update(ctx, opt.Root, func(r *rootfs.Overlay) error {
		cleared = 0
		owners, err := ownersIn(r)
		if err != nil {
			return err
		}
		for _, o := range owners {
			if o.lives(opt.Root) {
				continue
			}
			if err := withdraw(r, opt.Stores, o); err != nil {
				return err
			}
			if err := r.Remove(o.name); err != nil {
				return err
			}
			cleared++
		}
		return nil
	})
	return cleared, err
}

func anyDead(root string, owners []*owner) bool {
	for _, o := range owners {
		if !o.lives(root) {
			return true
		}
	}
	return false
}
