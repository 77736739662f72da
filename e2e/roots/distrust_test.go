//go:build e2e

package roots

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/certgraft/certgraft/e2e/rig"
)

// asker is a program that connects to the server at $PORT and says hello if it trusts
// it, or what refused says if it does not.
type asker struct{ name, command, refused string }

var (
	askOpenSSL = asker{"OpenSSL", `openssl s_client -brief -verify_return_error -connect localhost:$PORT </dev/null && echo hello`, `certificate verify failed`}
	askGnuTLS  = asker{"GnuTLS", `gnutls-cli --port $PORT localhost </dev/null && echo hello`, `NOT trusted`}
	askGo      = asker{"Go", `/opt/client https://localhost:$PORT/ && echo hello`, `certificate signed by unknown authority`}
	askPython  = asker{"Python", `python3 -c 'import os, urllib.request as r; print(r.urlopen("https://localhost:"+os.environ["PORT"]).read().decode())'`, `CERTIFICATE_VERIFY_FAILED`}
	askJava    = asker{"Java", `java -cp /opt Client https://localhost:$PORT/`, `PKIX path building failed`}
)

// trusts asks in a root whether a program trusts a server.
func (a asker) trusts(t *testing.T, root string, port int) bool {
	t.Helper()
	out, err := rig.TryJava(t, root, "sh", "-c", fmt.Sprintf("export PORT=%d; ", port)+a.command)
	switch {
	case err == nil && strings.Contains(out, "hello"):
		return true
	case err != nil && regexp.MustCompile(a.refused).MatchString(out):
		return false
	}
	t.Errorf("%s neither trusts nor refuses: %v\n%s", a.name, err, out)
	return false
}

// agree fails for each program that does not trust, or trusts, as it should.
func agree(t *testing.T, when string, want bool, root string, port int, askers []asker) {
	t.Helper()
	for _, a := range askers {
		if got := a.trusts(t, root, port); got != want {
			t.Errorf("%s: %s trusts: %v, want %v", when, a.name, got, want)
		}
	}
}

// role is what a CA is to a root.
type role struct {
	name    string
	lay     string // shell: $1 is the root, $2 the file of the CA
	tool    bool   // Debian's tool has run since, and would change nothing
	askers  []asker
	unknown bool // by the tool: it takes the CA out itself
}

// clientsRoot returns a trixie root with the programs that are asked.
func clientsRoot(t *testing.T) string {
	t.Helper()
	root := rig.Unpack(t, rig.Tarball(t, "trixie", "distrust", "ca-certificates", "openssl", "gnutls-bin", "python3-minimal", "libpython3-stdlib", "ca-certificates-java", "openjdk-21-jre-headless"))
	rig.Write(t, filepath.Join(root, "etc/hosts"), "127.0.0.1 localhost\n")
	rig.BuildClient(t, filepath.Join(root, "opt/client"))
	classes := t.TempDir()
	rig.Write(t, filepath.Join(classes, "Client.java"), javaClient)
	rig.Run(t, "javac", "--release", "17", "-d", filepath.Join(root, "opt"), filepath.Join(classes, "Client.java"))
	return root
}

const javaClient = `public class Client {
	public static void main(String[] args) throws Exception {
		System.out.write(java.net.URI.create(args[0]).toURL().openStream().readAllBytes());
		System.out.println("hello");
	}
}
`

// freshTool runs Debian's tool, and its hook for Java.
func freshTool(t *testing.T, root string) {
	t.Helper()
	rig.InJava(t, root, "update-ca-certificates", "--fresh")
}

