//go:build e2e

package faults

import (
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/certgraft/certgraft/e2e/rig"
	"github.com/certgraft/certgraft/keystore"
)

// refusedUnchanged runs an install that must fail, and checks what it says and
// that the root is as it was.
func refusedUnchanged(t *testing.T, root string, want []string, command ...string) {
	t.Helper()
	before := rig.Snapshot(t, root)
	out := rig.Fails(t, 1, command[0], command[1:]...)
	for _, w := range want {
		if !strings.Contains(out, w) {
			t.Errorf("no %q in\n%s", w, out)
		}
	}
	rig.Same(t, "after the failure", before, rig.Snapshot(t, root))
}

func TestReadOnlyRoot(t *testing.T) {
	root := rig.Debian(t, "bookworm")
	ro := rig.Mount(t, "--bind", root)
	rig.Run(t, "mount", "-o", "remount,bind,ro", ro)
	command := []string{rig.Certgraft, "install", "--root", ro, rig.NewAuthority(t, "Corp Root").CAFile}
	refusedUnchanged(t, ro, []string{"read-only", "nothing was changed", ro}, command...)
	if out := rig.Fails(t, 1, command[0], command[1:]...); strings.Contains(out, "undo the changes") {
		t.Errorf("nothing could be made, and it is taken away: %s", out)
	}
	unwanted := filepath.Join(t.TempDir(), "unwanted.pem")
	rig.Run(t, "cp", filepath.Join(ro, "usr/share/ca-certificates/mozilla/GTS_Root_R4.crt"), unwanted)
	refusedUnchanged(t, ro, []string{"read-only", "nothing was changed", "mount it for writing", "certgraft distrust --image IMAGE"}, rig.Certgraft, "distrust", "--root", ro, unwanted)
	rig.Run(t, rig.Certgraft, "install", "--root", root, command[len(command)-1])
	refusedUnchanged(t, ro, []string{"read-only", "certgraft remove --image IMAGE"}, rig.Certgraft, "remove", "--root", ro, "--all")
	for _, args := range [][]string{{"distrust", "--root", ro, unwanted}, {"remove", "--root", ro, "--all"}} {
		if out := rig.Fails(t, 1, rig.Certgraft, args...); strings.Contains(out, "--output") {
			t.Errorf("a flag that %s does not have: %s", args[0], out)
		}
	}
}

func TestDiskFull(t *testing.T) {
	root := rig.Mount(t, "-t", "tmpfs", "-o", "size=96k", "tmpfs")
	rig.Write(t, filepath.Join(root, "etc/ssl/certs/ca-certificates.crt"), "# empty\n")
	refusedUnchanged(t, root, []string{"no space left on device", "the disk is full", root}, append([]string{rig.Certgraft, "install", "--root", root}, rig.RDS(t)...)...)
}

// A quota ends before the disk does. That of a subvolume of Btrfs binds root too.
func TestQuota(t *testing.T) {
	if _, err := rig.Try(t, "modprobe", "btrfs"); err != nil && !strings.Contains(rig.Read(t, "/proc/filesystems"), "btrfs") {
		t.Skip("this kernel has no Btrfs")
	}
	disk := filepath.Join(t.TempDir(), "disk")
	rig.Run(t, "truncate", "-s", "128M", disk)
	rig.Run(t, "mkfs.btrfs", "-q", disk)
	root := filepath.Join(rig.Mount(t, "-o", "loop", disk), "root")
	rig.Run(t, "btrfs", "subvolume", "create", root)
	rig.Run(t, "btrfs", "quota", "enable", filepath.Dir(root))
	bundle := rig.Write(t, filepath.Join(root, "etc/ssl/certs/ca-certificates.crt"), "# empty\n")
	rig.Run(t, "sync", "-f", bundle)
	rig.Run(t, "btrfs", "qgroup", "limit", "160K", root)
	command := append([]string{rig.Certgraft, "install", "--root", root}, rig.RDS(t)...)
	refusedUnchanged(t, root, []string{"disk quota exceeded", "the disk quota is used up", root}, command...)
	rig.Run(t, "btrfs", "qgroup", "limit", "none", root)
	rig.Run(t, command[0], command[1:]...)
}

