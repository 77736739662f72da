package rootfs

import (
	"bytes"
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/certgraft/certgraft/internal/roottest"
)

// mounted is an edit of etc/dir, which is a volume and whose readers take every file.
// No file staged outside can be renamed into it.
type mounted struct {
	fail func(op, name string) error // may be nil
	mu   sync.Mutex                  // the commit makes files and links at the same time
}

func (m *mounted) hook(op, name string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if op == "rename" && filepath.Dir(name) == "etc/dir" {
		return syscall.EXDEV
	}
	if m.fail != nil {
		return m.fail(op, name)
	}
	return nil
}

func (m *mounted) update(dir string) (*Result, error) {
	opt := Options{Unread: func(dir string) bool { return dir == "etc/dir" }}
	return UpdateWith(context.Background(), dir, opt, m.hook, func(o *Overlay) error {
		return errors.Join(o.WriteFile("etc/dir/new", bytes.Repeat([]byte("new "), 99), 0o604), o.WriteFile("etc/dir/only", []byte("changed"), 0), o.Symlink("x", "etc/z"))
	})
}

// A file that cannot be staged is made at its name, and the result says so.
func TestUnreadDirectoryIsAMountPoint(t *testing.T) {
	dir, root := makeRoot(t)
	result, err := (&mounted{}).update(dir)
	if err != nil || strings.Join(result.InPlace, " ") != "etc/dir/new etc/dir/only" {
		t.Fatalf("%v %v", err, result)
	}
	now := dump(t, root)
	if !strings.HasPrefix(now["etc/dir/new"], "-rw----r-- new new ") || now["etc/dir/only"] != "-rw-r--r-- changed" {
		t.Errorf("%v", now)
	}
	for name := range now {
		if IsStaged(filepath.Base(name)) {
			t.Errorf("%s was left behind", name)
		}
	}
}

// Whichever operation fails, the root is as before.
func TestUnreadMountPointRollsBack(t *testing.T) {
	for n, failed := 0, true; failed; n++ {
		dir, root := makeRoot(t)
		was := dump(t, root)
		seen := 0
		m := &mounted{fail: func(op, name string) error {
			if seen++; seen > n && seen <= n+1 && op != "link" {
				return syscall.EIO
			}
			return nil
		}}
		_, err := m.update(dir)
		failed = seen > n
		if now := dump(t, root); err != nil && now["etc/z"] != "-> x" {
			roottest.Same(t, "rolled back", was, now)
		}
		if t.Failed() {
			t.Fatalf("operation %d", n)
		}
	}
}

// The next run removes a file that a killed process wrote by half, and keeps a file of
// another process.
func TestHalfWrittenAtAMountPoint(t *testing.T) {
	for half, stays := range map[string]bool{"": false, "new new n": false, "theirs": true} {
		dir, root := makeRoot(t)
		was := dump(t, root)
		killed := func() {
			defer func() { _ = recover() }()
			_, _ = (&mounted{fail: func(op, name string) error {
				if op == "create" && name == "etc/dir/new" {
					panic("killed")
				}
				return nil
			}}).update(dir)
		}
		killed()
		if err := os.WriteFile(filepath.Join(dir, "etc/dir/new"), []byte(half), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := Update(dir, func(*Overlay) error { return nil }); err != nil {
			t.Fatal(err)
		}
		if _, err := root.Lstat("etc/dir/new"); errors.Is(err, fs.ErrNotExist) == stays {
			t.Errorf("%q: %v", half, err)
		}
		if !stays {
			roottest.Same(t, "put back", was, dump(t, root))
		}
	}
}
