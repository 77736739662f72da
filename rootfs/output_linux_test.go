package rootfs_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/certgraft/certgraft/internal/roottest"
	"github.com/certgraft/certgraft/rootfs"
)

// exportedRoot names the root to export for a process without root's rights.
const exportedRoot = "CERTGRAFT_EXPORTED_ROOT"

// Any user gets an output, and owns its content, also from another user's root and from
// directories without write permission. A second run renews the output.
func TestS3OutputOfAnyUser(t *testing.T) {
	root := os.Getenv(exportedRoot)
	switch {
	case root == "":
		root = t.TempDir()
		must(t, os.MkdirAll(filepath.Join(root, "etc/closed/below"), 0o755))
		must(t, os.WriteFile(filepath.Join(root, "etc/closed/bundle"), []byte("old"), 0o604))
		must(t, os.Symlink("bundle", filepath.Join(root, "etc/closed/link")))
		must(t, os.Chmod(filepath.Join(root, "etc/closed/below"), 0o555))
		must(t, os.Chmod(filepath.Join(root, "etc/closed"), 0o555))
		t.Cleanup(func() { _ = os.Chmod(filepath.Join(root, "etc/closed"), 0o755) })
		if os.Geteuid() == 0 {
			asNobody(t, root)
			return
		}
	case os.Geteuid() == 0:
		t.Fatal("it is root again")
	}
	out := filepath.Join(t.TempDir(), "out")
	opt := rootfs.Options{Output: out, Marker: "etc/closed/below/marker"}
	for range 2 {
		_, err := opt.Update(t.Context(), root, func(o *rootfs.Overlay) error {
			must(t, o.WriteFile("etc/closed/bundle", []byte("new"), 0o644))
			must(t, o.Symlink("below", "etc/closed/link"))
			return o.WriteFile("etc/closed/below/marker", nil, 0o644)
		})
		must(t, err)
		roottest.Same(t, "output", map[string]string{
			".": "drwxr-xr-x", "etc": "drwxr-xr-x", "etc/closed": "dr-xr-xr-x", "etc/closed/below": "dr-xr-xr-x",
			"etc/closed/bundle": "-rw----r-- new", "etc/closed/link": "-> below", "etc/closed/below/marker": "-rw-r--r-- ",
		}, dump(t, out))
	}
	must(t, os.Chmod(filepath.Join(out, "etc/closed/below"), 0o755))
	must(t, os.Chmod(filepath.Join(out, "etc/closed"), 0o755))
}

// asNobody runs the test again as a user without rights.
func asNobody(t *testing.T, root string) {
	t.Helper()
	const nobody = 65534
	tmp := t.TempDir()
	for _, dir := range []string{root, filepath.Dir(root), tmp, filepath.Dir(tmp)} {
		must(t, os.Chmod(dir, 0o755))
	}
	must(t, os.Chown(tmp, nobody, nobody))
	cmd := exec.Command("/proc/self/exe", "-test.run=^"+t.Name()+"$", "-test.v")
	cmd.Env, cmd.Dir = []string{exportedRoot + "=" + root, "TMPDIR=" + tmp}, "/"
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: nobody, Gid: nobody}}
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Errorf("as a user without rights: %v\n%s", err, out)
	}
	t.Logf("%s", out)
}

// In a root with SELinux labels, a new file gets the label of its directory, as the
// kernel sets it where SELinux runs.
func TestS9Labels(t *testing.T) {
	const attr = "security.selinux"
	dir := t.TempDir()
	label := func(name, value string) {
		t.Helper()
		if err := unix.Lsetxattr(filepath.Join(dir, name), attr, []byte(value+"\x00"), 0); err != nil {
			t.Skipf("labels cannot be set here: %v", err)
		}
	}
	must(t, os.MkdirAll(filepath.Join(dir, "etc/ssl"), 0o755))
	must(t, os.WriteFile(filepath.Join(dir, "etc/ssl/bundle"), []byte("old"), 0o644))
	for name, value := range map[string]string{".": "root_t", "etc": "etc_t", "etc/ssl": "cert_t", "etc/ssl/bundle": "own_t"} {
		label(name, value)
	}
	edit := func(o *rootfs.Overlay) error {
		must(t, o.WriteFile("etc/ssl/bundle", []byte("new"), 0o644))
		must(t, o.WriteFile("etc/ssl/new/file", nil, 0o644))
		must(t, o.Symlink("bundle", "etc/ssl/link"))
		return o.WriteFile("etc/file", nil, 0o644)
	}
	out := filepath.Join(t.TempDir(), "out")
	_, err := rootfs.Options{Output: out}.Update(t.Context(), dir, edit)
	must(t, err)
	must(t, rootfs.Update(dir, edit))
	for _, root := range []string{dir, out} {
		for name, want := range map[string]string{"etc/ssl/bundle": "own_t", "etc/ssl/new": "cert_t", "etc/ssl/new/file": "cert_t", "etc/ssl/link": "cert_t", "etc/file": "etc_t"} {
			value := make([]byte, 100)
			n, err := unix.Lgetxattr(filepath.Join(root, name), attr, value)
			if got := string(value[:max(n, 0)]); got != want+"\x00" {
				t.Errorf("%s in %s has the label %q, %v", name, root, got, err)
			}
		}
	}
}
