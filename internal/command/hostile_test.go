package command_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime/debug"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"testing/fstest"
	"time"

	"github.com/certgraft/certgraft/internal/command"
	"github.com/certgraft/certgraft/internal/roottest"
)

// ended is the end of a command.
type ended struct {
	status int
	out    string
	most   int64 // the largest memory, in bytes
}

// certgraft runs the program as a process. If it has not ended after minutes, it
// waits for something that never comes.
func certgraft(t *testing.T, args ...string) ended {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, "certgraft", args...)
	peak := filepath.Join(t.TempDir(), "peak")
	cmd.Env = append(os.Environ(), "GORACE=atexit_sleep_ms=0", peakFile+"="+peak) // the race detector sleeps for a second
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	err := cmd.Run()
	if _, ok := errors.AsType[*exec.ExitError](err); err != nil && !ok {
		t.Fatal(err)
	}
	if ctx.Err() != nil {
		t.Fatalf("certgraft %s does not end: %s", strings.Join(args, " "), out.String())
	}
	return ended{cmd.ProcessState.ExitCode(), out.String(), peakIn(t, peak)}
}

// peakFile is the variable that names a file: the program writes there how much memory it
// had. The kernel's own account of a child (ru_maxrss) begins with the memory of the
// process that started it.
const peakFile = "TEST_PEAK_FILE"

func tellPeak(name string) {
	status, err := os.ReadFile("/proc/self/status")
	if err == nil {
		err = os.WriteFile(name, status, 0o600)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(99)
	}
}

// peakIn returns the bytes of memory that a program had at most.
func peakIn(t *testing.T, name string) int64 {
	t.Helper()
	status, err := os.ReadFile(name)
	must(t, err)
	var kib int64
	_, after, _ := strings.Cut(string(status), "VmHWM:")
	if _, err := fmt.Sscanf(after, "%d kB", &kib); err != nil {
		t.Fatalf("peak of memory: %v", err)
	}
	return kib << 10
}

// inProcess runs the program in this process, which is faster. It has the same
// limit of time, and cannot measure memory.
func inProcess(t *testing.T, args ...string) ended {
	t.Helper()
	var out bytes.Buffer
	done := make(chan int, 1)
	go func() {
		done <- command.Run(t.Context(), append([]string{"certgraft"}, args...), strings.NewReader(""), &out, &out)
	}()
	select {
	case status := <-done:
		return ended{status: status, out: out.String()}
	case <-time.After(3 * time.Minute):
		t.Fatalf("certgraft %s does not end", strings.Join(args, " "))
		return ended{}
	}
}

// raced reports whether the race detector is on, which needs memory.
func raced() bool {
	info, ok := debug.ReadBuildInfo()
	return ok && slices.ContainsFunc(info.Settings, func(s debug.BuildSetting) bool { return s.Key == "-race" && s.Value == "true" })
}

