package rootfs_test

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"testing/fstest"
	"time"

	"github.com/certgraft/certgraft/internal/roottest"
	"github.com/certgraft/certgraft/rootfs"
)

func newRoot(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	roottest.WriteTo(t, roottest.Tree(t, []byte(linkTree)), dir)
	return dir
}

func dump(t *testing.T, dir string) map[string]string {
	t.Helper()
	return roottest.Dump(t, os.DirFS(dir).(fs.ReadLinkFS))
}

func write(name string) func(*rootfs.Overlay) error {
	return func(o *rootfs.Overlay) error { return o.WriteFile(name, []byte("new"), 0o640) }
}

func TestDryRunWritesNothing(t *testing.T) {
	dir := newRoot(t)
	was := dump(t, dir)
	result, err := rootfs.Options{DryRun: true}.Update(t.Context(), dir, write("a/b"))
	if err != nil || len(result.Changes) != 2 {
		t.Errorf("%v %v", result, err)
	}
	roottest.Same(t, "dry run", was, dump(t, dir))
}

func TestFailedEditWritesNothing(t *testing.T) {
	dir := newRoot(t)
	was := dump(t, dir)
	failure := errors.New("no")
	err := rootfs.Update(dir, func(o *rootfs.Overlay) error { return errors.Join(write("x")(o), failure) })
	if !errors.Is(err, failure) {
		t.Error(err)
	}
	roottest.Same(t, "failed edit", was, dump(t, dir))
}

func TestUpdateNeedsADirectory(t *testing.T) {
	dir := newRoot(t)
	for name, want := range map[string]error{"missing": fs.ErrNotExist, "file": syscall.ENOTDIR} {
		err := rootfs.Update(filepath.Join(dir, name), write("x"))
		if !errors.Is(err, want) || !strings.Contains(err.Error(), name) || hint(err) == "" {
			t.Errorf("%s: %v, hint %q", name, err, hint(err))
		}
		if _, _, err := rootfs.ReadOnly(filepath.Join(dir, name)); !errors.Is(err, want) {
			t.Errorf("%s: %v", name, err)
		}
	}
	link := filepath.Join(t.TempDir(), "link")
	if err := errors.Join(os.Symlink(dir, link), rootfs.Update(link, write("x"))); err != nil {
		t.Errorf("a link to a root: %v", err)
	}
}

func hint(err error) string {
	for ; err != nil; err = errors.Unwrap(err) {
		if h, ok := err.(interface{ Hint() string }); ok {
			return h.Hint()
		}
	}
	return ""
}

