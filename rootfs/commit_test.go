package rootfs

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"testing/fstest"

	"github.com/certgraft/certgraft/internal/roottest"
)

// before is a root, and edit turns it into after.
var before = fstest.MapFS{
	"etc/bundle":     {Data: []byte("old bundle\n"), Mode: 0o640},
	"etc/link":       {Data: []byte("bundle"), Mode: fs.ModeSymlink | 0o777},
	"etc/via":        {Data: []byte("bundle"), Mode: fs.ModeSymlink | 0o777},
	"etc/going":      {Data: []byte("going"), Mode: 0o600},
	"etc/going-link": {Data: []byte("going"), Mode: fs.ModeSymlink | 0o777},
	"etc/dir/only":   {Data: []byte("only"), Mode: 0o644},
	"etc/same":       {Data: []byte("same"), Mode: 0o644},
}

func edit(o *Overlay) error {
	return errors.Join(
		o.WriteFile("etc/via", []byte("new bundle\n"), 0o777), // through the link
		o.WriteFile("etc/same", []byte("same"), 0o644),
		o.WriteFile("new/dir/file", []byte("new"), 0o604),
		o.Symlink("dir/file", "new/link"),
		o.Symlink("elsewhere", "etc/link"),
		o.Remove("etc/going"),
		o.Remove("etc/going-link"),
		o.Remove("etc/dir/only"),
		o.Remove("etc/dir"),
	)
}

func makeRoot(t *testing.T) (dir string, root *os.Root) {
	t.Helper()
	dir = t.TempDir()
	roottest.WriteTo(t, before, dir)
	root, err := os.OpenRoot(dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = root.Close() })
	return dir, root
}

func dump(t *testing.T, root *os.Root) map[string]string {
	t.Helper()
	return roottest.Dump(t, root.FS().(fs.ReadLinkFS))
}

// commitWith commits edit with a hook that sees each operation.
func commitWith(root *os.Root, dir string, hook func(op, name string) error) error {
	o := NewOverlay(root.FS().(fs.ReadLinkFS))
	if err := edit(o); err != nil {
		return err
	}
	var changes []Change
	for c := range o.Changes() {
		changes = append(changes, c)
	}
	var mu sync.Mutex // files and links are staged at the same time
	before := func(op, name string) error {
		mu.Lock()
		defer mu.Unlock()
		return hook(op, name)
	}
	c := &committer{disk: disk{tree: newTree(root), before: before, sync: &syncer{}}, dir: dir, result: &Result{locked: true}, overlay: o}
	return planAndCommit(c, changes)
}

func planAndCommit(c *committer, changes []Change) error {
	if err := c.plan(changes); err != nil {
		return err
	}
	return c.commit(changes)
}

// The commit writes the journal first. The data of the journal and of all staged files
// is on the disk before their directories. These are on the disk before the first name
// changes, and again before the journal ends. The end of the journal is on the disk
// before the backups are removed.
func TestCommitOrder(t *testing.T) {
	dir, root := makeRoot(t)
	phases := []string{"mkdir create symlink link", "fdatasync", "fsync", "rename appear", "fsync", "end", "fsync", "remove"}
	seen := make([][]string, len(phases)) // names
	at, started := 0, false
	var ops, created []string
	see := func(op, name string) error {
		switch {
		case op == "rename" && name == journalName:
			started = true
			return nil
		case op == "rename" && name == journalDone:
			op = "end"
		case op == "symlink" && !isStaged(filepath.Base(name)):
			op = "appear"
		case op == "create":
			created = append(created, name)
		}
		ops = append(ops, op)
		if !started {
			return nil
		}
		for at < len(phases) && !slices.Contains(strings.Fields(phases[at]), op) {
			at++
		}
		if at == len(phases) {
			return fmt.Errorf("%s %s is out of its place in %v", op, name, ops)
		}
		seen[at] = append(seen[at], name)
		return nil
	}
	if err := commitWith(root, dir, see); err != nil {
		t.Fatal(err)
	}
	if ops[0] != "create" {
		t.Errorf("the journal is not first: %v", ops)
	}
	created[0] = journalName // the name after the rename
	sameNames(t, "files whose data is on the disk", created, seen[1])
	for _, phase := range []int{2, 4} {
		sameNames(t, "directories on the disk", []string{".", "etc", "new", "new/dir", "etc/dir"}, seen[phase])
	}
	sameNames(t, "directory of the journal", []string{"."}, seen[6])
	for i, names := range seen {
		if len(names) == 0 {
			t.Errorf("no %s in its place in %v", phases[i], ops)
		}
	}
}

