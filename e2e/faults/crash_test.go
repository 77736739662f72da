//go:build e2e && amd64

package faults

import (
	"crypto/x509"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"testing/fstest"

	"github.com/certgraft/certgraft/e2e/rig"
	"github.com/certgraft/certgraft/internal/roottest"
)

// interruption is a command that is interrupted at every system call that
// changes a file.
type interruption struct {
	tree   fstest.MapFS
	first  []string // arguments of what is done before, in peace
	args   []string
	bundle string // which OpenSSL and Go read at every step
}

func interruptions(t *testing.T) map[string]interruption {
	t.Helper()
	corp := rig.NewAuthority(t, "Corp Root").CAFile
	debianTree := roottest.TreeFile(t, rig.File("testdata/roots/bookworm.before.txtar"))
	debianTree["opt/java/openjdk/lib/security/cacerts"] = &fstest.MapFile{Data: []byte(emptyKeystore(t)), Mode: 0o644}
	fedora := roottest.TreeFile(t, rig.File("testdata/roots/fedora.before.txtar"))
	alpine := fstest.MapFS{
		"etc/os-release":                    {Data: []byte("ID=alpine\n"), Mode: 0o644},
		"etc/ssl/certs/ca-certificates.crt": {Data: []byte(roottest.NewCA(t, "Theirs").PEM()), Mode: 0o644},
		"etc/ssl/cert.pem":                  {Data: []byte("certs/ca-certificates.crt"), Mode: fs.ModeSymlink | 0o777},
	}
	const debianBundle, fedoraBundle = "etc/ssl/certs/ca-certificates.crt", "etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem"
	install, remove := []string{"install", corp}, []string{"remove", "--all"}
	synced := func(args []string) []string { return append(slices.Clone(args), "--fsync", "always") }
	return map[string]interruption{
		"install on Debian":          {debianTree, nil, install, debianBundle},
		"install --append on Debian": {debianTree, nil, append(slices.Clone(install), "--append"), debianBundle},
		"remove from Debian":         {debianTree, install, remove, debianBundle},
		"install on Alpine":          {alpine, nil, install, debianBundle},
		"remove from Alpine":         {alpine, install, remove, debianBundle},
		"install on Fedora":          {fedora, nil, install, fedoraBundle},
		"remove from Fedora":         {fedora, install, remove, fedoraBundle},
		"install on scratch":         {fstest.MapFS{"bin/app": {Mode: 0o755}}, nil, install, ""},
		"install on Debian, synced":  {debianTree, nil, synced(install), debianBundle},
		"remove from Debian, synced": {debianTree, install, synced(remove), debianBundle},
	}
}

func (i interruption) fresh(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("/dev/shm", "certgraft-e2e-") //nolint:usetesting // that is on the disk
	if err != nil {
		t.Fatal(err)
	}
	roottest.WriteTo(t, i.tree, dir)
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	if i.first != nil {
		rig.Run(t, rig.Certgraft, at(dir, i.first)...)
	}
	return dir
}

func at(root string, args []string) []string {
	return append([]string{args[0], "--root", root}, args[1:]...)
}

// each calls do with a fresh root for every number up to n, or, unless
// CERTGRAFT_ALL is set, for some of them.
func (i interruption) each(t *testing.T, n int, do func(k int, root string)) {
	t.Helper()
	step := 1
	if os.Getenv("CERTGRAFT_ALL") == "" && n > 24 {
		step = (n + 23) / 24
	}
	for k := 0; k < n && !t.Failed(); k += step {
		root := i.fresh(t)
		do(k, root)
		rig.Run(t, "rm", "-rf", root)
	}
}

// whole returns how the root is before and after, and the calls in between.
func (i interruption) whole(t *testing.T) (was, want map[string]string, made []change) {
	t.Helper()
	root := i.fresh(t)
	defer func() { rig.Run(t, "rm", "-rf", root) }()
	was = rig.Snapshot(t, root)
	done := trace(t, []string{root}, func(c change) verdict { made = append(made, c); return verdict{} }, append([]string{rig.Certgraft}, at(root, i.args)...)...)
	if done.status != 0 {
		t.Fatalf("status %d: %s", done.status, done.out)
	}
	want = rig.Snapshot(t, root)
	if maps.Equal(was, want) {
		t.Fatal("it changes nothing")
	}
	return was, want, made
}

func ours(name string) bool { return strings.HasPrefix(filepath.Base(name), ".certgraft-") }