// fast returns a directory in memory if the system has a file system for that.
func fast(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("/dev/shm", "certgraft-test-") //nolint:usetesting // that is on the disk
	if err != nil {
		return t.TempDir()
	}
	t.Cleanup(func() { must(t, os.RemoveAll(dir)) })
	return dir
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// places are files that certgraft reads in a root.
var places = []string{
	"etc/os-release", "usr/lib/os-release", "etc/ca-certificates.conf", "usr/local/share/ca-certificates/x.crt", "usr/share/ca-certificates/mozilla/a.crt",
	"etc/ssl/certs/ca-certificates.crt", "etc/ssl/certs/0a1b2c3d.0", "etc/ssl/certs/x.pem", "etc/ssl/cert.pem", "opt/java/openjdk/lib/security/cacerts",
	"usr/local/share/certgraft/installed.json", "usr/local/share/certgraft/.certgraft-journal", "etc/php/8.2/cli/php.ini", "usr/lib/python3/dist-packages/certifi/cacert.pem",
	"etc/pki/ca-trust/source/anchors/x.pem", "usr/share/pki/ca-trust-source/x.p11-kit", "var/lib/dpkg/status",
}

// rootWith makes a root like Debian's, or like Fedora's if the place belongs to
// Fedora. make creates the file of one place.
func rootWith(t *testing.T, place string, make func(name string)) string {
	t.Helper()
	tree := fstest.MapFS{
		"etc/os-release": {Data: []byte("ID=debian\n"), Mode: 0o644}, "usr/sbin/update-ca-certificates": {Mode: 0o755},
		"etc/ca-certificates.conf":                {Data: []byte("mozilla/a.crt\n"), Mode: 0o644},
		"usr/share/ca-certificates/mozilla/a.crt": {Data: []byte(roottest.NewCA(t, "A").PEM()), Mode: 0o644},
	}
	if strings.Contains(place, "/pki/") {
		tree["etc/os-release"].Data = []byte("ID=fedora\n")
		tree["etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem"] = tree["usr/share/ca-certificates/mozilla/a.crt"]
	}
	maps.DeleteFunc(tree, func(name string, _ *fstest.MapFile) bool { return name == place })
	dir := fast(t)
	roottest.WriteTo(t, tree, dir)
	name := filepath.Join(dir, place)
	must(t, os.MkdirAll(filepath.Dir(name), 0o755))
	make(name)
	return dir
}

func corpFile(t *testing.T) string {
	t.Helper()
	name, err := filepath.Abs("../../testdata/bundles/corp.pem")
	must(t, err)
	return name
}

// onRoot are the commands that read a root.
func onRoot(t *testing.T, dir string) [][]string {
	t.Helper()
	return [][]string{
		{"install", "--root", dir, corpFile(t)}, {"inspect", dir}, {"diff", dir, corpFile(t)}, {"env", "--root", dir}, {"remove", "--root", dir, "--all"},
	}
}

// Something other than a regular file in the place of a file is never waited for,
// read or replaced.
func TestNoFileWhereOneIsExpected(t *testing.T) {
	for k, kind := range []struct {
		what string
		make func(name string)
	}{
		{"FIFO", func(name string) { must(t, syscall.Mkfifo(name, 0o644)) }},
		{"socket", func(name string) {
			dir := fast(t) // the path of a socket is short
			l, err := net.Listen("unix", filepath.Join(dir, "s"))
			must(t, err)
			l.(*net.UnixListener).SetUnlinkOnClose(false)
			must(t, errors.Join(l.Close(), os.Rename(filepath.Join(dir, "s"), name)))
		}},
		{"directory", func(name string) { must(t, os.MkdirAll(name, 0o755)) }},
		{"loop", func(name string) { must(t, os.Symlink(filepath.Base(name), name)) }},
	} {
		t.Run(kind.what, func(t *testing.T) {
			for i, place := range places {
				if testing.Short() && i%4 != k { // each test in another quarter
					continue
				}
				dir := rootWith(t, place, kind.make)
				was, err := os.Lstat(filepath.Join(dir, place))
				must(t, err)
				for _, args := range onRoot(t, dir) {
					got := inProcess(t, args...)
					if got.status > 1 && got.status != 5 {
						t.Errorf("%s: %s: status %d: %s", place, args[0], got.status, got.out)
					}
					if got.status == 1 && !strings.Contains(got.out, filepath.Base(place)) {
						t.Errorf("%s: %s: the file is not named: %s", place, args[0], got.out)
					}
				}
				if now, err := os.Lstat(filepath.Join(dir, place)); err != nil || now.Mode() != was.Mode() {
					t.Errorf("%s was replaced: %v", place, err)
				}
			}
		})
	}
}

// bounded fails if a command used more memory than such work needs. The race
// detector alone needs several times the memory of the program.
func bounded(t *testing.T, what string, got ended) {
	t.Helper()
	const most = 768 << 20
	t.Logf("%s: status %d, %d MiB at most", what, got.status, got.most>>20)
	if got.most > most {
		t.Errorf("%s had %d MiB", what, got.most>>20)
	}
}

// A file of ten gigabytes is refused without being read, in every place.
func TestTenGigabytes(t *testing.T) {
	const size = 10 << 30
	grow := func(name string) {
		must(t, os.WriteFile(name, []byte("-----BEGIN CERTIFICATE-----\n"), 0o644))
		must(t, os.Truncate(name, size))
	}
	for i, place := range places {
		if testing.Short() && i%4 != 0 {
			continue
		}
		dir := rootWith(t, place, grow)
		for _, args := range onRoot(t, dir) {
			bounded(t, place+": "+args[0], certgraft(t, args...))
		}
		if info, err := os.Stat(filepath.Join(dir, place)); err != nil || info.Size() != size {
			t.Errorf("%s was changed: %v", place, err)
		}
	}
	source := filepath.Join(fast(t), "big.pem")
	grow(source)
	got := certgraft(t, "install", "--root", t.TempDir(), source)
	if bounded(t, "a source", got); got.status != 3 || !strings.Contains(got.out, "larger than") {
		t.Errorf("status %d: %s", got.status, got.out)
	}
}

// Directories with many entries, a million each if CERTGRAFT_ALL is set, need no
// more memory than the entries themselves.
func TestManyEntries(t *testing.T) {
	count, least := 10_000, int64(64<<20)
	switch {
	case os.Getenv("CERTGRAFT_ALL") != "":
		count = 1_000_000
	case testing.Short():
		count = 2_000
	}
	if raced() {
		least = 512 << 20
	}
	for _, in := range []struct{ dir, format string }{
		{"etc/ssl/certs", "%08x.0"}, {"usr/local/share/ca-certificates", "%d.crt"}, {"etc", "%d"}, {"etc/pki/ca-trust/source/anchors", "%d.pem"},
	} {
		t.Run(filepath.Base(in.dir), func(t *testing.T) {
			dir := rootWith(t, in.dir+"/x", func(name string) {
				for i := range count {
					must(t, os.WriteFile(filepath.Join(filepath.Dir(name), fmt.Sprintf(in.format, i)), nil, 0o644))
				}
			})
			for _, args := range onRoot(t, dir) {
				name, got := args[0], certgraft(t, args...)
				t.Logf("%s: status %d, %d MiB at most", name, got.status, got.most>>20)
				if limit := least + int64(2560*count); got.most > limit {
					t.Errorf("%s had %d MiB for %d entries", name, got.most>>20, count)
				}
				if got.status != 0 && name != "diff" {
					t.Errorf("%s: status %d: %s", name, got.status, got.out)
				}
			}
		})
	}
}

// Twenty processes each install a CA of their own at the same time, and all
// succeed. Five killed processes leave nothing behind.
func TestTwentyAtOnce(t *testing.T) {
	dir := rootWith(t, "etc/ssl/certs/ca-certificates.crt", func(name string) {
		must(t, os.WriteFile(name, []byte(roottest.NewCA(t, "A").PEM()), 0o644))
	})
	was := roottest.Dump(t, os.DirFS(dir).(fs.ReadLinkFS))
	var files, pems []string
	for i := range 20 {
		ca := roottest.NewCA(t, fmt.Sprint("Corp ", i))
		pems = append(pems, ca.PEM())
		files = append(files, filepath.Join(t.TempDir(), fmt.Sprintf("corp%d.pem", i)))
		must(t, os.WriteFile(files[i], []byte(ca.PEM()), 0o644))
	}
	var wg sync.WaitGroup
	for i, file := range files {
		wg.Go(func() {
			if i%4 == 3 {
				killSoon(t, i, "install", "--root", dir, file)
			}
			if got := certgraft(t, "install", "--root", dir, file); got.status != 0 {
				t.Errorf("%s: status %d: %s", file, got.status, got.out)
			}
		})
	}
	wg.Wait()
	data, err := os.ReadFile(filepath.Join(dir, "etc/ssl/certs/ca-certificates.crt"))
	must(t, err)
	for i, pem := range pems {
		if strings.Count(string(data), pem) != 1 {
			t.Errorf("Corp %d is %d times in the bundle", i, strings.Count(string(data), pem))
		}
	}
	if got := certgraft(t, "remove", "--root", dir, "--all"); got.status != 0 {
		t.Errorf("status %d: %s", got.status, got.out)
	}
	roottest.Same(t, "remove --all", was, roottest.Dump(t, os.DirFS(dir).(fs.ReadLinkFS)))
}

// killSoon starts a command and kills it after a time, whatever it is doing.
func killSoon(t *testing.T, after int, args ...string) {
	t.Helper()
	cmd := exec.Command("certgraft", args...)
	if err := cmd.Start(); err != nil {
		t.Error(err)
		return
	}
	time.Sleep(time.Duration(after) * 3 * time.Millisecond)
	_ = cmd.Process.Kill() // it may have ended
	_ = cmd.Wait()
}