// Whatever a throw-away CA is to a Debian root, each program trusts a server by it
// before, none does after, or once Debian's own tool has run, and undo gives every byte
// back.
func TestDistrustRoles(t *testing.T) {
	rig.Slow(t)
	root := clientsRoot(t)
	freshTool(t, root)
	every := []asker{askOpenSSL, askGnuTLS, askGo, askPython, askJava}
	byFile := every[:4]
	for _, r := range []role{
		{"package", `cp "$2" "$1/usr/share/ca-certificates/mozilla/Throwaway.crt" && echo mozilla/Throwaway.crt >>"$1/etc/ca-certificates.conf"`, true, every, false},
		{"local", `mkdir -p "$1/usr/local/share/ca-certificates/deep" && cp "$2" "$1/usr/local/share/ca-certificates/deep/throwaway.crt"`, true, every, false},
		{"by hand", `cat "$2" >>"$1/etc/ssl/certs/ca-certificates.crt" && cp "$2" "$1/etc/ssl/certs/mine.pem" && chroot "$1" openssl rehash /etc/ssl/certs 2>/dev/null`, false, byFile, true},
		{"Java alone", `keytool -importcert -noprompt -alias throwaway -file "$2" -keystore "$1/etc/ssl/certs/java/cacerts" -storepass changeit`, false, every[4:], true},
		{"certgraft", rig.Certgraft + ` install --root "$1" "$2"`, true, every, false},
	} {
		t.Run(r.name, func(t *testing.T) {
			ca := rig.NewAuthority(t, "Throwaway "+r.name)
			port := rig.TLSServer(t, ca)
			agree(t, "at first", false, root, port, r.askers)
			first := rig.Snapshot(t, root)
			rig.Run(t, "sh", "-ec", r.lay, "sh", root, ca.CAFile)
			if r.tool {
				freshTool(t, root)
			}
			agree(t, "before", true, root, port, r.askers)
			before := rig.Snapshot(t, root)
			rig.Run(t, rig.Certgraft, "distrust", "--root", root, ca.CAFile)
			agree(t, "distrusted", false, root, port, every)
			rig.Run(t, rig.Certgraft, "distrust", "--root", root, "--undo")
			rig.Same(t, "given back", before, rig.Snapshot(t, root))
			agree(t, "given back", true, root, port, r.askers)

			rig.Run(t, rig.Certgraft, "distrust", "--root", root, ca.CAFile)
			freshTool(t, root)
			agree(t, "after the tool", false, root, port, every)
			if out := rig.Run(t, rig.Certgraft, "distrust", "--root", root, ca.CAFile); !strings.Contains(out, "nothing to do") && !r.unknown {
				t.Errorf("distrusted again after the tool: %s", out)
			}
			rig.Run(t, rig.Certgraft, "distrust", "--root", root, "--undo")
			agree(t, "given back after the tool", true, root, port, r.askers)
			if r.tool {
				rig.Same(t, "given back after the tool", withoutJava(before), withoutJava(rig.Snapshot(t, root)))
			}
			rig.Run(t, rig.Certgraft, "remove", "--root", root, "--all")
			rig.Run(t, "sh", "-c", `cd "$1" && rm -rf usr/share/ca-certificates/mozilla/Throwaway.crt usr/local/share/ca-certificates/deep etc/ssl/certs/mine.pem && sed -i /Throwaway/d etc/ca-certificates.conf &&
				keytool -delete -alias throwaway -keystore etc/ssl/certs/java/cacerts -storepass changeit >/dev/null; true`, "sh", root)
			freshTool(t, root)
			rig.Same(t, "in the end", withoutJava(first), withoutJava(rig.Snapshot(t, root)))
		})
	}
}

// withoutJava leaves out what Debian's hook for Java writes with the time of day.
func withoutJava(tree map[string]string) map[string]string {
	out := maps.Clone(tree)
	maps.DeleteFunc(out, func(name, _ string) bool {
		return strings.HasSuffix(name, "/java/cacerts") || strings.HasPrefix(name, "/var/lib/ca-certificates-java") || strings.HasPrefix(name, "/tmp") || strings.HasPrefix(name, "/var/lib/dpkg") || strings.HasPrefix(name, "/var/log")
	})
	return out
}

// The same in short, with what every machine has.
func TestDistrustDebian(t *testing.T) {
	for _, suite := range []string{"bookworm", "trixie"} {
		t.Run(suite, func(t *testing.T) {
			root := rig.Debian(t, suite)
			rig.Write(t, filepath.Join(root, "etc/hosts"), "127.0.0.1 localhost\n")
			rig.BuildClient(t, filepath.Join(root, "opt/client"))
			ca := rig.NewAuthority(t, "Throwaway")
			port := rig.TLSServer(t, ca)
			askers := []asker{askOpenSSL, askGo}
			rig.Run(t, "sh", "-ec", `cp "$2" "$1/usr/share/ca-certificates/mozilla/Throwaway.crt" && echo mozilla/Throwaway.crt >>"$1/etc/ca-certificates.conf"`, "sh", root, ca.CAFile)
			rig.Chroot(t, root, "update-ca-certificates", "--fresh")
			before := rig.Snapshot(t, root)
			agree(t, "before", true, root, port, askers)
			rig.Run(t, rig.Certgraft, "distrust", "--root", root, ca.CAFile)
			agree(t, "distrusted", false, root, port, askers)
			distrusted := rig.Snapshot(t, root)
			rig.Chroot(t, root, "update-ca-certificates", "--fresh")
			rig.Same(t, "after the tool", distrusted, rig.Snapshot(t, root))
			rig.Run(t, rig.Certgraft, "distrust", "--root", root, "--undo")
			rig.Same(t, "given back", before, rig.Snapshot(t, root))
			agree(t, "given back", true, root, port, askers)
		})
	}
}

