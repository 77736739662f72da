//go:build e2e

package e2e

import (
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/certgraft/certgraft/keystore"
)

// refusedUnchanged runs an install that must fail, and checks what it says and
// that the root is as it was.
func refusedUnchanged(t *testing.T, root string, want []string, command ...string) {
	t.Helper()
	before := snapshot(t, root)
	out := fails(t, 1, command[0], command[1:]...)
	for _, w := range want {
		if !strings.Contains(out, w) {
			t.Errorf("no %q in\n%s", w, out)
		}
	}
	same(t, "after the failure", before, snapshot(t, root))
}

// mount mounts a file system until the test ends.
func mount(t *testing.T, args ...string) string {
	t.Helper()
	dir := t.TempDir()
	run(t, "mount", append(args, dir)...)
	t.Cleanup(func() { run(t, "umount", dir) })
	return dir
}

func TestReadOnlyRoot(t *testing.T) {
	root := debian(t, "bookworm")
	ro := mount(t, "--bind", root)
	run(t, "mount", "-o", "remount,bind,ro", ro)
	command := []string{certgraft, "install", "--root", ro, newAuthority(t, "Corp Root").caFile}
	refusedUnchanged(t, ro, []string{"read-only", "nothing was changed", ro}, command...)
	if out := fails(t, 1, command[0], command[1:]...); strings.Contains(out, "putting back") {
		t.Errorf("nothing could be made, and it is taken away: %s", out)
	}
}

func TestDiskFull(t *testing.T) {
	root := mount(t, "-t", "tmpfs", "-o", "size=96k", "tmpfs")
	write(t, filepath.Join(root, "etc/ssl/certs/ca-certificates.crt"), "# empty\n")
	refusedUnchanged(t, root, []string{"no space left on device", "the disk is full", root}, append([]string{certgraft, "install", "--root", root}, rds(t)...)...)
}

// A quota ends before the disk does. That of a subvolume of Btrfs binds root too.
func TestQuota(t *testing.T) {
	if _, err := try(t, "modprobe", "btrfs"); err != nil && !strings.Contains(read(t, "/proc/filesystems"), "btrfs") {
		t.Skip("this kernel has no Btrfs")
	}
	disk := filepath.Join(t.TempDir(), "disk")
	run(t, "truncate", "-s", "128M", disk)
	run(t, "mkfs.btrfs", "-q", disk)
	root := filepath.Join(mount(t, "-o", "loop", disk), "root")
	run(t, "btrfs", "subvolume", "create", root)
	run(t, "btrfs", "quota", "enable", filepath.Dir(root))
	bundle := write(t, filepath.Join(root, "etc/ssl/certs/ca-certificates.crt"), "# empty\n")
	run(t, "sync", "-f", bundle)
	run(t, "btrfs", "qgroup", "limit", "160K", root)
	command := append([]string{certgraft, "install", "--root", root}, rds(t)...)
	refusedUnchanged(t, root, []string{"disk quota exceeded", "the disk quota is used up", root}, command...)
	run(t, "btrfs", "qgroup", "limit", "none", root)
	run(t, command[0], command[1:]...)
}

