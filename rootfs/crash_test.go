package rootfs_test

import (
	"errors"
	"io/fs"
	"maps"
	"os"
	"path"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"testing/fstest"

	"github.com/certgraft/certgraft/certs"
	"github.com/certgraft/certgraft/installer"
	"github.com/certgraft/certgraft/internal/roottest"
	"github.com/certgraft/certgraft/keystore"
	"github.com/certgraft/certgraft/rootfs"
)

// crash is an edit of a real root that the tests interrupt at every operation.
type crash struct {
	tree  fstest.MapFS
	first func(*rootfs.Overlay) error // runs before, without interruption
	edit  func(*rootfs.Overlay) error
}

// crashes are edits as certgraft makes them, on roots of each family.
func crashes(t *testing.T) map[string]crash {
	t.Helper()
	data, err := os.ReadFile("../testdata/bundles/corp.pem")
	must(t, err)
	corp := crashSource(t, "corp.pem", string(data))
	other := crashSource(t, "other.pem", roottest.NewCA(t, "Other Root").PEM())
	renewed := crashSource(t, "corp.pem", roottest.NewCA(t, "Renewed Root").PEM())
	install := func(opt installer.Options, sources ...installer.Source) func(*rootfs.Overlay) error {
		return func(o *rootfs.Overlay) error { _, err := installer.Install(o, sources, opt); return err }
	}
	remove := func(o *rootfs.Overlay) error {
		_, err := installer.Remove(o, installer.Selection{All: true}, installer.Options{})
		return err
	}
	bookworm := roottest.TreeFile(t, "../testdata/roots/bookworm.before.txtar")
	withJava := maps.Clone(bookworm)
	jks, err := keystore.NewJKS(keystore.DefaultPassword).Encode()
	must(t, err)
	withJava["opt/java/openjdk/lib/security/cacerts"] = &fstest.MapFile{Data: jks, Mode: 0o644}
	alpine := fstest.MapFS{
		"etc/os-release":                    {Data: []byte("ID=alpine\n"), Mode: 0o644},
		"etc/ssl/certs/ca-certificates.crt": {Data: []byte(roottest.NewCA(t, "Theirs").PEM()), Mode: 0o644},
		"etc/ssl/cert.pem":                  {Data: []byte("certs/ca-certificates.crt"), Mode: fs.ModeSymlink | 0o777},
	}
	all := map[string]crash{
		"install on Debian":        {withJava, nil, install(installer.Options{}, corp)},
		"install more on Debian":   {bookworm, install(installer.Options{}, corp), install(installer.Options{}, other)},
		"install --sync on Debian": {bookworm, install(installer.Options{}, corp, other), install(installer.Options{Sync: true}, renewed)},
		"remove from Debian":       {withJava, install(installer.Options{}, corp), remove},
		"append on Debian":         {bookworm, nil, install(installer.Options{Append: true}, corp)},
		"install on Alpine":        {alpine, nil, install(installer.Options{}, corp)},
		"remove from Alpine":       {alpine, install(installer.Options{}, corp, other), remove},
		"install on scratch":       {fstest.MapFS{"bin/app": {Mode: 0o755}}, nil, install(installer.Options{}, corp)},
		"remove from scratch":      {fstest.MapFS{"bin/app": {Mode: 0o755}}, install(installer.Options{}, corp), remove},
	}
	for _, distro := range []string{"fedora", "suse", "arch"} {
		tree := roottest.TreeFile(t, "../testdata/roots/"+distro+".before.txtar")
		all["install on "+distro] = crash{tree, nil, install(installer.Options{}, corp)}
		all["remove from "+distro] = crash{tree, install(installer.Options{}, corp), remove}
	}
	return all
}

func crashSource(t *testing.T, name, pem string) installer.Source {
	t.Helper()
	taken, _, err := certs.ParseAll([]byte(pem))
	must(t, err)
	set := &certs.Set{}
	for _, c := range taken {
		set.Add(c, name)
	}
	return installer.Source{Name: name, Anchor: strings.TrimSuffix(name, ".pem"), SetDigest: set.Digest(), Certs: set}
}

var crashOptions = rootfs.Options{Marker: installer.RecordPath, Unread: installer.TakesEveryFile}