// The root that Debian took out in October 2026, from the package that had it.
func TestDistrustEmSign(t *testing.T) {
	root := rig.Debian(t, "bookworm")
	pem := filepath.Join(os.Getenv("CERTGRAFT_TESTDATA"), "distrust/emsign-ecc-root-ca-g3.pem")
	if _, err := os.Stat(pem); err != nil {
		t.Skip("CERTGRAFT_TESTDATA has no distrust/emsign-ecc-root-ca-g3.pem")
	}
	rig.Run(t, "sh", "-ec", `cp "$2" "$1/usr/share/ca-certificates/mozilla/emSign_ECC_Root_CA_-_G3.crt"
		grep -q '^!*mozilla/emSign_ECC_Root_CA_-_G3.crt' "$1/etc/ca-certificates.conf" && sed -i 's,^!*mozilla/emSign_ECC_Root_CA_-_G3.crt,mozilla/emSign_ECC_Root_CA_-_G3.crt,' "$1/etc/ca-certificates.conf" || echo 'mozilla/emSign_ECC_Root_CA_-_G3.crt' >>"$1/etc/ca-certificates.conf"`, "sh", root, pem)
	rig.Chroot(t, root, "update-ca-certificates", "--fresh")
	before := rig.Snapshot(t, root)
	if out := rig.Fails(t, 5, rig.Certgraft, "check", root); !strings.Contains(out, "emSign ECC Root CA - G3") {
		t.Errorf("check does not find it: %s", out)
	}
	rig.Fails(t, 3, rig.Certgraft, "install", "--root", root, pem)
	if out := rig.Run(t, rig.Certgraft, "distrust", "--root", root, "@emsign"); !strings.Contains(out, "emSign ECC Root CA - G3") {
		t.Errorf("distrust does not name it: %s", out)
	}
	rig.Chroot(t, root, "update-ca-certificates", "--fresh")
	if out, _ := rig.Try(t, rig.Certgraft, "check", root); strings.Contains(out, "emSign") {
		t.Errorf("check finds it still: %s", out)
	}
	rig.Run(t, rig.Certgraft, "distrust", "--root", root, "--undo", "@emsign")
	rig.Same(t, "given back", before, rig.Snapshot(t, root))
}

// Where p11-kit keeps the trust, what distrust leaves is what real trust extract then
// makes of the sources: the same certificates, with the same trust, in every format.
func TestDistrustP11Kit(t *testing.T) {
	for _, f := range rig.P11Families {
		t.Run(f.Name, func(t *testing.T) {
			root := f.Root(t)
			f.LayMozilla(t, root)
			ofPackage, local, ours := rig.NewAuthority(t, "Of a package"), rig.NewAuthority(t, "Local"), rig.NewAuthority(t, "Ours")
			rig.Write(t, filepath.Join(root, f.Trust[1], "anchors/more.pem"), rig.Read(t, ofPackage.CAFile)+rig.Read(t, rig.NewAuthority(t, "Another").CAFile))
			rig.Write(t, filepath.Join(root, f.Trust[0], "anchors/local.pem"), rig.Read(t, local.CAFile))
			f.Tool(t, root)
			rig.Run(t, rig.Certgraft, "install", "--root", root, ours.CAFile)
			were := contents(t, f, root)
			rig.Run(t, rig.Certgraft, "distrust", "--root", root, ofPackage.CAFile, local.CAFile, ours.CAFile, "@emsign")
			now := contents(t, f, root)
			for _, x := range f.Extracts {
				if less := len(were[x.File]) - len(now[x.File]); x.Format != "openssl-bundle" && less < 3 {
					t.Errorf("%s has %d entries less", x.File, less)
				}
			}
			f.Tool(t, root)
			for _, x := range f.Extracts {
				rig.Same(t, x.File+" after the tool", contents(t, f, root)[x.File], now[x.File])
			}
			rig.Run(t, rig.Certgraft, "distrust", "--root", root, "--undo")
			back := contents(t, f, root)
			for _, x := range f.Extracts {
				rig.Same(t, x.File+" given back after the tool", were[x.File], back[x.File])
			}

			f.Tool(t, root)
			before := rig.Snapshot(t, root)
			rig.Run(t, rig.Certgraft, "distrust", "--root", root, ofPackage.CAFile, local.CAFile, ours.CAFile, "@emsign")
			rig.Run(t, rig.Certgraft, "distrust", "--root", root, "--undo")
			rig.Same(t, "given back", before, rig.Snapshot(t, root))
		})
	}
}
