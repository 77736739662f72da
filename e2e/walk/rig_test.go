//go:build e2e

// Package walk attacks what certgraft says of a root: walks of random steps beside
// a shadow root, and a test for each fault that was found in this way. It needs
// root on Debian and the packages that .ci/run installs.
package walk

import (
	"crypto/sha256"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/certgraft/certgraft/e2e/rig"
	"github.com/certgraft/certgraft/internal/roottest"
)

// certgraft is the binary under test: the one that was built, or the one that
// CERTGRAFT_BINARY names.
var certgraft = binary()

// scratch holds what all tests of the package share.
var scratch string

func binary() string {
	name := os.Getenv("CERTGRAFT_BINARY")
	if name == "" {
		name = "../../build/certgraft"
	}
	name, _ = filepath.Abs(name)
	return name
}

func TestMain(m *testing.M) {
	if os.Getenv(withoutSync) != "" {
		refuseSync(os.Args[1:])
	}
	if os.Geteuid() != 0 {
		fmt.Fprintln(os.Stderr, "e2e: not root: these tests make root file systems and chroot into them")
		os.Exit(1)
	}
	if _, err := os.Stat(certgraft); err != nil {
		fmt.Fprintf(os.Stderr, "e2e: %s is missing: run make e2e\n", certgraft)
		os.Exit(1)
	}
	// Variables that redirect trust would make every client lie.
	for _, kv := range os.Environ() {
		name, value, _ := strings.Cut(kv, "=")
		if strings.HasSuffix(value, ".crt") || strings.Contains(name, "SSL_CERT") || strings.Contains(name, "CA_") {
			_ = os.Unsetenv(name)
		}
	}
	var err error
	if scratch, err = os.MkdirTemp(inMemory(), "certgraft-walk-"); err != nil {
		fmt.Fprintln(os.Stderr, "e2e:", err)
		os.Exit(1)
	}
	status := m.Run()
	_ = os.RemoveAll(scratch)
	os.Exit(status)
}

// inMemory is a file system in memory with room for the roots, "" if there is
// none: thousands of small files are written.
func inMemory() string {
	const dir, need = "/dev/shm", 1 << 30
	var st syscall.Statfs_t
	if err := syscall.Statfs(dir, &st); err != nil || st.Bavail*uint64(st.Bsize) < need {
		return ""
	}
	return dir
}

// ok ends the test if there was an error.
func ok(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// unpackInto unpacks an archive of a root, without what takes room and no tool
// here reads.
func unpackInto(t *testing.T, archive, dir string) {
	t.Helper()
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	args := []string{"-C", dir, "--exclude=./dev/*"}
	for _, unread := range []string{"usr/share/doc", "usr/share/locale", "usr/share/zoneinfo", "usr/share/man", "var/cache", "var/lib/apt", "var/lib/dpkg"} {
		args = append(args, "--exclude=./"+unread+"/*")
	}
	rig.Run(t, "tar", append(args, "-xf", archive)...)
	rig.Run(t, "mknod", "-m", "666", filepath.Join(dir, "dev/null"), "c", "1", "3")
}

// roots are the Debian roots whose tools are run, each unpacked once.
var roots sync.Map

// whole returns a Debian root that tests share and do not change.
func whole(t *testing.T, suite, label string, packages ...string) string {
	t.Helper()
	key := suite + "-" + label
	once, _ := roots.LoadOrStore(key, &sync.Once{})
	dir := filepath.Join(scratch, key)
	once.(*sync.Once).Do(func() { unpackInto(t, rig.Tarball(t, suite, label, packages...), dir) })
	if _, err := os.Stat(filepath.Join(dir, "dev/null")); err != nil {
		t.Fatalf("%s was not unpacked", key)
	}
	return dir
}

// files describes every file and link below dir by mode, owner and content or
// target.
func files(dir string) (map[string]string, error) {
	tree := map[string]string{}
	err := filepath.WalkDir(dir, func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		st := info.Sys().(*syscall.Stat_t)
		line := fmt.Sprintf("%v %d:%d", info.Mode(), st.Uid, st.Gid)
		if info.Mode()&fs.ModeSymlink != 0 {
			target, err := os.Readlink(name)
			tree[strings.TrimPrefix(name, dir+"/")] = line + " -> " + target
			return err
		}
		data, err := os.ReadFile(name)
		tree[strings.TrimPrefix(name, dir+"/")] = fmt.Sprintf("%s %x", line, sha256.Sum256(data))
		return err
	})
	return tree, err
}

// authority is the files of a throw-away CA and of one server certificate.
type authority struct {
	caFile, certFile string
	ca               ca
}

// newAuthority makes one for localhost; its CA is in a file of that name.
func newAuthority(t *testing.T, name, file string) authority {
	t.Helper()
	dir := t.TempDir()
	made := roottest.NewCA(t, name)
	cert, _ := roottest.PEMs(t, made.Issue(t, "localhost", "127.0.0.1"))
	return authority{
		caFile:   rig.Write(t, filepath.Join(dir, file), made.PEM()),
		certFile: rig.Write(t, filepath.Join(dir, "server.crt"), cert),
		ca:       parseCA(name, made.DER),
	}
}