// inMemory makes a directory in memory, which is faster than the disk, if possible.
func inMemory(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("/dev/shm", "certgraft-test-") //nolint:usetesting // that is on the disk
	if err != nil {
		return t.TempDir()
	}
	t.Cleanup(func() { must(t, os.RemoveAll(dir)) })
	must(t, os.Chmod(dir, 0o755))
	return dir
}

// fresh makes the root for one crash.
func (c crash) fresh(t *testing.T) string {
	t.Helper()
	dir := inMemory(t)
	roottest.WriteTo(t, c.tree, dir)
	if c.first != nil {
		_, err := crashOptions.Update(t.Context(), dir, c.first)
		must(t, err)
	}
	return dir
}

// killedAt simulates a process that ends without clean-up before operation n. It
// returns whether the edit reached operation n, and the files that were made and not
// yet synced.
func (c crash) killedAt(t *testing.T, dir string, n int, opt rootfs.Options) (killed bool, unsynced map[uint64]bool) {
	t.Helper()
	type death struct{}
	var mu sync.Mutex
	var created []string
	inodes := map[uint64]bool{}
	note := func() { // a file exists when the operation after its creation begins
		for _, name := range created {
			if info, err := os.Lstat(filepath.Join(dir, name)); err == nil && info.Mode().IsRegular() {
				inodes[info.Sys().(*syscall.Stat_t).Ino] = true
			}
		}
	}
	defer func() {
		switch r := recover(); {
		case r == any(death{}):
			note()
			killed, unsynced = true, inodes
		case r != nil:
			panic(r)
		}
	}()
	seen := 0
	var syncing []string
	_, err := rootfs.UpdateWith(t.Context(), dir, opt, func(op, name string) error {
		mu.Lock()
		defer mu.Unlock()
		if seen++; seen > n {
			panic(death{})
		}
		switch op {
		case "create":
			created = append(created, name)
		case "fdatasync": // one of several simultaneous waits
			syncing = append(syncing, name)
		case "fsync": // begins after all fdatasync calls
			note()
			created = nil
			for _, name := range syncing {
				info, err := os.Lstat(filepath.Join(dir, name))
				must(t, err)
				delete(inodes, info.Sys().(*syscall.Stat_t).Ino)
			}
			syncing = nil
		case "rename":
			note()
			created = nil
		}
		return nil
	}, c.edit)
	must(t, err)
	return false, nil
}

// whole returns the root before and after the edit.
func (c crash) whole(t *testing.T) (was, want map[string]string) {
	t.Helper()
	dir := c.fresh(t)
	was = dump(t, dir)
	_, err := crashOptions.Update(t.Context(), dir, c.edit)
	must(t, err)
	return was, dump(t, dir)
}

// stride is the distance between tested operations.
func stride() int {
	if testing.Short() {
		return 7
	}
	return 1
}

// If the process is killed before any operation, each name is old or new. The next run
// completes the work to the byte, even if it is killed too.
func TestCrashEverywhere(t *testing.T) {
	for name, c := range crashes(t) {
		t.Run(name, func(t *testing.T) {
			was, want := c.whole(t)
			for n := 0; ; n += stride() {
				dir := c.fresh(t)
				killed, _ := c.killedAt(t, dir, n, crashOptions)
				oldOrNew(t, n, dir, was, want)
				if killed {
					c.killedAt(t, dir, n/2, crashOptions)
					oldOrNew(t, n, dir, was, want)
				}
				_, err := crashOptions.Update(t.Context(), dir, c.edit)
				must(t, err)
				roottest.Same(t, "completed", want, dump(t, dir))
				if t.Failed() {
					t.Fatalf("killed before operation %d", n)
				}
				if !killed {
					t.Logf("%d operations", n)
					return
				}
			}
		})
	}
}

// If the process is killed while it writes its own output directory, the next run
// writes it completely.
func TestCrashOfOutput(t *testing.T) {
	c := crashes(t)["install on Debian"]
	dir := c.fresh(t)
	was := dump(t, dir)
	opt := crashOptions
	opt.Output = filepath.Join(inMemory(t), "out")
	_, err := opt.Update(t.Context(), dir, c.edit)
	must(t, err)
	want := dump(t, opt.Output)
	for n, killed := 0, true; killed; n++ {
		opt.Output = filepath.Join(inMemory(t), "out")
		killed, _ = c.killedAt(t, dir, n, opt)
		_, err := opt.Update(t.Context(), dir, c.edit)
		must(t, err)
		roottest.Same(t, "out", want, dump(t, opt.Output))
		if t.Failed() {
			t.Fatalf("killed before operation %d", n)
		}
	}
	roottest.Same(t, "the root", was, dump(t, dir))
}

