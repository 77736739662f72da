//go:build e2e

package roots

import (
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"github.com/certgraft/certgraft/e2e/rig"
)

var suites = []string{"bookworm", "trixie"}

// After install, the distribution's own tool run for real changes not a byte,
// and after the tool install changes nothing.
func TestDebianFixedPoint(t *testing.T) {
	for _, suite := range suites {
		t.Run(suite, func(t *testing.T) {
			root := rig.Debian(t, suite)
			before := rig.Snapshot(t, root)
			corp := rig.NewAuthority(t, "Corp Root").CAFile
			install := append([]string{"install", "--root", root, corp}, rig.RDS(t)...)
			rig.Run(t, rig.Certgraft, install...)
			installed := rig.Snapshot(t, filepath.Join(root, "etc/ssl/certs"))
			out := rig.Chroot(t, root, "update-ca-certificates", "--fresh")
			if !strings.Contains(out, "added") {
				t.Fatalf("update-ca-certificates did not run: %s", out)
			}
			rig.Same(t, "update-ca-certificates after install", installed, rig.Snapshot(t, filepath.Join(root, "etc/ssl/certs")))

			times := rig.Stamps(t, root)
			out = rig.Run(t, rig.Certgraft, install...)
			if !strings.Contains(out, "nothing to do") {
				t.Errorf("install after update-ca-certificates: %s", out)
			}
			rig.Same(t, "install after update-ca-certificates", installed, rig.Snapshot(t, filepath.Join(root, "etc/ssl/certs")))
			rig.Same(t, "inodes and times", times, rig.Stamps(t, root))

			rig.Run(t, rig.Certgraft, "remove", "--root", root, "--all")
			rig.Same(t, "remove --all", before, rig.Snapshot(t, root))
		})
	}
}

// The reverse order: where the tool has made everything of anchors that someone
// laid down, install finds nothing to do.
func TestDebianToolFirst(t *testing.T) {
	for _, suite := range suites {
		t.Run(suite, func(t *testing.T) {
			root := rig.Debian(t, suite)
			sources := append([]string{rig.NewAuthority(t, "Corp Root").CAFile}, rig.RDS(t)...)
			rig.Run(t, rig.Certgraft, append([]string{"bundle", "--format", "split", "--output", filepath.Join(root, "usr/local/share/ca-certificates")}, sources...)...)
			rig.Chroot(t, root, "update-ca-certificates", "--fresh")
			made := rig.Snapshot(t, filepath.Join(root, "etc"))
			anchors := rig.Snapshot(t, filepath.Join(root, "usr/local/share/ca-certificates"))
			if out := rig.Run(t, rig.Certgraft, append([]string{"install", "--root", root}, sources...)...); !strings.Contains(out, " 0 added") {
				t.Error(out)
			}
			rig.Same(t, "install after the tool", made, rig.Snapshot(t, filepath.Join(root, "etc")))
			rig.Same(t, "anchors", anchors, rig.Snapshot(t, filepath.Join(root, "usr/local/share/ca-certificates")))
		})
	}
}

// On a Debian without the package the layout is laid down, works, and survives
// the package.
func TestDebianPackageLater(t *testing.T) {
	for _, suite := range suites {
		t.Run(suite, func(t *testing.T) {
			root := rig.Unpack(t, rig.Tarball(t, suite, "slim", "openssl"))
			corp := rig.NewAuthority(t, "Corp Root")
			rig.Run(t, rig.Certgraft, "install", "--root", root, corp.CAFile)
			rig.Write(t, filepath.Join(root, "tmp/server.crt"), rig.Read(t, corp.CertFile))
			verify := []string{"openssl", "verify", "/tmp/server.crt"}
			if out := rig.Chroot(t, root, verify...); !strings.Contains(out, "OK") {
				t.Fatalf("before the package: %s", out)
			}
			rig.Run(t, "cp", "/etc/resolv.conf", filepath.Join(root, "etc/resolv.conf"))
			apt(t, root, "ca-certificates")
			if out := rig.Chroot(t, root, verify...); !strings.Contains(out, "OK") {
				t.Errorf("after the package: %s", out)
			}
			if n := strings.Count(rig.Read(t, filepath.Join(root, "etc/ssl/certs/ca-certificates.crt")), "BEGIN CERTIFICATE"); n < 130 {
				t.Errorf("the bundle holds %d certificates after the package", n)
			}
			rig.Run(t, rig.Certgraft, "remove", "--root", root, "--all")
			rig.Fails(t, 2, "chroot", append([]string{root}, verify...)...)
		})
	}
}

// psql of PostgreSQL 17 takes the system's CAs for sslrootcert=system.
func TestPsqlSystemRoots(t *testing.T) {
	root := rig.Unpack(t, rig.Tarball(t, "trixie", "psql", "ca-certificates", "postgresql-client"))
	corp := rig.NewAuthority(t, "Corp Root")
	port := rig.Postgres(t, corp)
	psql := []string{root, "psql", fmt.Sprintf("host=localhost port=%d user=postgres dbname=postgres sslrootcert=system", port), "-Atc", "select 'connected'"}
	if out, err := rig.Try(t, "chroot", psql...); err == nil || !strings.Contains(out, "certificate verify failed") {
		t.Fatalf("before: %v %s", err, out)
	}
	rig.Run(t, rig.Certgraft, "install", "--root", root, corp.CAFile)
	if out := rig.Run(t, "chroot", psql...); !strings.Contains(out, "connected") {
		t.Error(out)
	}
	rig.Run(t, rig.Certgraft, "remove", "--root", root, "--all")
	if out, err := rig.Try(t, "chroot", psql...); err == nil || !strings.Contains(out, "certificate verify failed") {
		t.Errorf("after remove: %v %s", err, out)
	}
}
