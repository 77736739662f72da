//go:build e2e

package roots

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/certgraft/certgraft/e2e/rig"
)

// javaAccepts runs the client with more arguments for Java.
func javaAccepts(t *testing.T, root string, port int, args ...string) (string, bool) {
	t.Helper()
	out, err := rig.TryJava(t, root, append(append([]string{"java"}, args...), "-cp", "/tmp", "Client", fmt.Sprint(port))...)
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
	for line := range strings.Lines(rig.InJava(t, root, args...)) {
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
	for suite, jdk := range rig.JDKs {
		t.Run(jdk, func(t *testing.T) {
			root := rig.JavaRoot(t, suite)
			corp := rig.NewAuthority(t, "Corp Root")
			port := rig.TLSServer(t, corp)
			before := rig.Snapshot(t, filepath.Join(root, "etc"))
			had := aliases(t, root, "/etc/ssl/certs/java/cacerts", "changeit")
			if len(had) < 100 {
				t.Fatalf("%d aliases", len(had))
			}
			if out, ok := javaAccepts(t, root, port); ok {
				t.Fatalf("accepted before: %s", out)
			}
			install := append([]string{"install", "--root", root, corp.CAFile}, rig.RDS(t)...)
			rig.Run(t, rig.Certgraft, install...)
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
			if out := rig.Run(t, rig.Certgraft, install...); !strings.Contains(out, "nothing to do") {
				t.Error(out)
			}
			// The hook, run for real over all of it, finds nothing wrong.
			rig.InJava(t, root, "update-ca-certificates", "--fresh")
			contains(t, "update-ca-certificates --fresh", aliases(t, root, "/etc/ssl/certs/java/cacerts", "changeit"), had)
			if out, ok := javaAccepts(t, root, port); !ok {
				t.Errorf("refused after update-ca-certificates --fresh: %s", out)
			}
			rig.Run(t, rig.Certgraft, "remove", "--root", root, "--all")
			if out, ok := javaAccepts(t, root, port); ok {
				t.Errorf("accepted after remove: %s", out)
			}
			contains(t, "remove", aliases(t, root, "/etc/ssl/certs/java/cacerts", "changeit"), had)

			root = rig.JavaRoot(t, suite)
			rig.Run(t, rig.Certgraft, append([]string{"install", "--root", root, corp.CAFile}, rig.RDS(t)...)...)
			rig.Run(t, rig.Certgraft, "remove", "--root", root, "--all")
			rig.Same(t, "remove --all", before, rig.Snapshot(t, filepath.Join(root, "etc")))
		})
	}
}

// A Java that is installed afterwards has what was installed before: its own
// hook picks the anchors up.
func TestJavaInstalledLater(t *testing.T) {
	root := rig.Debian(t, "bookworm")
	corp := rig.NewAuthority(t, "Corp Root")
	rig.Run(t, rig.Certgraft, "install", "--root", root, corp.CAFile)
	rig.Run(t, "cp", "/etc/resolv.conf", filepath.Join(root, "etc/resolv.conf"))
	apt(t, root, "openjdk-17-jdk-headless")
	rig.Write(t, filepath.Join(root, "tmp/Client.java"), rig.Read(t, rig.File("e2e/rig/testdata/java/Client.java")))
	rig.InJava(t, root, "javac", "-d", "/tmp", "/tmp/Client.java")
	if out, ok := javaAccepts(t, root, rig.TLSServer(t, corp)); !ok {
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
	if out := rig.Run(t, rig.Certgraft, "install", "--root", root, corp.CAFile); !strings.Contains(out, " 0 added") {
		t.Error(out)
	}
}

// apt installs packages in a root, with maintainer scripts.
func apt(t *testing.T, root string, packages ...string) {
	t.Helper()
	rig.Write(t, filepath.Join(root, "usr/sbin/policy-rc.d"), "#!/bin/sh\nexit 101\n")
	rig.Run(t, "chmod", "0755", filepath.Join(root, "usr/sbin/policy-rc.d"))
	var out string
	var err error
	for range 3 {
		out, err = rig.TryJava(t, root, append([]string{"sh", "-c", `apt-get update -qq && apt-get install -y -qq --no-install-recommends "$@"`, "sh"}, packages...)...)
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
	root := rig.JavaRoot(t, "bookworm")
	corp := rig.NewAuthority(t, "Corp Root")
	port := rig.TLSServer(t, corp)
	had := map[string][]string{}
	for _, s := range vendorStores {
		rig.Run(t, "mkdir", "-p", filepath.Join(root, s.dir))
		store := "/" + s.dir + "/cacerts"
		for _, ca := range []string{"ISRG_Root_X1", "NetLock_Arany_=Class_Gold=_Főtanúsítvány", "DigiCert_Global_Root_G2"} {
			rig.InJava(t, root, append([]string{"keytool", "-importcert", "-noprompt", "-storepass", "changeit", "-alias", "Theirs " + ca, "-file", "/usr/share/ca-certificates/mozilla/" + ca + ".crt", "-keystore", store}, s.args...)...)
		}
		had[store] = aliases(t, root, store, s.password)
		if len(had[store]) != 3 {
			t.Fatalf("%s: %q", store, had[store])
		}
	}
	before := rig.Snapshot(t, root)
	rig.Run(t, rig.Certgraft, append([]string{"install", "--root", root, corp.CAFile}, rig.RDS(t)...)...)
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
	rig.Run(t, rig.Certgraft, "remove", "--root", root, "--all")
	rig.Same(t, "remove --all", before, rig.Snapshot(t, root))
}

// A store with a password of its own is an error that says what to do, and
// everything is as it was; with the password it is edited.
func TestKeystorePassword(t *testing.T) {
	root := rig.JavaRoot(t, "bookworm")
	corp := rig.NewAuthority(t, "Corp Root")
	store := "/opt/java/openjdk/lib/security/cacerts"
	rig.Run(t, "mkdir", "-p", filepath.Dir(filepath.Join(root, store)))
	rig.InJava(t, root, "keytool", "-importcert", "-noprompt", "-storepass", "another one", "-alias", "theirs", "-file", "/usr/share/ca-certificates/mozilla/ISRG_Root_X1.crt", "-keystore", store)
	before := rig.Snapshot(t, root)
	if out := rig.Fails(t, 1, rig.Certgraft, "install", "--root", root, corp.CAFile); !strings.Contains(out, store+": the password is wrong") || !strings.Contains(out, "--java-password-file") {
		t.Error(out)
	}
	rig.Same(t, "an install that failed", before, rig.Snapshot(t, root))
	password := rig.Write(t, filepath.Join(t.TempDir(), "password"), "another one\n")
	rig.Run(t, rig.Certgraft, "install", "--root", root, "--java-password-file", password, corp.CAFile)
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
	root := rig.JavaRoot(t, "bookworm")
	corp := rig.NewAuthority(t, "Corp Root")
	port := rig.TLSServer(t, corp)
	password := rig.Write(t, filepath.Join(t.TempDir(), "password"), "another one\n")
	for _, s := range []struct {
		format, password string
		args             []string
	}{
		{"jks", "changeit", nil}, {"p12", "", nil},
		{"jks", "another one", []string{"--password-file", password}}, {"p12", "another one", []string{"--password-file", password}},
	} {
		rig.Run(t, rig.Certgraft, append([]string{"bundle", "--format", s.format, "--output", filepath.Join(root, "tmp/store"), corp.CAFile}, s.args...)...)
		if found := aliases(t, root, "/tmp/store", s.password); len(found) != 1 || !strings.HasPrefix(found[0], "certgraft-") {
			t.Errorf("%s with %q: %q", s.format, s.password, found)
		}
		if out, ok := javaAccepts(t, root, port, "-Djavax.net.ssl.trustStore=/tmp/store"); !ok {
			t.Errorf("%s with %q: refused: %s", s.format, s.password, out)
		}
	}
}

// Java trusts no server by a cacerts that is encrypted, unless it is given the password:
// what is installed there is of no use, and that is said.
func TestR15EncryptedCacerts(t *testing.T) {
	root := rig.JavaRoot(t, "bookworm")
	corp := rig.NewAuthority(t, "Corp Root")
	port := rig.TLSServer(t, corp)
	rig.InJava(t, root, "keytool", "-importkeystore", "-noprompt", "-srckeystore", "/etc/ssl/certs/java/cacerts", "-srcstorepass", "changeit", "-destkeystore", "/tmp/p12", "-deststoretype", "PKCS12", "-deststorepass", "changeit")
	rig.Run(t, "mv", filepath.Join(root, "tmp/p12"), filepath.Join(root, "etc/ssl/certs/java/cacerts"))
	const warning = "/etc/ssl/certs/java/cacerts is encrypted: Java loads nothing from it without a password, and trusts no server"
	if out := rig.Run(t, rig.Certgraft, "install", "--root", root, corp.CAFile); !strings.Contains(out, warning) {
		t.Error(out)
	}
	client := func(args ...string) error {
		_, err := rig.TryJava(t, root, append(append([]string{"java"}, args...), "-cp", "/tmp", "Client", fmt.Sprint(port))...)
		return err
	}
	if client() == nil {
		t.Error("Java reads it without a password: the warning is wrong")
	}
	if err := client("-Djavax.net.ssl.trustStorePassword=changeit"); err != nil {
		t.Error(err)
	}
	// The cure of the warning.
	rig.InJava(t, root, "keytool", "-importkeystore", "-noprompt", "-srckeystore", "/etc/ssl/certs/java/cacerts", "-srcstorepass", "changeit", "-destkeystore", "/tmp/jks", "-deststoretype", "JKS", "-deststorepass", "changeit")
	rig.Run(t, "mv", filepath.Join(root, "tmp/jks"), filepath.Join(root, "etc/ssl/certs/java/cacerts"))
	if err := client(); err != nil {
		t.Error(err)
	}
}

// Options of Java in a variable, or in the configuration of Gradle, name a trust store:
// it is one of Java.
func TestR13TrustStoreOfOptions(t *testing.T) {
	root := rig.JavaRoot(t, "bookworm")
	corp := rig.NewAuthority(t, "Corp Root")
	port := rig.TLSServer(t, corp)
	rig.InJava(t, root, "keytool", "-importcert", "-noprompt", "-storepass", "secret", "-alias", "theirs", "-file", "/usr/share/ca-certificates/mozilla/ISRG_Root_X1.crt", "-keystore", "/opt/own.jks")
	rig.Write(t, filepath.Join(root, "root/.gradle/gradle.properties"), "systemProp.javax.net.ssl.trustStore=/opt/own.jks\nsystemProp.javax.net.ssl.trustStorePassword=secret\n")
	options := []string{"-Djavax.net.ssl.trustStore=/opt/own.jks", "-Djavax.net.ssl.trustStorePassword=secret"}
	if _, ok := javaAccepts(t, root, port, options...); ok {
		t.Fatal("it is trusted already")
	}
	rig.Run(t, rig.Certgraft, "install", "--root", root, corp.CAFile)
	if out, ok := javaAccepts(t, root, port, options...); !ok {
		t.Error(out)
	}
	rig.Run(t, rig.Certgraft, "remove", "--root", root, "--all")
	if _, ok := javaAccepts(t, root, port, options...); ok {
		t.Error("it is trusted still")
	}
	rig.Write(t, filepath.Join(root, "run/corp.pem"), rig.Read(t, corp.CAFile))
	rig.Run(t, "rm", "-r", filepath.Join(root, "root/.gradle"))
	rig.Run(t, "cp", rig.Certgraft, filepath.Join(root, "run/certgraft"))
	rig.InJava(t, root, "env", "JDK_JAVA_OPTIONS="+strings.Join(options, " "), "/run/certgraft", "install", "/run/corp.pem")
	if out, ok := javaAccepts(t, root, port, options...); !ok {
		t.Error(out)
	}
}