// A failure leaves nothing behind: another user may run next, and would refuse a
// foreign directory.
func TestFailureOfOutput(t *testing.T) {
	c := crashes(t)["install on Debian"]
	dir := c.fresh(t)
	full := errors.New("full")
	for n, failed := 0, true; failed; n++ {
		opt, left := crashOptions, n
		opt.Output = filepath.Join(inMemory(t), "out")
		_, err := rootfs.UpdateWith(t.Context(), dir, opt, func(string, string) error {
			if left--; left < 0 {
				return full
			}
			return nil
		}, c.edit)
		if failed = errors.Is(err, full); !failed {
			must(t, err)
		} else if _, err := os.Lstat(opt.Output); !errors.Is(err, fs.ErrNotExist) {
			t.Fatalf("failed at operation %d: the directory is there: %v", n, err)
		}
	}
}

func oldOrNew(t *testing.T, n int, dir string, was, want map[string]string) {
	t.Helper()
	now := dump(t, dir)
	for name, line := range now {
		if !rootfs.IsStaged(path.Base(name)) && line != was[name] && line != want[name] {
			t.Errorf("killed before operation %d: %s is neither old nor new: %.200q", n, name, line)
		}
	}
	for name := range was {
		if _, kept := want[name]; kept && now[name] == "" {
			t.Errorf("killed before operation %d: %s is gone", n, name)
		}
	}
}

// Whichever operation fails, the error names a path, and the root is as before or the
// commit was complete.
func TestErrorEverywhere(t *testing.T) {
	for name, c := range crashes(t) {
		t.Run(name, func(t *testing.T) {
			was, want := c.whole(t)
			dir := c.fresh(t)
			for n, more := 0, true; more; n += stride() {
				var mu sync.Mutex
				seen := 0
				_, err := rootfs.UpdateWith(t.Context(), dir, crashOptions, func(string, string) error {
					mu.Lock()
					defer mu.Unlock()
					if seen++; seen == n+1 {
						return syscall.EDQUOT
					}
					return nil
				}, c.edit)
				more = seen > n
				if err != nil && (!errors.Is(err, syscall.EDQUOT) || !strings.Contains(err.Error(), dir+"/")) {
					t.Errorf("operation %d: %v does not say what and where", n, err)
				}
				if err == nil { // the next run sweeps the rest
					_, err := crashOptions.Update(t.Context(), dir, func(*rootfs.Overlay) error { return nil })
					must(t, err)
					roottest.Same(t, "in spite of it", want, dump(t, dir))
					dir = c.fresh(t)
				} else {
					roottest.Same(t, "after the failure", was, dump(t, dir)) // so that the next failure starts from the same root
				}
				if t.Failed() {
					t.Fatalf("failed at operation %d: %v", n, err)
				}
			}
		})
	}
}

// A power failure at any moment loses unsynced data. No name may lead to lost data, and
// the next run completes the work.
func TestPowerLoss(t *testing.T) {
	synced := crashOptions
	synced.Sync = true
	c := crashes(t)["install on Debian"]
	was, want := c.whole(t)
	for n := 0; ; n += stride() {
		dir := c.fresh(t)
		killed, unsynced := c.killedAt(t, dir, n, synced)
		lose(t, dir, unsynced)
		oldOrNew(t, n, dir, was, want)
		_, err := synced.Update(t.Context(), dir, c.edit)
		must(t, err)
		completed := dump(t, dir)
		completed[installer.RecordPath] = want[installer.RecordPath] // directories whose journal was lost count as foreign
		roottest.Same(t, "completed", want, completed)
		if !killed || t.Failed() {
			break
		}
	}
	// Without syncs the file must be lost: this shows that the test can fail.
	lost := false
	for n := 0; !lost; n++ {
		dir := c.fresh(t)
		killed, unsynced := c.killedAt(t, dir, n, crashOptions)
		lose(t, dir, unsynced)
		lost = strings.HasSuffix(dump(t, dir)["etc/ssl/certs/ca-certificates.crt"], " ")
		if !killed {
			t.Fatal("nothing is lost without a sync: this test sees nothing")
		}
	}
}

