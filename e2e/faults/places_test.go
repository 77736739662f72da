//go:build e2e

package faults

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/certgraft/certgraft/e2e/rig"
)

// A file that only a variable names, on a mount that is read-only, is left, and the
// variable is named; the rest is done, and taken out again.
func TestS4VariableOnReadOnlyMount(t *testing.T) {
	root := rig.Debian(t, "bookworm")
	corp := rig.NewAuthority(t, "Corp Root")
	rig.Write(t, filepath.Join(root, "run/corp.pem"), rig.Read(t, corp.CAFile))
	rig.Write(t, filepath.Join(root, "opt/secrets/ca.pem"), rig.Read(t, rig.NewAuthority(t, "Other Root").CAFile))
	rig.Write(t, filepath.Join(root, "root/.curlrc"), "cacert = /opt/secrets/ca.pem\n")
	rig.Run(t, "cp", rig.Certgraft, filepath.Join(root, "run/certgraft"))
	readOnly(t, filepath.Join(root, "opt/secrets"))
	before := rig.Snapshot(t, root)
	inside := func(args ...string) string {
		return rig.Run(t, "env", append([]string{"-i", "SSL_CERT_FILE=/opt/secrets/ca.pem", "/usr/sbin/chroot", root, "/run/certgraft"}, args...)...)
	}
	for _, flags := range [][]string{nil, {"--keep-going"}} {
		out := inside(append([]string{"install", "/run/corp.pem"}, flags...)...)
		for _, by := range []string{"SSL_CERT_FILE", "cacert in /root/.curlrc, line 1,"} {
			if !strings.Contains(out, by+" names /opt/secrets/ca.pem, which cannot be written (read-only file system) and was left as it is") {
				t.Error(out)
			}
		}
		rig.Run(t, "openssl", "verify", "-no-CApath", "-no-CAstore", "-CAfile", filepath.Join(root, "etc/ssl/certs/ca-certificates.crt"), corp.CertFile)
		inside("remove", "--all")
		rig.Same(t, "remove --all", before, rig.Snapshot(t, root))
	}
}

func readOnly(t *testing.T, dir string) {
	t.Helper()
	rig.Run(t, "mount", "--bind", dir, dir)
	t.Cleanup(func() { rig.Run(t, "umount", dir) })
	rig.Run(t, "mount", "-o", "remount,bind,ro", dir)
}

// Where the directory of anchors is read-only, the error names the flags that work
// there, and they do. Nothing was touched before.
func TestS4ReadOnlyAnchors(t *testing.T) {
	root := rig.Debian(t, "bookworm")
	readOnly(t, filepath.Join(root, "usr/local/share/ca-certificates"))
	corp := rig.NewAuthority(t, "Corp Root")
	command := []string{rig.Certgraft, "install", "--root", root, corp.CAFile}
	refusedUnchanged(t, root, []string{"ca-certificates/certgraft-", "read-only", "the files that can be written here are edited with --append, or with --keep-going", "certgraft run SOURCE… -- COMMAND makes"}, command...)
	for _, flag := range []string{"--append", "--keep-going"} {
		before := rig.Snapshot(t, root)
		rig.Run(t, command[0], append(command[1:], flag)...)
		rig.Run(t, "openssl", "verify", "-no-CApath", "-no-CAstore", "-CAfile", filepath.Join(root, "etc/ssl/certs/ca-certificates.crt"), corp.CertFile)
		rig.Run(t, rig.Certgraft, "remove", "--root", root, "--all")
		rig.Same(t, flag, before, rig.Snapshot(t, root))
	}
}

// A trust store that is read-only is no part of the system's stores.
func TestS4ReadOnlyKeystore(t *testing.T) {
	root := rig.Debian(t, "bookworm")
	security := filepath.Join(root, "opt/jre/lib/security")
	if err := os.MkdirAll(security, 0o755); err != nil {
		t.Fatal(err)
	}
	rig.Run(t, "keytool", "-importcert", "-noprompt", "-storepass", "changeit", "-alias", "x", "-file", rig.NewAuthority(t, "Other").CAFile, "-keystore", filepath.Join(security, "cacerts"))
	readOnly(t, security)
	command := []string{rig.Certgraft, "install", "--root", root, rig.NewAuthority(t, "Corp Root").CAFile}
	refusedUnchanged(t, root, []string{"lib/security/cacerts", "read-only", "with --stores system, or with --append, or with --keep-going"}, command...)
	rig.Run(t, command[0], append(command[1:], "--stores", "system")...)
}
