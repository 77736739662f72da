//go:build e2e

package rig

import (
	"crypto/sha256"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// CacheDir keeps made roots for the next run.
func CacheDir(t *testing.T) string {
	t.Helper()
	base := os.Getenv("XDG_CACHE_HOME")
	if base == "" {
		base = filepath.Join(os.Getenv("HOME"), ".cache")
	}
	dir := filepath.Join(base, "certgraft-e2e")
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	return dir
}

// Tarball returns an archive of a Debian root with more packages in it, which
// is made once. With the label arm64 it is of that architecture, and its packages
// are unpacked and no more: to configure them takes minutes under emulation.
func Tarball(t *testing.T, suite, label string, packages ...string) string {
	t.Helper()
	name := filepath.Join(CacheDir(t), strings.TrimSuffix(suite+"-"+label, "-")+".tar")
	if _, err := os.Stat(name); err == nil {
		return name
	}
	args := []string{"-q", "--variant=minbase"}
	if label == "arm64" {
		args = []string{"-q", "--variant=extract", "--arch=" + label}
	}
	if len(packages) > 0 {
		args = append(args, "--include="+strings.Join(packages, ","))
	}
	tmp := fmt.Sprintf("%s.%d.tar", name, os.Getpid())
	for attempt := 0; ; attempt++ {
		out, err := Try(t, "mmdebstrap", append(args, suite, tmp)...)
		if err == nil {
			break
		}
		if attempt == 2 {
			t.Fatalf("mmdebstrap %s: %v\n%s", suite, err, out)
		}
	}
	if err := os.Rename(tmp, name); err != nil {
		t.Fatal(err)
	}
	return name
}

// Debian returns a fresh Debian root with ca-certificates.
func Debian(t *testing.T, suite string) string {
	t.Helper()
	return Unpack(t, Tarball(t, suite, "", "ca-certificates"))
}

// Unpack returns a fresh root of an archive.
func Unpack(t *testing.T, archive string) string {
	t.Helper()
	dir := t.TempDir()
	Run(t, "tar", "-C", dir, "--exclude=./dev/*", "-xf", archive)
	Run(t, "mknod", "-m", "666", filepath.Join(dir, "dev/null"), "c", "1", "3")
	return dir
}

// Chroot runs a command in a root.
func Chroot(t *testing.T, root string, args ...string) string {
	t.Helper()
	return Run(t, "chroot", append([]string{root, "env", "-i", "PATH=/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL=C"}, args...)...)
}

// survey returns a line for every name below dir.
func survey(t *testing.T, dir string, line func(name string, info fs.FileInfo) (string, error)) map[string]string {
	t.Helper()
	tree := map[string]string{}
	err := filepath.WalkDir(dir, func(name string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		tree[strings.TrimPrefix(name, dir)], err = line(name, info)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return tree
}

// Snapshot describes every name below dir, but for the times and the sizes of
// directories: type, mode, owner, target and content.
func Snapshot(t *testing.T, dir string) map[string]string {
	t.Helper()
	return survey(t, dir, func(name string, info fs.FileInfo) (string, error) {
		st := info.Sys().(*syscall.Stat_t)
		line := fmt.Sprintf("%v %d:%d", info.Mode(), st.Uid, st.Gid)
		switch {
		case info.Mode()&fs.ModeSymlink != 0:
			target, err := os.Readlink(name)
			return line + " -> " + target, err
		case info.Mode().IsRegular():
			data, err := os.ReadFile(name)
			return fmt.Sprintf("%s %x", line, sha256.Sum256(data)), err
		}
		return line, nil
	})
}

// Same fails if two snapshots differ, and says where.
func Same(t *testing.T, what string, want, got map[string]string) {
	t.Helper()
	shown := 0
	differ := func(format string, args ...any) {
		if shown++; shown <= 10 {
			t.Errorf(what+": "+format, args...)
		}
	}
	for name, line := range want {
		if got[name] != line {
			differ("%s\n was %s\n is  %s", name, line, got[name])
		}
	}
	for name, line := range got {
		if _, ok := want[name]; !ok {
			differ("%s is new: %s", name, line)
		}
	}
	if shown > 10 {
		t.Errorf("%s: %d differences", what, shown)
	}
}

// Stamps returns inode and times of every name below dir.
func Stamps(t *testing.T, dir string) map[string]string {
	t.Helper()
	return survey(t, dir, func(_ string, info fs.FileInfo) (string, error) {
		st := info.Sys().(*syscall.Stat_t)
		return fmt.Sprintf("%d %v %v", st.Ino, st.Mtim, st.Ctim), nil
	})
}

// Mount mounts a file system until the test ends.
func Mount(t *testing.T, args ...string) string {
	t.Helper()
	dir := t.TempDir()
	Run(t, "mount", append(args, dir)...)
	t.Cleanup(func() { Run(t, "umount", dir) })
	return dir
}
