//go:build e2e

package rig

import (
	"path/filepath"
	"strings"
	"testing"
)

// JDKs are the packages of the Java that each suite has.
var JDKs = map[string]string{"bookworm": "openjdk-17-jdk-headless", "trixie": "openjdk-21-jdk-headless"}

// JavaRoot returns a Debian root with Java and a client in it.
func JavaRoot(t *testing.T, suite string) string {
	t.Helper()
	root := Unpack(t, Tarball(t, suite, "java", "ca-certificates", "ca-certificates-java", JDKs[suite]))
	Write(t, filepath.Join(root, "tmp/Client.java"), Read(t, File("e2e/rig/testdata/java/Client.java")))
	InJava(t, root, "javac", "-d", "/tmp", "/tmp/Client.java")
	return root
}

// InJava runs a command in a root with a /proc, which Java needs.
func InJava(t *testing.T, root string, args ...string) string {
	t.Helper()
	out, err := TryJava(t, root, args...)
	if err != nil {
		t.Fatalf("%s: %v\n%s", strings.Join(args, " "), err, out)
	}
	return out
}

// TryJava is InJava for commands that may fail.
func TryJava(t *testing.T, root string, args ...string) (string, error) {
	t.Helper()
	return Try(t, "unshare", append([]string{"-m", "sh", "-c", `mount -t proc proc "$1/proc" && root=$1 && shift && exec chroot "$root" env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/tmp LC_ALL=C.UTF-8 DEBIAN_FRONTEND=noninteractive "$@"`, "sh", root}, args...)...)
}