func sameNames(t *testing.T, what string, want, got []string) {
	t.Helper()
	if want, got = slices.Sorted(slices.Values(want)), slices.Sorted(slices.Values(got)); !slices.Equal(want, got) {
		t.Errorf("%s: %v, want %v", what, got, want)
	}
}

func TestCommit(t *testing.T) {
	dir, root := makeRoot(t)
	old := syscall.Umask(0o077)
	defer syscall.Umask(old)
	if err := Update(dir, edit); err != nil {
		t.Fatal(err)
	}
	roottest.Same(t, "after", map[string]string{
		".": "drwxr-xr-x", "etc": "drwxr-xr-x", "etc/bundle": "-rw-r----- new bundle\n", "etc/link": "-> elsewhere", "etc/via": "-> bundle",
		"etc/same": "-rw-r--r-- same", "new": "drwxr-xr-x", "new/dir": "drwxr-xr-x", "new/dir/file": "-rw----r-- new", "new/link": "-> dir/file",
	}, dump(t, root))
}

// Whichever operation fails, with whichever error, the root is as before.
func TestCommitRollsBack(t *testing.T) {
	for _, cause := range []error{syscall.ENOSPC, syscall.EIO, syscall.EROFS, syscall.EPERM, syscall.EDQUOT} {
		total := 0
		for n := 0; n == 0 || n < total; n++ {
			dir, root := makeRoot(t)
			was := dump(t, root)
			seen := 0
			err := commitWith(root, dir, func(op, _ string) error {
				seen++
				if seen-1 == n && op != "link" { // without hard links the commit keeps copies
					return cause
				}
				return nil
			})
			if n == 0 {
				total = 60
			}
			if err == nil {
				if seen <= n {
					break
				}
				continue
			}
			if !errors.Is(err, cause) || !strings.Contains(err.Error(), dir) {
				t.Errorf("operation %d: %v does not say what and where", n, err)
			}
			if now := dump(t, root); !finished(now) {
				roottest.Same(t, "after the failure of operation", was, now)
			}
			if t.Failed() {
				t.Fatalf("operation %d, %v", n, cause)
			}
		}
	}
}

// finished reports whether only backups are left to remove: the commit was complete by
// then.
func finished(tree map[string]string) bool {
	_, there := tree["etc/going"]
	return !there && tree["etc/link"] == "-> elsewhere"
}

// Without hard links the commit keeps the old files in memory.
func TestCommitRollsBackWithoutHardLinks(t *testing.T) {
	dir, root := makeRoot(t)
	was := dump(t, root)
	switched := false
	err := commitWith(root, dir, func(op, name string) error {
		switch {
		case op == "link":
			return syscall.EPERM
		case op == "fsync" && switched:
			return syscall.EIO
		}
		switched = switched || op == "rename" && !IsStaged(filepath.Base(name))
		return nil
	})
	if !errors.Is(err, syscall.EIO) {
		t.Fatal(err)
	}
	roottest.Same(t, "rolled back", was, dump(t, root))
}

// A process that dies before any operation leaves each name old or new. The next run
// cleans up and completes the work.
func TestCommitSurvivesKill(t *testing.T) {
	dir, root := makeRoot(t)
	was := dump(t, root)
	if err := Update(dir, edit); err != nil {
		t.Fatal(err)
	}
	want := dump(t, root)
	for n := range 60 {
		dir, root := makeRoot(t)
		killed := dieAt(root, dir, n)
		for name, line := range dump(t, root) {
			if !IsStaged(filepath.Base(name)) && line != was[name] && line != want[name] {
				t.Errorf("killed at operation %d: %s is %q, neither old nor new", n, name, line)
			}
		}
		if err := Update(dir, edit); err != nil {
			t.Fatalf("the run after one that was killed at operation %d: %v", n, err)
		}
		roottest.Same(t, "completed", want, dump(t, root))
		if t.Failed() || !killed {
			break
		}
	}
}

// dieAt runs a commit that ends without clean-up before operation n.
func dieAt(root *os.Root, dir string, n int) (killed bool) {
	type death struct{}
	defer func() {
		if r := recover(); r != nil {
			killed = r == any(death{})
		}
	}()
	seen := 0
	_ = commitWith(root, dir, func(string, string) error {
		if seen++; seen > n {
			panic(death{})
		}
		return nil
	})
	return false
}