// Twenty simultaneous updates wait for each other, and none is lost.
func TestConcurrentUpdates(t *testing.T) {
	dir := newRoot(t)
	var wg sync.WaitGroup
	for i := range 20 {
		wg.Go(func() {
			err := rootfs.Update(dir, func(o *rootfs.Overlay) error {
				data, err := o.ReadFile("file")
				return errors.Join(err, o.WriteFile("file", fmt.Appendf(data, "%d,", i), 0))
			})
			if err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	data, err := os.ReadFile(filepath.Join(dir, "file"))
	if err != nil || strings.Count(string(data), ",") != 20 {
		t.Errorf("%q %v", data, err)
	}
}

func TestLockTimesOut(t *testing.T) {
	dir := newRoot(t)
	holder, err := os.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer holder.Close()
	must(t, syscall.Flock(int(holder.Fd()), syscall.LOCK_EX))
	_, err = rootfs.Options{LockTimeout: 50 * time.Millisecond}.Update(t.Context(), dir, write("x"))
	if err == nil || !strings.Contains(err.Error(), dir) || !strings.Contains(hint(err), "--lock-timeout") {
		t.Errorf("%v, hint %q", err, hint(err))
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err = (rootfs.Options{}).Update(ctx, dir, write("x")); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}

// Output holds the changes, and the directories above them as in the root.
func TestOutput(t *testing.T) {
	dir, out := newRoot(t), filepath.Join(t.TempDir(), "out")
	must(t, os.Chmod(filepath.Join(dir, "etc/ssl"), 0o751))
	was := dump(t, dir)
	at := time.Unix(1700000000, 0)
	opt := rootfs.Options{Output: out, ModTime: at, Marker: "marker"}
	edit := func(o *rootfs.Overlay) error {
		return errors.Join(o.WriteFile("etc/pki/certs/ca.crt", []byte("new"), 0), o.Symlink("x", "etc/ssl/link"), write("marker")(o), o.MkdirAll("var/x", 0o700))
	}
	for range 2 { // the second run renews the output
		_, err := opt.Update(t.Context(), dir, edit)
		must(t, err)
		roottest.Same(t, "output", map[string]string{
			".": "drwxr-xr-x", "etc": "drwxr-xr-x", "etc/ssl": "drwxr-x--x", "etc/ssl/certs": "drwxr-xr-x", "etc/ssl/certs/ca.crt": "-rw-r--r-- new",
			"etc/ssl/link": "-> x", "marker": "-rw-r----- new", "var": "drwxr-xr-x", "var/x": "drwx------",
		}, dump(t, out))
		must(t, filepath.WalkDir(out, func(name string, _ fs.DirEntry, err error) error {
			info, _ := os.Lstat(name)
			if !info.ModTime().Equal(at) {
				t.Errorf("%s has the time %v", name, info.ModTime())
			}
			return err
		}))
		must(t, os.WriteFile(filepath.Join(out, "stale"), nil, 0o644))
		must(t, os.Chtimes(filepath.Join(out, "stale"), at, at))
		must(t, os.Chtimes(out, at, at))
	}
	must(t, os.WriteFile(filepath.Join(out, "mine"), nil, 0o644))
	if _, err := opt.Update(t.Context(), dir, edit); err == nil || !strings.Contains(err.Error(), "not empty") {
		t.Errorf("a file that someone put there is lost: %v", err)
	}
	must(t, os.RemoveAll(out))
	_, err := opt.Update(t.Context(), dir, edit)
	must(t, err)
	roottest.Same(t, "the root", was, dump(t, dir))
}

// Copying Output over the root sets the modes of its directories too: they have all
// mode bits of the root's, for any owner.
func TestOutputKeepsModesOfDirectories(t *testing.T) {
	dir, out := t.TempDir(), filepath.Join(t.TempDir(), "out")
	modes := map[string]fs.FileMode{"usr": 0o755, "usr/local": fs.ModeSetgid | 0o775, "usr/local/share": fs.ModeSticky | fs.ModeSetgid | 0o777}
	for _, name := range slices.Sorted(maps.Keys(modes)) {
		must(t, errors.Join(os.Mkdir(filepath.Join(dir, name), 0o755), os.Chmod(filepath.Join(dir, name), modes[name])))
	}
	if os.Geteuid() == 0 {
		must(t, os.Chown(filepath.Join(dir, "usr/local"), 1, 50))
	}
	must(t, os.Chmod(filepath.Join(dir, "usr/local"), modes["usr/local"]))
	_, err := rootfs.Options{Output: out}.Update(t.Context(), dir, func(o *rootfs.Overlay) error { return o.WriteFile("usr/local/share/new", nil, 0o644) })
	must(t, err)
	for name, mode := range modes {
		info, err := os.Stat(filepath.Join(out, name))
		must(t, err)
		if info.Mode() != mode|fs.ModeDir {
			t.Errorf("%s is %v, want %v", name, info.Mode(), mode)
		}
	}
}

func TestOutputRefuses(t *testing.T) {
	dir := newRoot(t)
	full := t.TempDir()
	roottest.WriteTo(t, fstest.MapFS{"mine": {Data: []byte("x")}}, full)
	for what, test := range map[string]struct {
		out  string
		edit func(*rootfs.Overlay) error
		want string
	}{
		"a directory of someone else": {full, write("x"), "not empty"},
		"the root itself":             {dir, write("marker"), "not empty"},
		"a file":                      {filepath.Join(dir, "file"), write("x"), "file"},
		"a removal":                   {t.TempDir(), func(o *rootfs.Overlay) error { return o.Remove("file") }, "/file must be removed"},
		"a link that becomes a file":  {t.TempDir(), func(o *rootfs.Overlay) error { return o.Symlink("x", "file") }, "/file"},
	} {
		_, err := rootfs.Options{Output: test.out, Marker: "marker"}.Update(t.Context(), dir, test.edit)
		if err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: %v", what, err)
		}
	}
	if _, err := os.Stat(filepath.Join(full, "mine")); err != nil {
		t.Error(err)
	}
}

// Links that lead out of the root resolve inside it.
func TestNothingOutsideIsWritten(t *testing.T) {
	outside := t.TempDir()
	dir := filepath.Join(outside, "root")
	must(t, os.Mkdir(dir, 0o755))
	must(t, os.WriteFile(filepath.Join(outside, "secret"), []byte("secret"), 0o644))
	must(t, os.Symlink("../../secret", filepath.Join(dir, "up")))
	must(t, os.Symlink(filepath.Join(outside, "secret"), filepath.Join(dir, "abs")))
	must(t, rootfs.Update(dir, func(o *rootfs.Overlay) error {
		return errors.Join(o.WriteFile("up", []byte("x"), 0o644), o.WriteFile("abs", []byte("x"), 0o644), o.WriteFile("../../escape", []byte("x"), 0o644))
	}))
	if data, _ := os.ReadFile(filepath.Join(outside, "secret")); string(data) != "secret" {
		t.Errorf("secret is %q", data)
	}
	if _, err := os.Stat(filepath.Join(outside, "escape")); err == nil {
		t.Error("a file outside was made")
	}
	if _, err := os.Stat(filepath.Join(dir, "secret")); err != nil {
		t.Error(err)
	}
}

func ExampleUpdate() {
	dir, err := os.MkdirTemp("", "")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer func() { _ = os.RemoveAll(dir) }()
	err = rootfs.Update(dir, func(o *rootfs.Overlay) error {
		return o.WriteFile("etc/motd", []byte("hello\n"), 0o644)
	})
	data, _ := os.ReadFile(filepath.Join(dir, "etc/motd"))
	fmt.Printf("%s%v\n", data, err)
	// Output:
	// hello
	// <nil>
}

func ExampleNewOverlay() {
	lower := fstest.MapFS{"etc/cert.pem": {Data: []byte("ssl/bundle"), Mode: fs.ModeSymlink | 0o777}, "etc/ssl/bundle": {Data: []byte("old")}}
	o := rootfs.NewOverlay(lower)
	if err := o.WriteFile("/etc/cert.pem", []byte("new"), 0o644); err != nil {
		fmt.Println(err)
	}
	for c := range o.Changes() {
		fmt.Println(c.Name, c.Mode, string(c.Data))
	}
	// Output: etc/ssl/bundle ---------- new
}
