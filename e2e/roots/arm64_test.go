//go:build e2e

package roots

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/certgraft/certgraft/e2e/rig"
)

// arm64 returns a Debian root of that architecture with ca-certificates, which
// is the same package on all: it comes from the other root, configured, with few
// roots chosen.
func arm64(t *testing.T) string {
	t.Helper()
	root, donor := rig.Unpack(t, rig.Tarball(t, "bookworm", "arm64", "base-files", "dash", "coreutils", "sed", "grep", "findutils", "debianutils", "openssl", "dpkg")), rig.Debian(t, "bookworm")
	rig.Run(t, "mkdir", "-p", filepath.Join(root, "etc/ssl/certs"), filepath.Join(root, "usr/local/share"))
	for _, name := range []string{"usr/share/ca-certificates", "usr/sbin/update-ca-certificates", "etc/ca-certificates", "usr/local/share/ca-certificates"} {
		rig.Run(t, "cp", "-a", "-T", filepath.Join(donor, name), filepath.Join(root, name))
	}
	rig.Write(t, filepath.Join(root, "etc/ca-certificates.conf"), goldenConf)
	rig.Chroot(t, root, "update-ca-certificates", "--fresh")
	return root
}

// The arm64 binary works on an arm64 Debian, run inside it; the
// distribution's own tool, run inside it too, finds nothing to change.
func TestARM64(t *testing.T) {
	rig.Foreign(t, "aarch64")
	root := arm64(t)
	if out := rig.Chroot(t, root, "dpkg", "--print-architecture"); out != "arm64\n" {
		t.Fatalf("the root is %s", out)
	}
	before := rig.Snapshot(t, root)
	rig.Run(t, "env", "GOARCH=arm64", "make", "-C", rig.File("."), "build", "BINARY="+filepath.Join(root, "tmp/certgraft"))
	corp := rig.NewAuthority(t, "Corp Root")
	rig.Write(t, filepath.Join(root, "tmp/corp.pem"), rig.Read(t, corp.CAFile))
	rig.Write(t, filepath.Join(root, "tmp/server.crt"), rig.Read(t, corp.CertFile))
	if out := rig.Chroot(t, root, "/tmp/certgraft", "version"); !strings.Contains(out, " linux/arm64 ") {
		t.Errorf("version: %s", out)
	}
	install := []string{"/tmp/certgraft", "install", "--offline", "aws-rds", "/tmp/corp.pem"}
	t.Log(rig.Chroot(t, root, install...))
	if out := rig.Chroot(t, root, "openssl", "verify", "/tmp/server.crt"); !strings.Contains(out, "OK") {
		t.Errorf("openssl: %s", out)
	}
	installed := rig.Snapshot(t, filepath.Join(root, "etc/ssl/certs"))
	if out := rig.Chroot(t, root, "update-ca-certificates", "--fresh"); !strings.Contains(out, "added") {
		t.Fatalf("update-ca-certificates did not run: %s", out)
	}
	rig.Same(t, "update-ca-certificates after install", installed, rig.Snapshot(t, filepath.Join(root, "etc/ssl/certs")))
	if out := rig.Chroot(t, root, install...); !strings.Contains(out, "nothing to do") {
		t.Errorf("the second install: %s", out)
	}

	// Architectures agree: what the amd64 binary does to the same root from
	// outside is the same to the byte.
	other := arm64(t)
	rig.Run(t, rig.Certgraft, "install", "--root", other, "--offline", "aws-rds", filepath.Join(root, "tmp/corp.pem"))
	for _, dir := range []string{"etc/ssl/certs", "usr/local/share"} {
		rig.Same(t, "amd64 and arm64", rig.Snapshot(t, filepath.Join(other, dir)), rig.Snapshot(t, filepath.Join(root, dir)))
	}

	rig.Chroot(t, root, "/tmp/certgraft", "remove", "--all")
	for _, name := range []string{"certgraft", "corp.pem", "server.crt"} {
		if err := os.Remove(filepath.Join(root, "tmp", name)); err != nil {
			t.Fatal(err)
		}
	}
	rig.Same(t, "remove --all", before, rig.Snapshot(t, root))
}
