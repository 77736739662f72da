//go:build e2e

package e2e

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// jdks are the packages of the Java that each suite has.
var jdks = map[string]string{"bookworm": "openjdk-17-jdk-headless", "trixie": "openjdk-21-jdk-headless"}

// javaRoot returns a Debian root with Java and a client in it.
func javaRoot(t *testing.T, suite string) string {
	t.Helper()
	root := unpack(t, tarball(t, suite, "java", "ca-certificates", "ca-certificates-java", jdks[suite]))
	write(t, filepath.Join(root, "tmp/Client.java"), read(t, "testdata/java/Client.java"))
	inJava(t, root, "javac", "-d", "/tmp", "/tmp/Client.java")
	return root
}

// inJava runs a command in a root with a /proc, which Java needs.
func inJava(t *testing.T, root string, args ...string) string {
	t.Helper()
	out, err := tryJava(t, root, args...)
	if err != nil {
		t.Fatalf("%s: %v\n%s", strings.Join(args, " "), err, out)
	}
	return out
}

func tryJava(t *testing.T, root string, args ...string) (string, error) {
	t.Helper()
	return try(t, "unshare", append([]string{"-m", "sh", "-c", `mount -t proc proc "$1/proc" && root=$1 && shift && exec chroot "$root" env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/tmp LC_ALL=C.UTF-8 DEBIAN_FRONTEND=noninteractive "$@"`, "sh", root}, args...)...)
}

// javaAccepts runs the client with more arguments for Java.
func javaAccepts(t *testing.T, root string, port int, args ...string) (string, bool) {
	t.Helper()
	out, err := tryJava(t, root, append(append([]string{"java"}, args...), "-cp", "/tmp", "Client", fmt.Sprint(port))...)
	if err != nil && !strings.Contains(out, "PKIX path building failed") {
		t.Fatalf("the client failed for another reason: %v\n%s", err, out)
	}
	return out, err == nil
}

// aliases returns what keytool finds in a store, by the password, or without.
func aliases(t *testing.T, root, store, password string) []string {
	t.Helper()
	args := []string{"keytool", "-list", "-rfc", "-keystore", store}
	if password != "" {
		args = append(args, "-storepass", password)
	} else {
		args = append([]string{"sh", "-c", `echo | "$@"`, "sh"}, args...)
	}
	var found []string
	for line := range strings.Lines(inJava(t, root, args...)) {
		if name, ok := strings.CutPrefix(line, "Alias name: "); ok {
			found = append(found, strings.TrimSpace(name))
		}
	}
	slices.Sort(found)
	return found
}

// contains fails unless all of want are among got.
func contains(t *testing.T, what string, got, want []string) {
	t.Helper()
	for _, w := range want {
		if _, ok := slices.BinarySearch(got, w); !ok {
			t.Errorf("%s: %q is gone", what, w)
		}
	}
}

// Debian's Java trusts a server after install, with all that its hook had put
// into its store, and after remove no longer.
func TestJavaOfDebian(t *testing.T) {
	for suite, jdk := range jdks {
		t.Run(jdk, func(t *testing.T) {
			root := javaRoot(t, suite)
			corp := newAuthority(t, "Corp Root")
			port := tlsServer(t, corp)
			before := snapshot(t, filepath.Join(root, "etc"))
			had := aliases(t, root, "/etc/ssl/certs/java/cacerts", "changeit")
			if len(had) < 100 {
				t.Fatalf("%d aliases", len(had))
			}
			if out, ok := javaAccepts(t, root, port); ok {
				t.Fatalf("accepted before: %s", out)
			}
			install := append([]string{"install", "--root", root, corp.caFile}, rds(t)...)
			run(t, certgraft, install...)
			if out, ok := javaAccepts(t, root, port); !ok {
				t.Errorf("refused after: %s", out)
			}
			for _, password := range []string{"changeit", ""} {
				now := aliases(t, root, "/etc/ssl/certs/java/cacerts", password)
				contains(t, "install", now, had)
				if n := len(now) - len(had); n < 80 {
					t.Errorf("%d aliases more", n)
				}
			}
			if out := run(t, certgraft, install...); !strings.Contains(out, "nothing to do") {
				t.Error(out)
			}
			// The hook, run for real over all of it, finds nothing wrong.
			inJava(t, root, "update-ca-certificates", "--fresh")
			contains(t, "update-ca-certificates --fresh", aliases(t, root, "/etc/ssl/certs/java/cacerts", "changeit"), had)
			if out, ok := javaAccepts(t, root, port); !ok {
				t.Errorf("refused after update-ca-certificates --fresh: %s", out)
			}
			run(t, certgraft, "remove", "--root", root, "--all")
			if out, ok := javaAccepts(t, root, port); ok {
				t.Errorf("accepted after remove: %s", out)
			}
			contains(t, "remove", aliases(t, root, "/etc/ssl/certs/java/cacerts", "changeit"), had)

			root = javaRoot(t, suite)
			run(t, certgraft, append([]string{"install", "--root", root, corp.caFile}, rds(t)...)...)
			run(t, certgraft, "remove", "--root", root, "--all")
			same(t, "remove --all", before, snapshot(t, filepath.Join(root, "etc")))
		})
	}
}

