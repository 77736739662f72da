//go:build e2e

package bench

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"syscall"
	"testing"
	"time"

	"github.com/certgraft/certgraft/e2e/rig"
)

// benchInstalls measures install of the RDS snapshot: beside the real tool, beside
// the first round's binary, and while another process has pages to write; and its
// removal beside the first round's.
func benchInstalls(t *testing.T, add func(what string, ours, theirs time.Duration, most float64, promised string)) {
	t.Helper()
	first := firstRound(t)
	for _, on := range []struct {
		disk bool
		name string
		most float64
		word string
	}{
		{true, "a disk", 1.3, "at most 1.3 of the first round, which did not ask who trusts it now"},
		{false, "tmpfs", 1.3, "at most 1.3 of the first round, which did not ask who trusts it now"},
	} {
		roots := newCopies(t, on.disk)
		ours, theirs := medians(9, roots.install(t, rig.Certgraft), roots.tool(t))
		add("install the RDS snapshot on a Debian root on "+on.name+", and awk with update-ca-certificates", ours, theirs, 1.0/15, "at most 1/15")
		if first == "" {
			continue
		}
		ours, theirs = medians(41, roots.install(t, rig.Certgraft), roots.install(t, first))
		add("the same on "+on.name+", and the first round", ours, theirs, on.most, on.word)
		ours, theirs = medians(41, roots.remove(t, rig.Certgraft), roots.remove(t, first))
		add("remove it on "+on.name+", and the first round", ours, theirs, 1.2, "at most 1.2 of the first round")
	}
	with, without := benchDirty(t)
	add("the same on a disk with 3 GB that another process wrote, and without", with, without, 1.2, "at most 1.2")
}

// firstRound builds the binary of the first round, "" where the clone is too
// shallow to have it.
func firstRound(t *testing.T) string {
	t.Helper()
	const commit = "4c675e9"
	if _, err := rig.Try(t, "git", "-C", rig.File("."), "cat-file", "-e", commit+"^{commit}"); err != nil {
		t.Logf("this clone does not have %s: nothing is measured beside the first round", commit)
		return ""
	}
	dir := t.TempDir()
	binary := filepath.Join(dir, "certgraft")
	rig.Run(t, "sh", "-ec", `git -C "$1" archive "$2" | tar -C "$3" -x && make -s -C "$3" build BINARY="$4"`, "sh", rig.File("."), commit, dir, binary)
	return binary
}

// copies are fresh copies of one root, made as they are asked for.
type copies struct {
	base string
	n    int
}

// newCopies makes a Debian root with the RDS bundle in /tmp, on a disk or in
// memory.
func newCopies(t *testing.T, disk bool) *copies {
	t.Helper()
	base := rig.Debian(t, "trixie")
	rig.Run(t, "sh", "-ec", `rm -rf "$1"/usr/share/doc "$1"/usr/share/locale "$1"/var/cache/* "$1"/var/lib/apt`, "sh", base) // nothing here reads them
	if disk {
		base = spread(t, base)
	} else {
		ram := rig.Mount(t, "-t", "tmpfs", "-o", "size=6g", "tmpfs")
		rig.Run(t, "cp", "-a", base, ram)
		base = filepath.Join(ram, filepath.Base(base))
	}
	rig.Run(t, rig.Certgraft, "bundle", "--offline", "--output", filepath.Join(base, "tmp/rds.pem"), "aws-rds")
	return &copies{base: base}
}

// fresh returns a copy with nothing left to write to the disk. The copy before it
// is removed.
func (c *copies) fresh(t *testing.T) string {
	t.Helper()
	_ = os.RemoveAll(fmt.Sprintf("%s-%d", c.base, c.n))
	c.n++
	root := fmt.Sprintf("%s-%d", c.base, c.n)
	rig.Run(t, "cp", "-a", c.base, root)
	syscall.Sync()
	return root
}

func (c *copies) install(t *testing.T, binary string) func() time.Duration {
	return func() time.Duration {
		root := c.fresh(t)
		start := time.Now()
		rig.Run(t, binary, "install", "--offline", "--quiet", "--root", root, "aws-rds")
		return time.Since(start)
	}
}

// remove measures the removal of what the same binary has installed.
func (c *copies) remove(t *testing.T, binary string) func() time.Duration {
	install := c.install(t, binary)
	return func() time.Duration {
		install()
		root := fmt.Sprintf("%s-%d", c.base, c.n)
		syscall.Sync()
		start := time.Now()
		rig.Run(t, binary, "remove", "--quiet", "--root", root, "--all")
		return time.Since(start)
	}
}

func (c *copies) tool(t *testing.T) func() time.Duration {
	const split = `cd /usr/local/share/ca-certificates && awk '/-----BEGIN/{n++} {print > ("rds-" n ".crt")}' /tmp/rds.pem && update-ca-certificates`
	return func() time.Duration {
		root := c.fresh(t)
		start := time.Now()
		rig.Chroot(t, root, "sh", "-ec", split)
		return time.Since(start)
	}
}

// benchDirty measures install with and without 3 GB of another process's pages
// that wait to be written to the same file system.
func benchDirty(t *testing.T) (with, without time.Duration) {
	t.Helper()
	roots := newCopies(t, true)
	install := roots.install(t, rig.Certgraft)
	dirty := filepath.Join(filepath.Dir(roots.base), "dirty")
	return medians(15, func() time.Duration {
		root := roots.fresh(t)
		rig.Run(t, "dd", "if=/dev/zero", "of="+dirty, "bs=1M", "count=3072", "status=none")
		start := time.Now()
		rig.Run(t, rig.Certgraft, "install", "--offline", "--quiet", "--root", root, "aws-rds")
		took := time.Since(start)
		_ = os.Remove(dirty) // its pages need not be written
		return took
	}, install)
}

// spread copies a root to a directory whose subdirectories ext4 lays out far
// from each other, by their names, and so from what this and other tests have
// removed a moment ago: it is slow to give away inodes that were freed within
// the last minutes, which no build of an image comes upon.
func spread(t *testing.T, root string) string {
	t.Helper()
	dir := t.TempDir()
	if out, err := rig.Try(t, "chattr", "+T", dir); err != nil {
		t.Logf("no ext4: %v %s", err, out)
	}
	base := filepath.Join(dir, strconv.FormatInt(time.Now().UnixNano(), 36))
	rig.Run(t, "cp", "-a", root, base)
	return base
}