func TestNotRoot(t *testing.T) {
	root := debian(t, "bookworm")
	for dir := root; dir != "/tmp" && dir != "/"; dir = filepath.Dir(dir) {
		if err := os.Chmod(dir, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	corp := newAuthority(t, "Corp Root").caFile
	for dir := filepath.Dir(corp); dir != "/tmp" && dir != "/"; dir = filepath.Dir(dir) {
		if err := os.Chmod(dir, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	tool := filepath.Join(t.TempDir(), "certgraft")
	run(t, "cp", certgraft, tool)
	nobody := []string{"setpriv", "--reuid", "65534", "--regid", "65534", "--clear-groups", tool, "install", "--root", root}
	refusedUnchanged(t, root, []string{"permission denied", "run it as root", "before USER"}, append(nobody, corp)...)
	run(t, "chmod", "0600", corp)
	refusedUnchanged(t, root, []string{corp + ": open: permission denied", "takes uid="}, append(nobody, corp)...)
	run(t, "chmod", "0700", filepath.Dir(corp))
	refusedUnchanged(t, root, []string{filepath.Dir(corp) + ": read the directory: permission denied", "takes uid="}, append(nobody, filepath.Dir(corp))...)
}

func TestImmutableBundle(t *testing.T) {
	root := debian(t, "bookworm")
	bundle := filepath.Join(root, "etc/ssl/certs/ca-certificates.crt")
	if out, err := try(t, "chattr", "+i", bundle); err != nil {
		t.Skipf("this file system has no immutable files: %s", out)
	}
	t.Cleanup(func() { run(t, "chattr", "-i", bundle) })
	refusedUnchanged(t, root, []string{"ca-certificates.crt", "immutable"}, certgraft, "install", "--root", root, newAuthority(t, "Corp Root").caFile)
}

// A bundle that is a mount point of its own is written in place, and put back.
func TestBundleIsAMountPoint(t *testing.T) {
	root := debian(t, "bookworm")
	bundle := filepath.Join(root, "etc/ssl/certs/ca-certificates.crt")
	outside := write(t, filepath.Join(t.TempDir(), "bundle"), read(t, bundle))
	run(t, "mount", "--bind", outside, bundle)
	t.Cleanup(func() { run(t, "umount", bundle) })
	before := snapshot(t, root)
	corp := newAuthority(t, "Corp Root")
	out := run(t, certgraft, "install", "--root", root, corp.caFile)
	if !strings.Contains(out, "mount point, or in one, and was written in place") {
		t.Error(out)
	}
	run(t, "openssl", "verify", "-no-CApath", "-no-CAstore", "-CAfile", outside, corp.certFile)
	run(t, certgraft, "remove", "--root", root, "--all")
	same(t, "remove --all", before, snapshot(t, root))
}

// p11-kit reads every file of its directory of anchors, so that none is staged in
// it. Where that is a volume of its own they are made at their names.
func TestAnchorsAreAVolume(t *testing.T) {
	root := t.TempDir()
	write(t, filepath.Join(root, "etc/os-release"), "ID=fedora\n")
	anchors := filepath.Join(root, "etc/pki/ca-trust/source/anchors")
	theirs := write(t, filepath.Join(anchors, "certgraft-theirs.txt"), "theirs\n")
	run(t, "mount", "-t", "tmpfs", "tmpfs", anchors)
	t.Cleanup(func() { run(t, "umount", anchors) })
	write(t, theirs, "theirs\n")
	before := snapshot(t, root)
	corp := newAuthority(t, "Corp Root")
	other := write(t, filepath.Join(t.TempDir(), "other.pem"), read(t, newAuthority(t, "Other Root").caFile))
	if out := run(t, certgraft, "install", "--root", root, corp.caFile); !strings.Contains(out, "was written in place") {
		t.Error(out)
	}
	installed := snapshot(t, root)
	run(t, certgraft, "install", "--root", root, other)
	run(t, certgraft, "remove", "--root", root, "other.pem")
	same(t, "the first one alone", installed, snapshot(t, root))
	run(t, certgraft, "remove", "--root", root, "--all")
	same(t, "remove --all", before, snapshot(t, root))
}

// A bundle that is mounted read-only, as engines mount secrets, cannot be written
// at all: that is said, and nothing else was touched.
func TestBundleIsAReadOnlyMountPoint(t *testing.T) {
	root := debian(t, "bookworm")
	bundle := filepath.Join(root, "etc/ssl/certs/ca-certificates.crt")
	outside := write(t, filepath.Join(t.TempDir(), "bundle"), read(t, bundle))
	run(t, "mount", "--bind", outside, bundle)
	t.Cleanup(func() { run(t, "umount", bundle) })
	run(t, "mount", "-o", "remount,bind,ro", bundle)
	refusedUnchanged(t, root, []string{"ca-certificates.crt", "read-only"}, certgraft, "install", "--root", root, newAuthority(t, "Corp Root").caFile)
}

// In a root with neither /tmp, /proc, /dev, /sys nor os-release everything works,
// also under a umask that takes all rights away, and what is made can be read by
// all.
func TestBareRoot(t *testing.T) {
	root := t.TempDir()
	run(t, "cp", certgraft, filepath.Join(root, "certgraft"))
	write(t, filepath.Join(root, "corp.pem"), read(t, newAuthority(t, "Corp Root").caFile))
	before := snapshot(t, root)
	inside := func(command string) string {
		return run(t, "env", "-i", "sh", "-c", "umask 077; exec /usr/sbin/chroot "+root+" /certgraft "+command)
	}
	inside("install /corp.pem")
	for name, line := range snapshot(t, root) {
		if _, old := before[name]; !old && !strings.HasPrefix(line, "-rw-r--r--") && !strings.HasPrefix(line, "drwxr-xr-x") && !strings.HasPrefix(line, "L") {
			t.Errorf("%s: %s", name, line)
		}
	}
	if out := inside("inspect"); !regexp.MustCompile(`(?m)^/etc/ssl/certs/ca-certificates.crt +PEM bundle +1 `).MatchString(out) {
		t.Error(out)
	}
	if out := inside("install /corp.pem"); !strings.Contains(out, "nothing to do") {
		t.Error(out)
	}
	inside("remove --all")
	same(t, "remove --all", before, snapshot(t, root))
}

// Twenty at once on one root all end up installed.
func TestTwentyAtOnce(t *testing.T) {
	root := debian(t, "bookworm")
	var script strings.Builder
	var files []string
	for i := range 20 {
		corp := newAuthority(t, fmt.Sprint("Corp Root ", i))
		files = append(files, corp.certFile)
		script.WriteString(certgraft + " install -q --root " + root + " " + corp.caFile + " & pids=\"$pids $!\"\n")
	}
	script.WriteString("for p in $pids; do wait $p || exit 1; done\n")
	run(t, "sh", "-ec", script.String())
	for _, f := range files {
		run(t, "openssl", "verify", "-no-CApath", "-no-CAstore", "-CAfile", filepath.Join(root, "etc/ssl/certs/ca-certificates.crt"), f)
		write(t, filepath.Join(root, "server.crt"), read(t, f))
		chroot(t, root, "openssl", "verify", "-no-CAfile", "-no-CAstore", "-CApath", "/etc/ssl/certs", "/server.crt")
	}
	installed := snapshot(t, filepath.Join(root, "etc/ssl/certs"))
	chroot(t, root, "update-ca-certificates", "--fresh")
	same(t, "update-ca-certificates", installed, snapshot(t, filepath.Join(root, "etc/ssl/certs")))
}

// Whatever poisonous file is installed, all readers read the bundle, and Java
// its trust store, whole.
func TestPoison(t *testing.T) {
	dir := os.Getenv("CERTGRAFT_TESTDATA")
	if dir == "" {
		t.Skip("CERTGRAFT_TESTDATA is not set: the poisonous files are not there")
	}
	files, err := filepath.Glob(filepath.Join(dir, "poison/*.pem"))
	if err != nil || len(files) == 0 {
		t.Fatal("no poison", err)
	}
	for _, file := range files {
		t.Run(filepath.Base(file), func(t *testing.T) {
			root := t.TempDir()
			bundle := filepath.Join(root, "etc/ssl/certs/ca-certificates.crt")
			cacerts := write(t, filepath.Join(root, "opt/java/openjdk/lib/security/cacerts"), emptyKeystore(t))
			out, err := try(t, certgraft, "install", "--root", root, "--expired", "keep", file)
			if err != nil {
				if base := filepath.Base(file); base != "key.pem" && base != "empty.pem" {
					t.Fatalf("%v\n%s", err, out)
				}
				return // refused, which the scripts look at
			}
			// Not every file holds both good certificates in a way that can be read.
			var good []string
			for _, leaf := range []string{"leaf-a.crt", "leaf-b.crt"} {
				good = append(good, filepath.Join(dir, "poison", leaf))
			}
			run(t, "openssl", append([]string{"verify", "-no-CApath", "-no-CAstore", "-CAfile", bundle}, good...)...)
			run(t, "python3", "-c", "import ssl; c = ssl.create_default_context(cafile='"+bundle+"'); assert c.cert_store_stats()['x509'] >= 2")
			run(t, "ruby", append([]string{"-ropenssl", "-e", "s = OpenSSL::X509::Store.new; s.add_file(ARGV.shift); ARGV.each { |f| s.verify(OpenSSL::X509::Certificate.new(File.read(f))) or abort f }", bundle}, good...)...)
			run(t, "php", append([]string{"-r", "for ($i = 2; $i < $argc; $i++) if (openssl_x509_checkpurpose(file_get_contents($argv[$i]), X509_PURPOSE_ANY, [$argv[1]]) !== true) exit($i);", "--", bundle}, good...)...)
			if out := run(t, "env", "NODE_EXTRA_CA_CERTS="+bundle, "node", "-e", "require('tls').createSecureContext()"); strings.Contains(out, "Warning") {
				t.Errorf("Node: %s", out)
			}
			if out := run(t, "keytool", "-printcert", "-file", bundle); strings.Count(out, "SHA256:") < 2 {
				t.Errorf("Java reads of the bundle: %s", out)
			}
			if out := run(t, "keytool", "-list", "-storepass", "changeit", "-keystore", cacerts); strings.Count(out, "trustedCertEntry") < 2 {
				t.Errorf("Java reads of its trust store: %s", out)
			}
			goReads(t, bundle, good)
			for _, leaf := range good {
				if out := run(t, "certtool", "--verify", "--infile", leaf, "--load-ca-certificate", bundle); !strings.Contains(out, "Verified") {
					t.Errorf("GnuTLS: %s", out)
				}
			}
		})
	}
}

// emptyKeystore returns a JKS store with nothing in it.
func emptyKeystore(t *testing.T) string {
	t.Helper()
	data, err := keystore.NewJKS(keystore.DefaultPassword).Encode()
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

// goReads verifies leaves as a program in Go would.
func goReads(t *testing.T, bundle string, leaves []string) {
	t.Helper()
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM([]byte(read(t, bundle))) {
		t.Error("Go reads nothing of the bundle")
	}
	for _, leaf := range leaves {
		block, _ := pem.Decode([]byte(read(t, leaf)))
		c, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := c.Verify(x509.VerifyOptions{Roots: pool}); err != nil {
			t.Errorf("Go: %s: %v", leaf, err)
		}
	}
}