func TestNotRoot(t *testing.T) {
	root := rig.Debian(t, "bookworm")
	for dir := root; dir != "/tmp" && dir != "/"; dir = filepath.Dir(dir) {
		if err := os.Chmod(dir, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	corp := rig.NewAuthority(t, "Corp Root").CAFile
	for dir := filepath.Dir(corp); dir != "/tmp" && dir != "/"; dir = filepath.Dir(dir) {
		if err := os.Chmod(dir, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	tool := filepath.Join(t.TempDir(), "certgraft")
	rig.Run(t, "cp", rig.Certgraft, tool)
	nobody := []string{"setpriv", "--reuid", "65534", "--regid", "65534", "--clear-groups", tool, "install", "--root", root}
	refusedUnchanged(t, root, []string{"permission denied", "run it as root", "before USER"}, append(nobody, corp)...)
	rig.Run(t, "chmod", "0600", corp)
	refusedUnchanged(t, root, []string{corp + ": open: permission denied", "takes uid="}, append(nobody, corp)...)
	rig.Run(t, "chmod", "0700", filepath.Dir(corp))
	refusedUnchanged(t, root, []string{filepath.Dir(corp) + ": read the directory: permission denied", "takes uid="}, append(nobody, filepath.Dir(corp))...)
}

func TestImmutableBundle(t *testing.T) {
	root := rig.Debian(t, "bookworm")
	bundle := filepath.Join(root, "etc/ssl/certs/ca-certificates.crt")
	if out, err := rig.Try(t, "chattr", "+i", bundle); err != nil {
		t.Skipf("this file system has no immutable files: %s", out)
	}
	t.Cleanup(func() { rig.Run(t, "chattr", "-i", bundle) })
	refusedUnchanged(t, root, []string{"ca-certificates.crt", "immutable"}, rig.Certgraft, "install", "--root", root, rig.NewAuthority(t, "Corp Root").CAFile)
}

// A bundle that is a mount point of its own is written in place, and put back.
func TestBundleIsAMountPoint(t *testing.T) {
	root := rig.Debian(t, "bookworm")
	bundle := filepath.Join(root, "etc/ssl/certs/ca-certificates.crt")
	outside := rig.Write(t, filepath.Join(t.TempDir(), "bundle"), rig.Read(t, bundle))
	rig.Run(t, "mount", "--bind", outside, bundle)
	t.Cleanup(func() { rig.Run(t, "umount", bundle) })
	before := rig.Snapshot(t, root)
	corp := rig.NewAuthority(t, "Corp Root")
	out := rig.Run(t, rig.Certgraft, "install", "--root", root, corp.CAFile)
	if !strings.Contains(out, "mount point, or in one, and was written in place") {
		t.Error(out)
	}
	rig.Run(t, "openssl", "verify", "-no-CApath", "-no-CAstore", "-CAfile", outside, corp.CertFile)
	rig.Run(t, rig.Certgraft, "remove", "--root", root, "--all")
	rig.Same(t, "remove --all", before, rig.Snapshot(t, root))
}

// p11-kit reads every file of its directory of anchors, so that none is staged in
// it. Where that is a volume of its own they are made at their names.
func TestAnchorsAreAVolume(t *testing.T) {
	root := t.TempDir()
	rig.Write(t, filepath.Join(root, "etc/os-release"), "ID=fedora\n")
	anchors := filepath.Join(root, "etc/pki/ca-trust/source/anchors")
	theirs := rig.Write(t, filepath.Join(anchors, "certgraft-theirs.txt"), "theirs\n")
	rig.Run(t, "mount", "-t", "tmpfs", "tmpfs", anchors)
	t.Cleanup(func() { rig.Run(t, "umount", anchors) })
	rig.Write(t, theirs, "theirs\n")
	before := rig.Snapshot(t, root)
	corp := rig.NewAuthority(t, "Corp Root")
	other := rig.Write(t, filepath.Join(t.TempDir(), "other.pem"), rig.Read(t, rig.NewAuthority(t, "Other Root").CAFile))
	if out := rig.Run(t, rig.Certgraft, "install", "--root", root, corp.CAFile); !strings.Contains(out, "was written in place") {
		t.Error(out)
	}
	installed := rig.Snapshot(t, root)
	rig.Run(t, rig.Certgraft, "install", "--root", root, other)
	rig.Run(t, rig.Certgraft, "remove", "--root", root, "other.pem")
	rig.Same(t, "the first one alone", installed, rig.Snapshot(t, root))
	rig.Run(t, rig.Certgraft, "remove", "--root", root, "--all")
	rig.Same(t, "remove --all", before, rig.Snapshot(t, root))
}

// A bundle that is mounted read-only, as engines mount secrets, cannot be written
// at all: that is said, and nothing else was touched.
func TestBundleIsAReadOnlyMountPoint(t *testing.T) {
	root := rig.Debian(t, "bookworm")
	bundle := filepath.Join(root, "etc/ssl/certs/ca-certificates.crt")
	outside := rig.Write(t, filepath.Join(t.TempDir(), "bundle"), rig.Read(t, bundle))
	rig.Run(t, "mount", "--bind", outside, bundle)
	t.Cleanup(func() { rig.Run(t, "umount", bundle) })
	rig.Run(t, "mount", "-o", "remount,bind,ro", bundle)
	refusedUnchanged(t, root, []string{"ca-certificates.crt", "read-only"}, rig.Certgraft, "install", "--root", root, rig.NewAuthority(t, "Corp Root").CAFile)
}

// In a root with neither /tmp, /proc, /dev, /sys nor os-release everything works,
// also under a umask that takes all rights away, and what is made can be read by
// all.
func TestBareRoot(t *testing.T) {
	root := t.TempDir()
	rig.Run(t, "cp", rig.Certgraft, filepath.Join(root, "certgraft"))
	rig.Write(t, filepath.Join(root, "corp.pem"), rig.Read(t, rig.NewAuthority(t, "Corp Root").CAFile))
	before := rig.Snapshot(t, root)
	inside := func(command string) string {
		return rig.Run(t, "env", "-i", "sh", "-c", "umask 077; exec /usr/sbin/chroot "+root+" /certgraft "+command)
	}
	inside("install /corp.pem")
	for name, line := range rig.Snapshot(t, root) {
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
	rig.Same(t, "remove --all", before, rig.Snapshot(t, root))
}

// Twenty at once on one root all end up installed.
func TestTwentyAtOnce(t *testing.T) {
	root := rig.Debian(t, "bookworm")
	var script strings.Builder
	var files []string
	for i := range 20 {
		corp := rig.NewAuthority(t, fmt.Sprint("Corp Root ", i))
		files = append(files, corp.CertFile)
		script.WriteString(rig.Certgraft + " install -q --root " + root + " " + corp.CAFile + " & pids=\"$pids $!\"\n")
	}
	script.WriteString("for p in $pids; do wait $p || exit 1; done\n")
	rig.Run(t, "sh", "-ec", script.String())
	for _, f := range files {
		rig.Run(t, "openssl", "verify", "-no-CApath", "-no-CAstore", "-CAfile", filepath.Join(root, "etc/ssl/certs/ca-certificates.crt"), f)
		rig.Write(t, filepath.Join(root, "server.crt"), rig.Read(t, f))
		rig.Chroot(t, root, "openssl", "verify", "-no-CAfile", "-no-CAstore", "-CApath", "/etc/ssl/certs", "/server.crt")
	}
	installed := rig.Snapshot(t, filepath.Join(root, "etc/ssl/certs"))
	rig.Chroot(t, root, "update-ca-certificates", "--fresh")
	rig.Same(t, "update-ca-certificates", installed, rig.Snapshot(t, filepath.Join(root, "etc/ssl/certs")))
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
			cacerts := rig.Write(t, filepath.Join(root, "opt/java/openjdk/lib/security/cacerts"), emptyKeystore(t))
			out, err := rig.Try(t, rig.Certgraft, "install", "--root", root, "--expired", "keep", file)
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
			rig.Run(t, "openssl", append([]string{"verify", "-no-CApath", "-no-CAstore", "-CAfile", bundle}, good...)...)
			rig.Run(t, "python3", "-c", "import ssl; c = ssl.create_default_context(cafile='"+bundle+"'); assert c.cert_store_stats()['x509'] >= 2")
			rig.Run(t, "ruby", append([]string{"-ropenssl", "-e", "s = OpenSSL::X509::Store.new; s.add_file(ARGV.shift); ARGV.each { |f| s.verify(OpenSSL::X509::Certificate.new(File.read(f))) or abort f }", bundle}, good...)...)
			rig.Run(t, "php", append([]string{"-r", "for ($i = 2; $i < $argc; $i++) if (openssl_x509_checkpurpose(file_get_contents($argv[$i]), X509_PURPOSE_ANY, [$argv[1]]) !== true) exit($i);", "--", bundle}, good...)...)
			if out := rig.Run(t, "env", "NODE_EXTRA_CA_CERTS="+bundle, "node", "-e", "require('tls').createSecureContext()"); strings.Contains(out, "Warning") {
				t.Errorf("Node: %s", out)
			}
			if out := rig.Run(t, "keytool", "-printcert", "-file", bundle); strings.Count(out, "SHA256:") < 2 {
				t.Errorf("Java reads of the bundle: %s", out)
			}
			if out := rig.Run(t, "keytool", "-list", "-storepass", "changeit", "-keystore", cacerts); strings.Count(out, "trustedCertEntry") < 2 {
				t.Errorf("Java reads of its trust store: %s", out)
			}
			goReads(t, bundle, good)
			for _, leaf := range good {
				if out := rig.Run(t, "certtool", "--verify", "--infile", leaf, "--load-ca-certificate", bundle); !strings.Contains(out, "Verified") {
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
	if !pool.AppendCertsFromPEM([]byte(rig.Read(t, bundle))) {
		t.Error("Go reads nothing of the bundle")
	}
	for _, leaf := range leaves {
		block, _ := pem.Decode([]byte(rig.Read(t, leaf)))
		c, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := c.Verify(x509.VerifyOptions{Roots: pool}); err != nil {
			t.Errorf("Go: %s: %v", leaf, err)
		}
	}
}
