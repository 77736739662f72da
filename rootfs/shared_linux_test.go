package rootfs

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/certgraft/certgraft/internal/hint"
)

// sharing returns three roots, each above the next. All see the file in the last one,
// as the roots of containers see a volume.
func sharing(t *testing.T) (above, one, other string) {
	t.Helper()
	above = t.TempDir()
	one, other = filepath.Join(above, "one"), filepath.Join(above, "one/other")
	for _, dir := range []string{one + "/etc", other} {
		if err := os.MkdirAll(dir, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(filepath.Join(other, "file"), nil, 0o644); err != nil {
		t.Fatal(err)
	}
	return above, one, other
}

func appending(name, text string) func(*Overlay) error {
	return func(o *Overlay) error {
		data, err := o.ReadFile(name)
		return errors.Join(err, o.WriteFile(name, append(data, text...), 0))
	}
}

// None of sixty edits of one directory through three roots, and through a link, is
// lost: G5.
func TestG5RootsThatShareADirectory(t *testing.T) {
	above, one, other := sharing(t)
	if err := os.Symlink("one/other", filepath.Join(above, "link")); err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	for i, at := range []struct{ root, name string }{{above, "one/other/file"}, {one, "other/file"}, {other, "file"}, {above, "link/file"}} {
		wg.Go(func() {
			for j := range 15 {
				if err := Update(at.root, appending(at.name, fmt.Sprintf("%d.%d,", i, j))); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	data, err := os.ReadFile(filepath.Join(other, "file"))
	if n := strings.Count(string(data), ","); err != nil || n != 60 {
		t.Errorf("%d of 60: %v", n, err)
	}
	left, err := os.ReadDir(other)
	if err != nil || len(left) != 1 {
		t.Errorf("left: %v, %v", left, err)
	}
}

// hold locks a directory as another process would.
func hold(t *testing.T, dir string) (release func()) {
	t.Helper()
	f, err := os.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	if err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil {
		t.Fatal(err)
	}
	return func() { _ = f.Close() }
}

// The wait for a shared directory ends with its timeout or its context, names the
// directory, and leaves the root unchanged.
func TestSharedDirectoryTimesOut(t *testing.T) {
	above, _, other := sharing(t)
	defer hold(t, other)()
	_, err := Options{LockTimeout: 50 * time.Millisecond}.Update(t.Context(), above, appending("one/other/file", "x"))
	if err == nil || !strings.Contains(err.Error(), other) || !strings.Contains(err.Error(), "another certgraft") || !strings.Contains(strings.Join(hint.Of(err), " "), "--lock-timeout") {
		t.Errorf("%v, hint %q", err, hint.Of(err))
	}
	ctx, cancel := context.WithCancel(t.Context())
	time.AfterFunc(50*time.Millisecond, cancel)
	if _, err := (Options{}).Update(ctx, above, appending("one/other/file", "x")); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	if data, err := os.ReadFile(filepath.Join(other, "file")); err != nil || len(data) > 0 {
		t.Errorf("%q, %v", data, err)
	}
	free := hold(t, above) // the update holds no lock any more
	free()
}

// If another process changes a directory between its reading and its locking, the edit
// runs again, except with Once.
func TestEditRunsAgain(t *testing.T) {
	for _, once := range []bool{false, true} {
		above, _, other := sharing(t)
		time.Sleep(2 * clockTick) // a younger directory counts as changed
		runs := 0
		edit := func(o *Overlay) error {
			runs++
			err := appending("one/other/file", "mine")(o)
			if runs == 1 {
				name := filepath.Join(other, "file")
				err = errors.Join(err, os.WriteFile(name+"2", []byte("theirs "), 0o644), os.Rename(name+"2", name))
			}
			return err
		}
		if _, err := (Options{Once: once}).Update(t.Context(), above, edit); err != nil {
			t.Fatal(err)
		}
		data, err := os.ReadFile(filepath.Join(other, "file"))
		if err != nil || !once && (runs != 2 || string(data) != "theirs mine") || once && runs != 1 {
			t.Errorf("once %v: %d runs, %q, %v", once, runs, data, err)
		}
	}
}

// An edit of a directory that no other process changes runs once.
func TestEditRunsOnce(t *testing.T) {
	above, _, _ := sharing(t)
	time.Sleep(2 * clockTick)
	runs := 0
	err := Update(above, func(o *Overlay) error { runs++; return appending("one/other/file", "x")(o) })
	if err != nil || runs != 1 {
		t.Errorf("%d runs, %v", runs, err)
	}
}

// Directories are locked by device and inode, each once, whatever the order of their
// names. For a missing one, the nearest above it is locked.
func TestOrderOfLocks(t *testing.T) {
	dir := t.TempDir()
	var names []string
	for _, name := range []string{"d", "b", "a", "c", "e"} {
		if err := os.Mkdir(filepath.Join(dir, name), 0o755); err != nil {
			t.Fatal(err)
		}
		names = append(names, name)
	}
	if err := os.Symlink("a", filepath.Join(dir, "link")); err != nil {
		t.Fatal(err)
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		t.Fatal(err)
	}
	c := &committer{disk: disk{tree: newTree(root)}, dir: dir, result: &Result{}, locks: dirLocks{}, unlockable: map[inode]bool{}}
	defer c.Close()
	c.seen = sightings{}
	slices.Sort(names)
	for range 2 {
		wanted, err := c.candidates(append(names, "a", "c/missing/deep", ".", "missing"))
		if err != nil {
			t.Fatal(err)
		}
		if len(wanted) != 5 { // the root has its own lock
			t.Errorf("%d directories: %v", len(wanted), wanted)
		}
		if !slices.IsSortedFunc(wanted, func(a, b candidate) int { return int(int64(a.ino) - int64(b.ino)) }) {
			t.Errorf("not in order: %v", wanted)
		}
		slices.Reverse(names)
	}
}

// Staged files in a directory that another process has locked belong to that process
// and stay. After its end they are swept.
func TestSweptUnderTheLock(t *testing.T) {
	above, _, other := sharing(t)
	name := filepath.Join(other, (&committer{}).stagedBase(t))
	if err := os.WriteFile(name, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	look := func(o *Overlay) error { _, err := o.ReadDir("one/other"); return err }
	free := hold(t, other)
	if err := Update(above, look); err != nil {
		t.Error(err)
	}
	if _, err := os.Lstat(name); err != nil {
		t.Errorf("it was another's: %v", err)
	}
	free()
	if err := Update(above, look); err != nil {
		t.Error(err)
	}
	if _, err := os.Lstat(name); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("it is left: %v", err)
	}
}

// stagedBase returns the base name of a staged file.
func (c *committer) stagedBase(t *testing.T) string {
	t.Helper()
	base := filepath.Base(c.stagingName("file"))
	if !isStaged(base) {
		t.Fatalf("%s is no name of a staged file", base)
	}
	return base
}

// A journal in a shared directory belongs to a running process while that process has
// the directory locked: the update undoes nothing.
func TestRecoveryBesideALiveProcess(t *testing.T) {
	above, one, other := sharing(t)
	const marker = "other/marker"
	halfway := make(chan struct{})
	goOn := make(chan struct{})
	first := make(chan error, 1)
	go func() {
		var once sync.Once
		_, err := UpdateWith(context.Background(), one, Options{Marker: marker}, func(op, name string) error {
			if op == "rename" && name == "other/file" {
				once.Do(func() { close(halfway); <-goOn })
			}
			return nil
		}, func(o *Overlay) error {
			return errors.Join(appending("other/file", "first ")(o), o.WriteFile(marker, []byte("first"), 0o644))
		})
		first <- err
	}()
	select {
	case <-halfway:
	case err := <-first:
		t.Fatalf("it never came half-way: %v", err)
	}
	second := make(chan *Result, 1)
	go func() {
		result, err := Options{Marker: "one/" + marker}.Update(context.Background(), above, appending("one/other/file", "second "))
		if err != nil {
			t.Error(err)
		}
		second <- result
	}()
	select {
	case <-second:
		t.Error("it did not wait")
	case <-time.After(200 * time.Millisecond):
	}
	close(goOn)
	if err := <-first; err != nil {
		t.Error(err)
	}
	if result := <-second; result != nil && len(result.Warnings) > 0 {
		t.Errorf("warnings: %v", result.Warnings)
	}
	if data, err := os.ReadFile(filepath.Join(other, "file")); err != nil || string(data) != "first second " {
		t.Errorf("%q, %v", data, err)
	}
}

// A bind mount and its directory have the same lock.
func TestBindMountsAreOneDirectory(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("only root mounts")
	}
	dir := t.TempDir()
	shared := filepath.Join(dir, "shared")
	var roots []string
	for _, name := range []string{"shared", "a/etc", "b/etc"} {
		if err := os.MkdirAll(filepath.Join(dir, name), 0o755); err != nil {
			t.Fatal(err)
		}
		if name == "shared" {
			continue
		}
		at := filepath.Join(dir, name)
		if err := unix.Mount(shared, at, "", unix.MS_BIND, ""); err != nil {
			t.Skipf("no bind mounts here: %v", err)
		}
		t.Cleanup(func() { _ = unix.Unmount(at, unix.MNT_DETACH) })
		roots = append(roots, filepath.Dir(at))
	}
	defer hold(t, shared)()
	for _, root := range roots {
		_, err := Options{LockTimeout: 20 * time.Millisecond}.Update(t.Context(), root, func(o *Overlay) error { return o.WriteFile("etc/new", nil, 0o644) })
		if err == nil || errors.Is(err, syscall.ENOENT) || !strings.Contains(err.Error(), "another certgraft") {
			t.Errorf("%s: %v", root, err)
		}
	}
}

// A directory that has just changed counts as changed: another change could have the
// same time.
func TestFreshDirectoryIsTakenForChanged(t *testing.T) {
	dir := t.TempDir()
	var st unix.Stat_t
	if err := unix.Stat(dir, &st); err != nil {
		t.Fatal(err)
	}
	at := func(nsec int64) time.Time { return time.Unix(st.Ctim.Sec, nsec) }
	for _, c := range []struct {
		name  string
		nsec  int64 // nanoseconds of the change
		now   time.Time
		fresh bool
	}{
		{"in the tick of the clock", 8_000_000, at(8_000_000), true},
		{"in the tick, by a finer clock", 8_000_001, at(8_000_000), true},
		{"a tick ago", 8_000_000, at(12_000_000), false},
		{"this second, where there are only whole ones", 0, at(900_000_000), true},
		{"last second, where there is only every other", 0, at(0).Add(1900 * time.Millisecond), true},
		{"long ago, where there are only whole ones", 0, at(0).Add(3 * time.Second), false},
	} {
		st.Ctim.Nsec = c.nsec
		seen := sightings{".": sighted(&st, c.now)}
		if seen.same(".", &st) == c.fresh {
			t.Errorf("changed %s: taken for changed: %v", c.name, !c.fresh)
		}
	}
	if !(sightings{}).same(".", &st) {
		t.Error("what nobody has read is taken for changed")
	}
}

// A change has at least the time that an earlier change would have had.
func TestChangeTime(t *testing.T) {
	dir := t.TempDir()
	for i := range 200 {
		before := changeTime()
		if err := os.WriteFile(filepath.Join(dir, strconv.Itoa(i)), nil, 0o600); err != nil {
			t.Fatal(err)
		}
		var st unix.Stat_t
		if err := unix.Stat(dir, &st); err != nil {
			t.Fatal(err)
		}
		if changed := time.Unix(st.Ctim.Unix()); changed.Before(before) {
			t.Fatalf("at %v a change has the time %v", before, changed)
		}
	}
}
