//go:build e2e

package e2e

import (
	"fmt"
	"path/filepath"
	"strings"
	"testing"
)

var suites = []string{"bookworm", "trixie"}

// After install, the distribution's own tool run for real changes not a byte,
// and after the tool install changes nothing.
func TestDebianFixedPoint(t *testing.T) {
	for _, suite := range suites {
		t.Run(suite, func(t *testing.T) {
			root := debian(t, suite)
			before := snapshot(t, root)
			corp := newAuthority(t, "Corp Root").caFile
			install := append([]string{"install", "--root", root, corp}, rds(t)...)
			run(t, certgraft, install...)
			installed := snapshot(t, filepath.Join(root, "etc/ssl/certs"))
			out := chroot(t, root, "update-ca-certificates", "--fresh")
			if !strings.Contains(out, "added") {
				t.Fatalf("update-ca-certificates did not run: %s", out)
			}
			same(t, "update-ca-certificates after install", installed, snapshot(t, filepath.Join(root, "etc/ssl/certs")))

			times := stamps(t, root)
			out = run(t, certgraft, install...)
			if !strings.Contains(out, "nothing to do") {
				t.Errorf("install after update-ca-certificates: %s", out)
			}
			same(t, "install after update-ca-certificates", installed, snapshot(t, filepath.Join(root, "etc/ssl/certs")))
			same(t, "inodes and times", times, stamps(t, root))

			run(t, certgraft, "remove", "--root", root, "--all")
			same(t, "remove --all", before, snapshot(t, root))
		})
	}
}

// The reverse order: where the tool has made everything of anchors that someone
// laid down, install finds nothing to do.
func TestDebianToolFirst(t *testing.T) {
	for _, suite := range suites {
		t.Run(suite, func(t *testing.T) {
			root := debian(t, suite)
			sources := append([]string{newAuthority(t, "Corp Root").caFile}, rds(t)...)
			run(t, certgraft, append([]string{"bundle", "--format", "split", "--output", filepath.Join(root, "usr/local/share/ca-certificates")}, sources...)...)
			chroot(t, root, "update-ca-certificates", "--fresh")
			made := snapshot(t, filepath.Join(root, "etc"))
			anchors := snapshot(t, filepath.Join(root, "usr/local/share/ca-certificates"))
			if out := run(t, certgraft, append([]string{"install", "--root", root}, sources...)...); !strings.Contains(out, " 0 added") {
				t.Error(out)
			}
			same(t, "install after the tool", made, snapshot(t, filepath.Join(root, "etc")))
			same(t, "anchors", anchors, snapshot(t, filepath.Join(root, "usr/local/share/ca-certificates")))
		})
	}
}

// On a Debian without the package the layout is laid down, works, and survives
// the package.
func TestDebianPackageLater(t *testing.T) {
	for _, suite := range suites {
		t.Run(suite, func(t *testing.T) {
			root := unpack(t, tarball(t, suite, "slim", "openssl"))
			corp := newAuthority(t, "Corp Root")
			run(t, certgraft, "install", "--root", root, corp.caFile)
			write(t, filepath.Join(root, "tmp/server.crt"), read(t, corp.certFile))
			verify := []string{"openssl", "verify", "/tmp/server.crt"}
			if out := chroot(t, root, verify...); !strings.Contains(out, "OK") {
				t.Fatalf("before the package: %s", out)
			}
			run(t, "cp", "/etc/resolv.conf", filepath.Join(root, "etc/resolv.conf"))
			apt(t, root, "ca-certificates")
			if out := chroot(t, root, verify...); !strings.Contains(out, "OK") {
				t.Errorf("after the package: %s", out)
			}
			if n := strings.Count(read(t, filepath.Join(root, "etc/ssl/certs/ca-certificates.crt")), "BEGIN CERTIFICATE"); n < 130 {
				t.Errorf("the bundle holds %d certificates after the package", n)
			}
			run(t, certgraft, "remove", "--root", root, "--all")
			fails(t, 2, "chroot", append([]string{root}, verify...)...)
		})
	}
}

// psql of PostgreSQL 17 takes the system's CAs for sslrootcert=system.
func TestPsqlSystemRoots(t *testing.T) {
	root := unpack(t, tarball(t, "trixie", "psql", "ca-certificates", "postgresql-client"))
	corp := newAuthority(t, "Corp Root")
	port := postgres(t, corp)
	psql := []string{root, "psql", fmt.Sprintf("host=localhost port=%d user=postgres dbname=postgres sslrootcert=system", port), "-Atc", "select 'connected'"}
	if out, err := try(t, "chroot", psql...); err == nil || !strings.Contains(out, "certificate verify failed") {
		t.Fatalf("before: %v %s", err, out)
	}
	run(t, certgraft, "install", "--root", root, corp.caFile)
	if out := run(t, "chroot", psql...); !strings.Contains(out, "connected") {
		t.Error(out)
	}
	run(t, certgraft, "remove", "--root", root, "--all")
	if out, err := try(t, "chroot", psql...); err == nil || !strings.Contains(out, "certificate verify failed") {
		t.Errorf("after remove: %v %s", err, out)
	}
}
