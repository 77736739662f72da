package step

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"path"
	"slices"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/certgraft/certgraft/installer"
	"github.com/certgraft/certgraft/rootfs"
)

// The file of a step lies beside the record.
const (
	ownerPrefix = "run-"
	ownerSuffix = ".json"
)

// owner is the process that needs a step. Its file is locked while it lives. If
// the owner is not the process that took the step, as with the first process of a
// container, the file names it instead.
type owner struct {
	name    string   // of the file, in the root
	file    *os.File // which is locked
	Source  string   `json:"source"` // in the record
	Process *process `json:"process,omitempty"`
}

// newOwner returns the owner of a new step: the process pid, or this process for
// 0.
func newOwner(pid int) (o *owner, err error) {
	token := rand.Text()[:12]
	o = &owner{name: path.Join(path.Dir(installer.RecordPath), ownerPrefix+token+ownerSuffix), Source: "run " + token}
	if pid != 0 {
		o.Process, err = processOf(pid)
	}
	return o, err
}

func (o *owner) write(r *rootfs.Overlay) error {
	data, err := json.Marshal(o)
	if err != nil {
		return err
	}
	if err := r.WriteFile(o.name, append(data, '\n'), 0o644); err != nil {
		return err
	}
	o.name, err = r.Resolve(o.name)
	return err
}

// hold locks the file of the owner until this process ends, if this process is the
// owner.
func (o *owner) hold(root string) (err error) {
	if o.Process != nil {
		return nil
	}
	if o.file, err = o.open(root); err != nil {
		return err
	}
	_ = unix.Flock(int(o.file.Fd()), unix.LOCK_EX|unix.LOCK_NB) // without locks Clear clears no step either
	return nil
}

func (o *owner) release() {
	if o.file != nil {
		_ = o.file.Close()
	}
}

// lives reports whether the owner of a step lives. If its file cannot be read, the
// owner counts as alive.
func (o *owner) lives(root string) bool {
	if o.Process != nil {
		return o.Process.lives()
	}
	f, err := o.open(root)
	if err != nil {
		return !errors.Is(err, fs.ErrNotExist)
	}
	defer f.Close()
	return unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB) != nil
}

// open opens the file of the owner.
func (o *owner) open(root string) (f *os.File, err error) {
	err = in(root, func(t tree) error {
		f, err = t.open(o.name, os.O_RDONLY)
		return err
	})
	return f, err
}

// ownersIn returns the owners of the steps on a root.
func ownersIn(r *rootfs.Overlay) ([]*owner, error) {
	dir, err := r.Resolve(path.Dir(installer.RecordPath))
	if err != nil {
		return nil, ignoreMissing(err)
	}
	entries, err := r.ReadDir(dir)
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

// Clear takes the steps of dead owners out of a root, and returns their number.
func Clear(ctx context.Context, opt Options) (cleared int, err error) {
	left, err := anyLeft(opt.Root)
	if err != nil || !left {
		return 0, err
	}
	_, err = opt.Update.Update(ctx, opt.Root, func(r *rootfs.Overlay) (err error) {
		cleared, err = Withdraw(r, opt)
		return err
	})
	return cleared, err
}

// Withdraw does the same as [Clear], within an edit of the root.
func Withdraw(r *rootfs.Overlay, opt Options) (cleared int, err error) {
	owners, err := ownersIn(r)
	if err != nil {
		return 0, err
	}
	for _, o := range owners {
		if o.lives(opt.Root) {
			continue
		}
		if err := r.Remove(o.name); err != nil {
			return cleared, err
		}
		if err := withdraw(r, opt.Stores, o); err != nil {
			return cleared, err
		}
		cleared++
	}
	return cleared, nil
}

// anyLeft reports whether a root has a step of a dead owner. In a root without
// steps it reads only one directory.
func anyLeft(root string) (bool, error) {
	r, closer, err := rootfs.ReadOnly(root)
	if err != nil {
		return false, err
	}
	defer closer.Close()
	owners, err := ownersIn(r.(*rootfs.Overlay))
	if err != nil {
		return false, err
	}
	return slices.ContainsFunc(owners, func(o *owner) bool { return !o.lives(root) }), nil
}