// lose empties the files with the inodes, as a power failure does to unsynced data.
func lose(t *testing.T, dir string, inodes map[uint64]bool) {
	t.Helper()
	must(t, filepath.WalkDir(dir, func(name string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := d.Info()
		if err == nil && info.Mode().IsRegular() && inodes[info.Sys().(*syscall.Stat_t).Ino] {
			err = os.Truncate(name, 0)
		}
		return err
	}))
}

// At every operation, directories on the way are replaced by links that lead out of the
// root. The commit neither reads nor writes their targets.
func TestSwappedWhileRunning(t *testing.T) {
	for _, kind := range []string{"link", "FIFO"} {
		t.Run(kind, func(t *testing.T) { swapEverywhere(t, kind) })
	}
}

func swapEverywhere(t *testing.T, kind string) {
	t.Helper()
	for n, more := 0, true; more; n++ {
		outside := inMemory(t)
		dir := filepath.Join(outside, "root")
		must(t, os.MkdirAll(filepath.Join(dir, "etc/ssl"), 0o755))
		must(t, os.MkdirAll(filepath.Join(outside, "ssl/new"), 0o755))
		for _, name := range []string{"root/etc/ssl/bundle", "ssl/bundle", "ssl/going"} {
			must(t, os.WriteFile(filepath.Join(outside, name), []byte("of "+name), 0o644))
		}
		must(t, os.WriteFile(filepath.Join(dir, "etc/ssl/going"), nil, 0o644))
		seen := 0
		var mu sync.Mutex
		_, err := rootfs.UpdateWith(t.Context(), dir, crashOptions, func(string, string) error {
			mu.Lock()
			defer mu.Unlock()
			if seen++; seen != n+1 {
				return nil
			}
			must(t, os.Rename(filepath.Join(dir, "etc/ssl"), filepath.Join(dir, "etc/away")))
			if kind == "FIFO" {
				return syscall.Mkfifo(filepath.Join(dir, "etc/ssl"), 0o644)
			}
			return os.Symlink(filepath.Join(outside, "ssl"), filepath.Join(dir, "etc/ssl"))
		}, func(o *rootfs.Overlay) error {
			data, err := o.ReadFile("etc/ssl/bundle")
			if string(data) != "of root/etc/ssl/bundle" {
				t.Errorf("%q was read", data)
			}
			return errors.Join(err, o.WriteFile("etc/ssl/bundle", []byte("new"), 0), o.WriteFile("etc/ssl/new/x", []byte("new"), 0o644),
				o.Symlink("bundle", "etc/ssl/link"), o.Remove("etc/ssl/going"))
		})
		more = seen > n
		if err != nil && !strings.Contains(err.Error(), dir) {
			t.Errorf("operation %d: %v", n, err)
		}
		roottest.Same(t, "outside", map[string]string{
			".": "drwxr-xr-x", "bundle": "-rw-r--r-- of ssl/bundle", "going": "-rw-r--r-- of ssl/going", "new": "drwxr-xr-x",
		}, dump(t, filepath.Join(outside, "ssl")))
		if t.Failed() {
			t.Fatalf("swapped at operation %d", n)
		}
	}
}

// Root writes to directories without write permission, and keeps their mode. For other
// users the commit is an error.
func TestDirectoriesWithoutWritePermission(t *testing.T) {
	dir := newRoot(t)
	must(t, os.Mkdir(filepath.Join(dir, "closed"), 0o755))
	must(t, os.WriteFile(filepath.Join(dir, "closed/file"), []byte("old"), 0o444))
	must(t, os.Chmod(filepath.Join(dir, "closed"), 0o555))
	was := dump(t, dir)
	err := rootfs.Update(dir, func(o *rootfs.Overlay) error { return o.WriteFile("closed/file", []byte("new"), 0) })
	if os.Geteuid() == 0 {
		must(t, err)
		was["closed/file"] = "-r--r--r-- new"
	} else if !errors.Is(err, fs.ErrPermission) || !strings.Contains(err.Error(), "closed") || hint(err) == "" {
		t.Errorf("%v, hint %q", err, hint(err))
	}
	roottest.Same(t, "after", was, dump(t, dir))
}