// oldOrNew fails if a name is neither what it was nor what it is to be.
func oldOrNew(t *testing.T, what string, was, want, now map[string]string) {
	t.Helper()
	for name, line := range now {
		if !ours(name) && line != was[name] && line != want[name] {
			t.Errorf("%s: %s is neither old nor new: %s", what, name, line)
		}
	}
	for name := range was {
		if _, stays := want[name]; stays && now[name] == "" {
			t.Errorf("%s: %s is gone", what, name)
		}
	}
}

// readable fails if OpenSSL or Go cannot read the bundle.
func (i interruption) readable(t *testing.T, what, root string) {
	t.Helper()
	if i.bundle == "" {
		return
	}
	name := filepath.Join(root, i.bundle)
	if out := rig.Run(t, "openssl", "storeutl", "-noout", "-certs", name); !strings.Contains(out, "Total found:") || strings.Contains(out, "Total found: 0") {
		t.Errorf("%s: OpenSSL reads nothing of the bundle: %s", what, out)
	}
	if !x509.NewCertPool().AppendCertsFromPEM([]byte(rig.Read(t, name))) {
		t.Errorf("%s: Go reads nothing of the bundle", what)
	}
}

// Killed at any system call that changes a file, or in the middle of one that
// writes, each file is old or new, OpenSSL and Go read the bundle, and the next
// run completes the work to the byte.
func TestKilledAtEverySystemCall(t *testing.T) {
	for name, i := range interruptions(t) {
		t.Run(name, func(t *testing.T) {
			was, want, made := i.whole(t)
			points := 0
			for _, torn := range []bool{false, true} {
				i.each(t, len(made), func(k int, root string) {
					n := 0
					var last change
					v := verdict{kill: !torn, torn: torn}
					done := trace(t, []string{root}, func(c change) verdict {
						if n++; n == k+1 && (!torn || c.name == "write") {
							last = c
							return v
						}
						return verdict{}
					}, append([]string{rig.Certgraft}, at(root, i.args)...)...)
					if last.name == "" {
						return // not a write
					}
					points++
					what := fmt.Sprintf("killed at call %d, %s", k, last)
					if done.status != 137 {
						t.Fatalf("%s: status %d: %s", what, done.status, done.out)
					}
					oldOrNew(t, what, was, want, rig.Snapshot(t, root))
					i.readable(t, what, root)
					rig.Run(t, rig.Certgraft, at(root, i.args)...)
					rig.Same(t, what+", then run again", want, rig.Snapshot(t, root))
				})
			}
			t.Logf("%d system calls change a file; killed at %d points", len(made), points)
		})
	}
}

// Whatever system call fails, once or, for want of room, from then on, the
// error names a path in the root, which is as it was, or the work is done.
func TestErrorAtEverySystemCall(t *testing.T) {
	for name, i := range interruptions(t) {
		t.Run(name, func(t *testing.T) {
			was, want, made := i.whole(t)
			for _, errno := range []syscall.Errno{syscall.EIO, syscall.EDQUOT, syscall.ENOSPC} {
				failed := 0
				i.each(t, len(made), func(k int, root string) {
					n := 0
					var last change
					done := trace(t, []string{root}, func(c change) verdict {
						n++
						if n == k+1 || n > k && errno == syscall.ENOSPC && needsRoom(c) {
							if last.name == "" {
								last = c
							}
							return verdict{errno: errno}
						}
						return verdict{}
					}, append([]string{rig.Certgraft}, at(root, i.args)...)...)
					what := fmt.Sprintf("%v at call %d, %s", errno, k, last)
					switch done.status {
					case 0:
						rig.Run(t, rig.Certgraft, at(root, i.args)...) // sweeps what was left
						rig.Same(t, what+", which was overcome", want, rig.Snapshot(t, root))
					case 1:
						failed++
						if !strings.Contains(done.out, root+"/") && !strings.Contains(done.out, root+":") {
							t.Errorf("%s: no path is named: %s", what, done.out)
						}
						rig.Same(t, what, was, rig.Snapshot(t, root))
					default:
						t.Errorf("%s: status %d: %s", what, done.status, done.out)
					}
				})
				if failed == 0 {
					t.Errorf("%v: nothing failed", errno)
				}
			}
		})
	}
}

// needsRoom reports whether a call fails on a full disk.
func needsRoom(c change) bool {
	return c.name == "openat" || c.name == "write" || c.name == "mkdirat" || c.name == "symlinkat" || c.name == "linkat"
}

// waits are the system calls that wait for the disk.
var waits = []string{"fsync", "fdatasync", "syncfs", "sync_file_range"}