// A mounted file cannot be replaced, so it is written in place.
func TestCommitWritesBusyFilesInPlace(t *testing.T) {
	for what, after := range map[string]string{"appended": "old bundle\nmore\n", "replaced": "new\n", "shorter": "o", "emptied": ""} {
		t.Run(what, func(t *testing.T) {
			dir, root := makeRoot(t)
			o := NewOverlay(root.FS().(fs.ReadLinkFS))
			if err := errors.Join(o.WriteFile("etc/bundle", []byte(after), 0), o.WriteFile("etc/zz", []byte("x"), 0o644)); err != nil {
				t.Fatal(err)
			}
			busy := func(op, name string) error {
				if op == "rename" && name == "etc/bundle" {
					return syscall.EBUSY
				}
				return nil
			}
			info, _ := os.Stat(filepath.Join(dir, "etc/bundle"))
			c := &committer{disk: disk{tree: newTree(root), before: busy}, dir: dir, result: &Result{}}
			if err := planAndCommit(c, collect(o)); err != nil {
				t.Fatal(err)
			}
			data, err := os.ReadFile(filepath.Join(dir, "etc/bundle"))
			now, _ := os.Stat(filepath.Join(dir, "etc/bundle"))
			if err != nil || string(data) != after || !os.SameFile(info, now) || len(c.result.InPlace) != 1 {
				t.Errorf("%q %v, in place %v", data, err, c.result.InPlace)
			}
		})
	}
}

// If a later name fails, the files written in place are restored.
func TestBusyFileRollsBack(t *testing.T) {
	dir, root := makeRoot(t)
	was := dump(t, root)
	err := commitWith(root, dir, func(op, name string) error {
		switch {
		case op == "rename" && name == "etc/bundle":
			return syscall.EBUSY
		case op == "symlink" && name == "new/link":
			return syscall.EIO
		}
		return nil
	})
	if !errors.Is(err, syscall.EIO) {
		t.Fatal(err)
	}
	roottest.Same(t, "rolled back", was, dump(t, root))
}

func collect(o *Overlay) []Change {
	var changes []Change
	for c := range o.Changes() {
		changes = append(changes, c)
	}
	return changes
}

// No file is staged in a directory whose readers take every file.
func TestUnreadStaging(t *testing.T) {
	dir, root := makeRoot(t)
	o := NewOverlay(root.FS().(fs.ReadLinkFS))
	if err := o.WriteFile("etc/dir/anchor", []byte("x"), 0o644); err != nil {
		t.Fatal(err)
	}
	c := &committer{dir: dir, result: &Result{}, opt: Options{Unread: func(dir string) bool { return dir == "etc/dir" }}}
	c.disk = disk{tree: newTree(root), before: func(op, name string) error {
		if op == "create" && filepath.Dir(name) != "etc" {
			t.Errorf("staged as %s", name)
		}
		return nil
	}}
	if err := planAndCommit(c, collect(o)); err != nil {
		t.Fatal(err)
	}
}

func TestOwnerAndAttributesAreKept(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("not root: owners cannot be set")
	}
	dir, root := makeRoot(t)
	name := filepath.Join(dir, "etc/bundle")
	if err := errors.Join(os.Lchown(filepath.Join(dir, "etc/link"), 7, 8), os.Chown(name, 5, 6), os.Chmod(name, 0o4751)); err != nil {
		t.Fatal(err)
	}
	attrs := syscall.Setxattr(name, "user.note", []byte("kept"), 0) == nil
	if err := Update(dir, edit); err != nil {
		t.Fatal(err)
	}
	info, err := root.Lstat("etc/bundle")
	if err != nil {
		t.Fatal(err)
	}
	st := info.Sys().(*syscall.Stat_t)
	if st.Uid != 5 || st.Gid != 6 || st.Mode&0o7777 != 0o751 && st.Mode&0o7777 != 0o4751 {
		t.Errorf("owner %d:%d, mode %o", st.Uid, st.Gid, st.Mode&0o7777)
	}
	info, err = root.Lstat("etc/link")
	if err != nil {
		t.Fatal(err)
	}
	if st := info.Sys().(*syscall.Stat_t); st.Uid != 7 || st.Gid != 8 {
		t.Errorf("owner of the link %d:%d", st.Uid, st.Gid)
	}
	value := make([]byte, 10)
	if n, err := syscall.Getxattr(name, "user.note", value); attrs && (err != nil || string(value[:n]) != "kept") {
		t.Errorf("attribute %q %v", value[:n], err)
	}
}

func BenchmarkCommit(b *testing.B) {
	for _, sync := range []bool{true, false} {
		name := "with sync"
		if !sync {
			name = "without sync"
		}
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				b.StopTimer()
				dir := b.TempDir()
				b.StartTimer()
				_, err := Options{Sync: sync}.Update(context.Background(), dir, func(o *Overlay) error {
					for i := range 500 {
						if err := o.Symlink("target", "etc/ssl/certs/"+strings.Repeat("x", i%50)+string(rune('a'+i/50))); err != nil {
							return err
						}
					}
					return o.WriteFile("etc/ssl/certs/ca-certificates.crt", make([]byte, 400<<10), 0o644)
				})
				if err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
