package rootfs_test

import (
	"errors"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/certgraft/certgraft/internal/roottest"
	"github.com/certgraft/certgraft/rootfs"
)

// operation is one operation on the disk.
type operation struct{ op, name string }

func (o operation) waits() bool { return o.op == "fdatasync" || o.op == "fsync" }

// recorded runs the edit and returns its operations in order. fail may be nil.
func (c crash) recorded(t *testing.T, dir string, opt rootfs.Options, fail func(operation) error) (all []operation, result *rootfs.Result, err error) {
	t.Helper()
	var mu sync.Mutex // the commit makes files and links at the same time
	result, err = rootfs.UpdateWith(t.Context(), dir, opt, func(op, name string) error {
		mu.Lock()
		defer mu.Unlock()
		all = append(all, operation{op, name})
		if fail == nil {
			return nil
		}
		return fail(operation{op, name})
	}, c.edit)
	return all, result, err
}

// Without Options.Sync the commit does not wait for the disk.
func TestNothingWaits(t *testing.T) {
	all := crashes(t)
	all["put back"] = crash{tree: all["install on Debian"].tree, edit: all["install on Debian"].edit}
	for name, c := range all {
		dir, busy := c.fresh(t), func(o operation) error {
			if o.op == "rename" && strings.HasSuffix(o.name, ".crt") {
				return syscall.EBUSY // as for a mount point, so that it is written in place
			}
			return nil
		}
		if name == "put back" {
			c.killedAt(t, dir, 20, crashOptions)
			busy = nil
		}
		ops, _, err := c.recorded(t, dir, crashOptions, busy)
		must(t, err)
		if i := slices.IndexFunc(ops, operation.waits); i >= 0 {
			t.Errorf("%s: %v", name, ops[i])
		}
	}
}

// If waiting for the disk is not possible, the commit continues and warns once. If the
// disk reports lost data, the commit fails.
func TestRefusedWaits(t *testing.T) {
	c := crashes(t)["install on Debian"]
	was, want := c.whole(t)
	opt := crashOptions
	opt.Sync = true
	for errno, harmless := range map[syscall.Errno]bool{
		syscall.EINVAL: true, syscall.ENOSYS: true, syscall.ENOTSUP: true, syscall.EPERM: true, syscall.EACCES: true,
		syscall.EIO: false, syscall.ENOSPC: false, syscall.EDQUOT: false, syscall.EROFS: false,
	} {
		for _, op := range []string{"fdatasync", "fsync"} {
			dir := c.fresh(t)
			_, result, err := c.recorded(t, dir, opt, func(o operation) error {
				if o.op == op {
					return errno
				}
				return nil
			})
			if (err == nil) != harmless {
				t.Fatalf("%s, %v: %v", op, errno, err)
			}
			if !harmless {
				roottest.Same(t, op+", "+errno.Error(), was, dump(t, dir))
				continue
			}
			roottest.Same(t, op+", "+errno.Error(), want, dump(t, dir))
			if len(result.Warnings) != 1 || !strings.Contains(result.Warnings[0], "power failure") || !strings.Contains(result.Warnings[0], dir) {
				t.Errorf("%s, %v: %q", op, errno, result.Warnings)
			}
		}
	}
}

// A failed commit syncs the restored names before its journal is removed.
func TestRollbackIsOnDisk(t *testing.T) {
	c := crashes(t)["install on Debian"]
	opt := crashOptions
	opt.Sync = true
	dir := c.fresh(t)
	was, failed := dump(t, dir), false
	var synced []string
	_, _, err := c.recorded(t, dir, opt, func(o operation) error {
		switch {
		case strings.HasSuffix(o.name, journalFile+"-done"): // the commit has switched all names
			failed = true
			return syscall.EIO
		case failed && o.op == "fsync":
			now := dump(t, dir)
			if now["etc/ssl/certs/ca-certificates.crt"] != was["etc/ssl/certs/ca-certificates.crt"] || now["usr/local/share/"+journalFile] == "" {
				t.Errorf("%s is synced before names are put back, or after the journal has gone", o.name)
			}
			synced = append(synced, o.name)
		}
		return nil
	})
	if !errors.Is(err, syscall.EIO) || !slices.Contains(synced, "etc/ssl/certs") {
		t.Errorf("%v, synced %v", err, synced)
	}
	roottest.Same(t, "put back", was, dump(t, dir))
}

// The run after a killed one syncs the restored names before the journal is removed.
func TestPutBackIsOnDisk(t *testing.T) {
	c := crashes(t)["install on Debian"]
	opt := crashOptions
	opt.Sync = true
	dir := c.fresh(t)
	for n := 0; ; n++ {
		killed, _ := c.killedAt(t, dir, n, crashOptions)
		if !killed {
			t.Fatal("nothing was to be put back")
		}
		ops, _, err := crash{edit: func(*rootfs.Overlay) error { return nil }}.recorded(t, dir, opt, nil)
		must(t, err)
		last := slices.IndexFunc(ops, func(o operation) bool { return o.op == "rename" }) // the rename of a backup
		if last < 0 {
			continue
		}
		for i, o := range ops {
			if o.op == "rename" {
				last = i
			}
		}
		gone := slices.IndexFunc(ops, func(o operation) bool { return o.op == "remove" && filepath.Base(o.name) == journalFile })
		if !slices.Contains(ops[last:gone], operation{"fsync", filepath.Dir(ops[last].name)}) {
			t.Errorf("%v", ops)
		}
		return
	}
}

// An output and the directories above it are on the disk before its mark is removed.
func TestOutputIsOnDisk(t *testing.T) {
	c := crashes(t)["install on Debian"]
	opt := crashOptions
	opt.Sync, opt.Output = true, filepath.Join(inMemory(t), "new/out")
	ops, _, err := c.recorded(t, c.fresh(t), opt, nil)
	must(t, err)
	mark := slices.Index(ops, operation{"remove", ".certgraft-output"})
	if mark < 0 || !slices.Equal(ops[mark+1:], []operation{{"fsync", "."}}) {
		t.Fatalf("%v", ops)
	}
	for _, o := range ops[1:mark] {
		switch {
		case o.op == "create" && !slices.Contains(ops[:mark], operation{"fdatasync", o.name}):
			t.Errorf("the data of %s is not on the disk: %v", o.name, ops)
		case !o.waits() && !slices.Contains(ops[:mark], operation{"fsync", filepath.Dir(o.name)}):
			t.Errorf("the name %s is not on the disk: %v", o.name, ops)
		}
	}
}