// Unless it is asked to, a command that edits another root waits for no disk.
func TestNothingWaitsForTheDisk(t *testing.T) {
	for name, i := range interruptions(t) {
		_, _, made := i.whole(t)
		asked := slices.Contains(i.args, "--fsync")
		if slices.ContainsFunc(made, func(c change) bool { return slices.Contains(waits, c.name) }) != asked {
			t.Errorf("%s: it waits for the disk: %v", name, !asked)
		}
	}
}

// All that is written, the journal too, is on disk with its name before the first
// name is switched; every name before the journal ends, and its end before what
// it takes to go back is deleted.
func TestSyncedBeforeAndAfterRename(t *testing.T) {
	for name, i := range interruptions(t) {
		if slices.Contains(i.args, "--fsync") {
			continue
		}
		t.Run(name, func(t *testing.T) {
			i.args = append(slices.Clone(i.args), "--fsync", "always")
			_, _, made := i.whole(t)
			dirty := map[string]bool{}   // files that were written and not synced
			staged := map[string]bool{}  // directories with names that were not synced and nobody reads
			pending := map[string]bool{} // and with others
			renames, ended := 0, false
			for _, c := range made {
				dir := filepath.Dir(c.path)
				switch c.name {
				case "write", "pwrite64", "fchmod", "fchown", "fsetxattr", "ftruncate":
					dirty[c.path] = true
				case "openat", "linkat", "mkdirat":
					staged[dir] = true
				case "symlinkat":
					if !ours(c.path) {
						pending[dir] = true
					}
				case "fsync", "fdatasync":
					delete(dirty, c.path)
					delete(staged, c.path)
					delete(pending, c.path)
				case "syncfs":
					t.Errorf("it waits for what others have written")
				case "unlinkat":
					if ended && len(pending) > 0 {
						t.Errorf("%s is deleted, and the journal may come back", c.path)
					}
				case "renameat", "renameat2":
					switch {
					case ours(c.path) && ours(c.from) && filepath.Base(c.from) != ".certgraft-journal":
						staged[dir] = true // the journal, which leads nobody anywhere
						dirty[c.path] = dirty[c.from]
						delete(dirty, c.from)
						continue
					case ours(c.path) && ours(c.from): // the journal ends
						if len(pending) > 0 {
							t.Errorf("the journal ends before the names are on disk in %v", pending)
						}
						ended = true
					case ours(c.path): // what goes is put aside
						dir = filepath.Dir(c.from)
					}
					if renames++; renames == 1 && len(dirty)+len(staged) > 0 {
						t.Errorf("%s is switched, and this is not on disk: data of %v, names in %v", c.path, dirty, staged)
					}
					pending[dir] = true
				}
			}
			for dir := range pending {
				t.Errorf("the names in %s are not on disk when the command ends", dir)
			}
			if renames == 0 || !ended {
				t.Error("nothing was renamed, or no journal was ended: this test sees nothing")
			}
		})
	}
}

// Wherever run is killed, the next run sweeps what it left, and no file outside
// its directory is touched.
func TestRunKilledAtEverySystemCall(t *testing.T) {
	corp := rig.NewAuthority(t, "Corp Root").CAFile
	i := interruption{tree: fstest.MapFS{"other": {Data: []byte("theirs"), Mode: 0o644}}}
	command := func(dir string) []string {
		return []string{"env", "TMPDIR=" + dir, "HOME=" + dir, rig.Certgraft, "run", corp, "--", "true"}
	}
	root := i.fresh(t)
	was, n := rig.Snapshot(t, root), 0
	if done := trace(t, []string{root}, func(change) verdict { n++; return verdict{} }, command(root)...); done.status != 0 {
		t.Fatalf("status %d: %s", done.status, done.out)
	}
	rig.Same(t, "run", was, rig.Snapshot(t, root))
	rig.Run(t, "rm", "-rf", root)
	t.Logf("%d system calls change a file", n)
	i.each(t, n, func(k int, root string) {
		seen := 0
		trace(t, []string{root}, func(change) verdict { seen++; return verdict{kill: seen == k+1} }, command(root)...)
		rig.Run(t, "sh", "-c", `find "$1" -maxdepth 1 -name 'certgraft-run-*' -exec touch -d '2 hours ago' {} +`, "sh", root) // an empty one may be about to be filled
		rig.Run(t, command(root)[0], command(root)[1:]...)
		rig.Same(t, fmt.Sprintf("killed at call %d, then run again", k), was, rig.Snapshot(t, root))
	})
}