// A Java that is installed afterwards has what was installed before: its own
// hook picks the anchors up.
func TestJavaInstalledLater(t *testing.T) {
	root := debian(t, "bookworm")
	corp := newAuthority(t, "Corp Root")
	run(t, certgraft, "install", "--root", root, corp.caFile)
	run(t, "cp", "/etc/resolv.conf", filepath.Join(root, "etc/resolv.conf"))
	apt(t, root, "openjdk-17-jdk-headless")
	write(t, filepath.Join(root, "tmp/Client.java"), read(t, "testdata/java/Client.java"))
	inJava(t, root, "javac", "-d", "/tmp", "/tmp/Client.java")
	if out, ok := javaAccepts(t, root, tlsServer(t, corp)); !ok {
		t.Errorf("refused: %s", out)
	}
	found := aliases(t, root, "/etc/ssl/certs/java/cacerts", "changeit")
	i := slices.IndexFunc(found, func(a string) bool {
		return strings.HasPrefix(a, "debian:certgraft-corp.pem-") || strings.HasPrefix(a, "debian:certgraft-corp-")
	})
	if i < 0 {
		t.Fatalf("no alias of ours among %q", found)
	}
	// What the hook wrote is what install would have: nothing is left to do.
	if out := run(t, certgraft, "install", "--root", root, corp.caFile); !strings.Contains(out, " 0 added") {
		t.Error(out)
	}
}

// apt installs packages in a root, with maintainer scripts.
func apt(t *testing.T, root string, packages ...string) {
	t.Helper()
	write(t, filepath.Join(root, "usr/sbin/policy-rc.d"), "#!/bin/sh\nexit 101\n")
	run(t, "chmod", "0755", filepath.Join(root, "usr/sbin/policy-rc.d"))
	var out string
	var err error
	for range 3 {
		out, err = tryJava(t, root, append([]string{"sh", "-c", `apt-get update -qq && apt-get install -y -qq --no-install-recommends "$@"`, "sh"}, packages...)...)
		if err == nil {
			return
		}
	}
	t.Fatalf("apt: %v\n%s", err, out)
}

// vendorStores are stores that keytool makes, by the options it is given, where
// Java runtimes that are no packages have theirs.
var vendorStores = []struct {
	dir, password string
	args          []string
}{
	{"opt/java/openjdk/lib/security", "changeit", []string{"-storetype", "JKS"}},
	{"opt/jdk-with-pkcs12/lib/security", "changeit", []string{"-storetype", "PKCS12"}},
	{"usr/local/openjdk-8/jre/lib/security", "changeit", []string{"-storetype", "PKCS12", "-J-Dkeystore.pkcs12.legacy"}},
	{"usr/lib/jvm/without-password/lib/security", "", []string{"-storetype", "PKCS12", "-J-Dkeystore.pkcs12.certProtectionAlgorithm=NONE", "-J-Dkeystore.pkcs12.macAlgorithm=NONE"}},
}

// Stores that keytool made, in every format, keep all their entries, gain ours,
// and are read by keytool and Java.
func TestKeystoresOfVendors(t *testing.T) {
	root := javaRoot(t, "bookworm")
	corp := newAuthority(t, "Corp Root")
	port := tlsServer(t, corp)
	had := map[string][]string{}
	for _, s := range vendorStores {
		run(t, "mkdir", "-p", filepath.Join(root, s.dir))
		store := "/" + s.dir + "/cacerts"
		for _, ca := range []string{"ISRG_Root_X1", "NetLock_Arany_=Class_Gold=_Főtanúsítvány", "DigiCert_Global_Root_G2"} {
			inJava(t, root, append([]string{"keytool", "-importcert", "-noprompt", "-storepass", "changeit", "-alias", "Theirs " + ca, "-file", "/usr/share/ca-certificates/mozilla/" + ca + ".crt", "-keystore", store}, s.args...)...)
		}
		had[store] = aliases(t, root, store, s.password)
		if len(had[store]) != 3 {
			t.Fatalf("%s: %q", store, had[store])
		}
	}
	before := snapshot(t, root)
	run(t, certgraft, append([]string{"install", "--root", root, corp.caFile}, rds(t)...)...)
	for _, s := range vendorStores {
		store := "/" + s.dir + "/cacerts"
		for _, password := range []string{s.password, "changeit"} {
			if password == "changeit" && s.password == "" {
				continue // keytool takes no password for it
			}
			now := aliases(t, root, store, password)
			contains(t, store, now, had[store])
			if len(now) < 80 {
				t.Errorf("%s has %d aliases", store, len(now))
			}
		}
		args := []string{"-Djavax.net.ssl.trustStore=" + store}
		if s.password != "" {
			args = append(args, "-Djavax.net.ssl.trustStorePassword="+s.password)
		}
		if out, ok := javaAccepts(t, root, port, args...); !ok {
			t.Errorf("%s: refused: %s", store, out)
		}
	}
	run(t, certgraft, "remove", "--root", root, "--all")
	same(t, "remove --all", before, snapshot(t, root))
}

// A store with a password of its own is an error that says what to do, and
// everything is as it was; with the password it is edited.
func TestKeystorePassword(t *testing.T) {
	root := javaRoot(t, "bookworm")
	corp := newAuthority(t, "Corp Root")
	store := "/opt/java/openjdk/lib/security/cacerts"
	run(t, "mkdir", "-p", filepath.Dir(filepath.Join(root, store)))
	inJava(t, root, "keytool", "-importcert", "-noprompt", "-storepass", "another one", "-alias", "theirs", "-file", "/usr/share/ca-certificates/mozilla/ISRG_Root_X1.crt", "-keystore", store)
	before := snapshot(t, root)
	if out := fails(t, 1, certgraft, "install", "--root", root, corp.caFile); !strings.Contains(out, store+": the password is wrong") || !strings.Contains(out, "--java-password-file") {
		t.Error(out)
	}
	same(t, "an install that failed", before, snapshot(t, root))
	password := write(t, filepath.Join(t.TempDir(), "password"), "another one\n")
	run(t, certgraft, "install", "--root", root, "--java-password-file", password, corp.caFile)
	if now := aliases(t, root, store, "another one"); len(now) != 2 {
		t.Errorf("%q", now)
	}
	if now := aliases(t, root, "/etc/ssl/certs/java/cacerts", "changeit"); !slices.ContainsFunc(now, func(a string) bool { return strings.HasPrefix(a, "debian:certgraft-") }) {
		t.Error("the system's store, which has the usual password, was left out")
	}
}

// keytool lists the trust stores that bundle writes: PKCS#12 without a password,
// JKS with the usual one, both with one of their own; and Java trusts by them.
func TestBundleStores(t *testing.T) {
	root := javaRoot(t, "bookworm")
	corp := newAuthority(t, "Corp Root")
	port := tlsServer(t, corp)
	password := write(t, filepath.Join(t.TempDir(), "password"), "another one\n")
	for _, s := range []struct {
		format, password string
		args             []string
	}{
		{"jks", "changeit", nil}, {"p12", "", nil},
		{"jks", "another one", []string{"--password-file", password}}, {"p12", "another one", []string{"--password-file", password}},
	} {
		run(t, certgraft, append([]string{"bundle", "--format", s.format, "--output", filepath.Join(root, "tmp/store"), corp.caFile}, s.args...)...)
		if found := aliases(t, root, "/tmp/store", s.password); len(found) != 1 || !strings.HasPrefix(found[0], "certgraft-") {
			t.Errorf("%s with %q: %q", s.format, s.password, found)
		}
		if out, ok := javaAccepts(t, root, port, "-Djavax.net.ssl.trustStore=/tmp/store"); !ok {
			t.Errorf("%s with %q: refused: %s", s.format, s.password, out)
		}
	}
}
