//go:build e2e

package roots

import (
	"fmt"
	"maps"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/certgraft/certgraft/e2e/rig"
	"github.com/certgraft/certgraft/internal/roottest"
)

// asker is a program that connects to the server at $PORT and says hello if it trusts
// it, or what refused says if it does not.
type asker struct{ name, command, refused string }

var (
	askOpenSSL = asker{"OpenSSL", `openssl s_client -brief -verify_return_error -connect localhost:$PORT </dev/null && echo hello`, `certificate verify failed`}
	askGnuTLS  = asker{"GnuTLS", `gnutls-cli --port $PORT localhost </dev/null && echo hello`, `NOT trusted`}
	askGo      = asker{"Go", `/opt/client https://localhost:$PORT/ && echo hello`, `certificate signed by unknown authority`}
	askPython  = asker{"Python", `python3 -B -c 'import os, urllib.request as r; print(r.urlopen("https://localhost:"+os.environ["PORT"]).read().decode())'`, `CERTIFICATE_VERIFY_FAILED`}
	askJava    = asker{"Java", `java -XX:-UsePerfData -cp /opt Client https://localhost:$PORT/`, `PKIX path building failed`}
)

// judges are the packages of the programs that are asked, but for the JRE.
var judges = []string{"ca-certificates", "openssl", "gnutls-bin", "python3-minimal", "libpython3-stdlib", "ca-certificates-java", "p11-kit", "p11-kit-modules"}

// ground is a root of one distribution, or of an image, in which roles are tried.
type ground struct {
	name    string
	suite   string // of Debian, whose programs are asked
	lay     func(t *testing.T, root string)
	tool    func(t *testing.T, root string) // nil: the root has none
	image   bool                            // it is edited as an image, and the layers are applied
	short   string                          // the role that every run tries, with OpenSSL and Go
	environ string                          // shell that the image sets
	java    string                          // the store that Java reads
	askers  []asker
	roles   []role
}

// role is what a CA is to a root.
type role struct {
	name    string
	lay     string // shell: $1 is the root, $2 the file of the CA, $3 the store of Java
	tool    bool   // the tool has run since, and would change nothing
	askers  []string
	unknown bool // to the tool, which takes the CA out itself
}

var byFile = []string{"OpenSSL", "GnuTLS", "Go", "Python"}

var (
	roleInJava = role{"Java alone", `keytool -importcert -noprompt -alias throwaway -file "$2" -keystore "$1$3" -storepass changeit`, false, []string{"Java"}, true}
	roleOurs   = role{"certgraft", rig.Certgraft + ` install --root "$1" "$2"`, true, nil, false}

	debianRoles = []role{
		{"package", `cp "$2" "$1/usr/share/ca-certificates/mozilla/Throwaway.crt" && echo mozilla/Throwaway.crt >>"$1/etc/ca-certificates.conf"`, true, nil, false},
		{"local", `mkdir -p "$1/usr/local/share/ca-certificates/deep" && cp "$2" "$1/usr/local/share/ca-certificates/deep/throwaway.crt" && chown 1234:56 "$1/usr/local/share/ca-certificates/deep/throwaway.crt"`, true, nil, false},
		{"by hand", `cat "$2" >>"$1/etc/ssl/certs/ca-certificates.crt" && cp "$2" "$1/etc/ssl/certs/mine.pem" && chroot "$1" openssl rehash /etc/ssl/certs 2>/dev/null`, false, byFile, true},
		roleInJava, roleOurs,
	}
	alpineRoles = []role{
		debianRoles[0],
		{"local", `mkdir -p "$1/usr/local/share/ca-certificates" && cp "$2" "$1/usr/local/share/ca-certificates/throwaway.crt" && chown 1234:56 "$1/usr/local/share/ca-certificates/throwaway.crt"`, true, nil, false},
		debianRoles[2], roleInJava, roleOurs,
	}
	// What a root without a tool has is in its files alone.
	bundleRoles = []role{
		{"package", `{ cat "$2" "$1/etc/ssl/certs/ca-certificates.crt"; } >"$1/tmp/bundle" && cat "$1/tmp/bundle" >"$1/etc/ssl/certs/ca-certificates.crt" && rm "$1/tmp/bundle"`, false, byFile, false},
		{"by hand", `cat "$2" >>"$1/etc/ssl/certs/ca-certificates.crt"`, false, byFile, false},
		roleInJava,
		{roleOurs.name, roleOurs.lay, false, nil, false},
	}
)

// grounds are the roots in which every role is tried.
func grounds() []ground {
	debianLay := func(t *testing.T, root string) { freshTool(t, root) }
	every := []asker{askOpenSSL, askGnuTLS, askGo, askPython, askJava}
	all := []ground{
		{name: "bookworm", short: "package", suite: "bookworm", lay: debianLay, tool: freshTool, java: debianJava, askers: every, roles: debianRoles},
		{name: "trixie", suite: "trixie", lay: debianLay, tool: freshTool, java: debianJava, askers: every, roles: debianRoles},
		{name: "alpine", short: "local", suite: "trixie", lay: layAlpine, tool: alpineTool, java: debianJava, askers: every, roles: alpineRoles},
		{name: "distroless", short: "by hand", suite: "bookworm", lay: layDistroless, environ: distrolessEnv, java: debianJava, askers: every, roles: bundleRoles},
		{name: "image of trixie", suite: "trixie", lay: debianLay, tool: freshTool, image: true, java: debianJava, askers: every, roles: debianRoles},
		{name: "image of distroless", short: "certgraft", suite: "bookworm", lay: layDistroless, image: true, environ: distrolessEnv, java: debianJava, askers: every, roles: bundleRoles},
	}
	for _, f := range rig.P11Families {
		all = append(all, p11Ground(f))
	}
	return all
}

const (
	debianJava    = "/etc/ssl/certs/java/cacerts"
	distrolessEnv = "export SSL_CERT_FILE=/etc/ssl/certs/ca-certificates.crt; "
)

// freshTool runs Debian's tool, and its hook for Java.
func freshTool(t *testing.T, root string) {
	t.Helper()
	rig.InJava(t, root, "update-ca-certificates", "--fresh")
}

// layAlpine makes a root one of Alpine with the packages ca-certificates and
// java-cacerts, in which Debian's programs run: they read the same files.
func layAlpine(t *testing.T, root string) {
	t.Helper()
	rig.Run(t, "sh", "-ec", `cd "$1" && rm -rf etc/os-release etc/ssl/certs etc/ca-certificates var/lib/dpkg && mkdir -p etc/ssl/certs/java lib/apk/db && : >lib/apk/db/installed
		ln -s certs/ca-certificates.crt etc/ssl/cert.pem`, "sh", root)
	rig.Write(t, filepath.Join(root, "etc/os-release"), "NAME=\"Alpine Linux\"\nID=alpine\nVERSION_ID=3.20.3\nPRETTY_NAME=\"Alpine Linux v3.20\"\n")
	rig.Write(t, filepath.Join(root, "usr/share/p11-kit/modules/p11-kit-trust.module"),
		"module: p11-kit-trust.so\npriority: 1\ntrust-policy: yes\nx-init-reserved: paths='/etc/ssl/certs/ca-certificates.crt'\n")
	alpineTool(t, root)
}

// alpineTool does what update-ca-certificates of Alpine does, and the hook of its
// package java-cacerts: a link to each anchor, all of them in one bundle, each with a
// line feed behind it, c_rehash, and the store of Java from the bundle.
func alpineTool(t *testing.T, root string) {
	t.Helper()
	rig.Chroot(t, root, "sh", "-ec", `cd /etc/ssl/certs
		find . -maxdepth 1 -type l -name 'ca-cert-*' -delete
		{ grep -v '^[#!]' /etc/ca-certificates.conf | sed s,^,/usr/share/ca-certificates/,; find /usr/local/share/ca-certificates -type f | sort; } | while read -r f; do
			[ -f "$f" ] || continue
			ln -s "$f" "ca-cert-$(basename "$f" .crt).pem"; cat "$f"; echo
		done >bundle
		mv bundle ca-certificates.crt
		openssl rehash . 2>/dev/null
		SOURCE_DATE_EPOCH=1700000000 trust extract --overwrite --format=java-cacerts --filter=ca-anchors --purpose server-auth java/cacerts`)
}

// layDistroless leaves of a root what images without a package manager have: a bundle,
// the store of a Java runtime, and no tool.
func layDistroless(t *testing.T, root string) {
	t.Helper()
	freshTool(t, root)
	rig.Run(t, "sh", "-ec", `cd "$1" && rm -rf etc/os-release usr/share/ca-certificates usr/local/share/ca-certificates etc/ca-certificates* usr/sbin/update-ca-certificates var/lib/dpkg
		find etc/ssl/certs -maxdepth 1 -type l -delete`, "sh", root)
	rig.Write(t, filepath.Join(root, "etc/os-release"), "PRETTY_NAME=\"Distroless\"\nID=debian\nVERSION_ID=\"12\"\n")
}

// p11Ground is a root whose trust p11-kit keeps, with the real trust extract.
func p11Ground(f rig.P11Family) ground {
	java := f.Extract("java-cacerts")
	lay := func(t *testing.T, root string) {
		f.Lay(t, root)
		f.LayMozilla(t, root)
		rig.Run(t, "sh", "-ec", `if [ -d "$1/usr/lib/jvm" ]; then find "$1/usr/lib/jvm" -path '*lib/security/cacerts' -exec ln -sfn "$2" {} ';'; fi`, "sh", root, java)
		f.Tool(t, root)
	}
	environ, gnuTLS := "", askGnuTLS // Debian's reads a file of another name
	gnuTLS.command = strings.Replace(gnuTLS.command, "gnutls-cli", "gnutls-cli --x509cafile="+f.Extract("pem-bundle"), 1)
	if f.Name == "azurelinux" { // its OpenSSL has this built in
		environ = "export SSL_CERT_FILE=/etc/pki/tls/cert.pem; "
	}
	return ground{
		name: f.Name, short: map[string]string{"fedora": "package", "suse": "local"}[f.Name], environ: environ, suite: "trixie", lay: lay, tool: f.Tool, java: java,
		askers: []asker{askOpenSSL, gnuTLS, askGo, askPython, askJava},
		roles: []role{
			{"package", fmt.Sprintf(`cp "$2" "$1%s/anchors/throwaway.pem"`, f.Trust[1]), true, nil, false},
			{"local", fmt.Sprintf(`cp "$2" "$1%[1]s/anchors/throwaway.pem" && chown 1234:56 "$1%[1]s/anchors/throwaway.pem"`, f.Trust[0]), true, nil, false},
			{"by hand", fmt.Sprintf(`cat "$2" >>"$1%s" && chroot "$1" sh -c 'cat >/etc/ssl/certs/$0.0' "$(openssl x509 -noout -hash -in "$2")" <"$2"`, f.Extract("pem-bundle")), false, []string{"OpenSSL", "Go", "Python"}, true},
			roleInJava, roleOurs,
		},
	}
}

const javaClient = `public class Client {
	public static void main(String[] args) throws Exception {
		System.out.write(java.net.URI.create(args[0]).toURL().openStream().readAllBytes());
		System.out.println("hello");
	}
}
`

// judgesRoot returns a root of Debian with the programs that are asked.
func judgesRoot(t *testing.T, suite string) string {
	t.Helper()
	jre := strings.Replace(rig.JDKs[suite], "-jdk-", "-jre-", 1)
	root := rig.Unpack(t, rig.Tarball(t, suite, "judges", append(slices.Clone(judges), jre)...))
	classes := t.TempDir()
	rig.Write(t, filepath.Join(classes, "Client.java"), javaClient)
	rig.Run(t, "javac", "--release", "17", "-d", filepath.Join(root, "opt"), filepath.Join(classes, "Client.java"))
	return root
}

// fresh returns the root, laid out.
func (g ground) fresh(t *testing.T, of func(t *testing.T, suite string) string) string {
	t.Helper()
	root := of(t, g.suite)
	rig.Write(t, filepath.Join(root, "etc/hosts"), "127.0.0.1 localhost\n")
	rig.BuildClient(t, filepath.Join(root, "opt/client"))
	g.lay(t, root)
	return root
}

// asked returns the askers of a role; all of the ground where it names none.
func (g ground) asked(r role) []asker {
	return slices.DeleteFunc(slices.Clone(g.askers), func(a asker) bool { return r.askers != nil && !slices.Contains(r.askers, a.name) })
}

// agree fails for each program that does not trust, or trusts, as it should.
func (g ground) agree(t *testing.T, when string, want bool, root string, port int, askers []asker) {
	t.Helper()
	for _, a := range askers {
		out, err := rig.TryJava(t, root, "sh", "-c", fmt.Sprintf("export PORT=%d; ", port)+g.environ+a.command)
		got := err == nil && strings.Contains(out, "hello")
		switch {
		case !got && (err == nil || !regexp.MustCompile(a.refused).MatchString(out)):
			t.Errorf("%s: %s neither trusts nor refuses: %v\n%s", when, a.name, err, out)
		case got != want:
			t.Errorf("%s: %s trusts: %v, want %v", when, a.name, got, want)
		}
	}
}

// distrust runs certgraft distrust on the root, or on an image of it, whose new layer
// is then applied to the root.
func (g ground) distrust(t *testing.T, root string, args ...string) string {
	t.Helper()
	if !g.image {
		return rig.Run(t, rig.Certgraft, append([]string{"distrust", "--root", root}, args...)...)
	}
	l := roottest.NewLayout(t)
	base := []byte(rig.Run(t, "tar", "-C", root, "--exclude=./dev/*", "--exclude=./proc/*", "-c", "."))
	was := l.Tag(l.Image(roottest.Image{Layers: [][]byte{base}}), "was")
	is := "oci:" + l.Dir + ":is"
	out := rig.Run(t, rig.Certgraft, append([]string{"distrust", "--image", was, "--tag", is}, args...)...)
	rig.Run(t, "bash", "-euo", "pipefail", "-c", `layers=$(skopeo inspect --format '{{range .Layers}}{{println .}}{{end}}' "$1" | sed /^$/d)
		[ "$(echo "$layers" | wc -l)" = 2 ] || exit 0
		layer="$2/blobs/sha256/$(echo "$layers" | tail -1 | cut -d: -f2)"
		tar -tf "$layer" | sed -n 's,\(^\|/\)\.wh\.,\1,p' | while read -r name; do rm -rf "$3/$name"; done
		tar -C "$3" --exclude='.wh.*' -xpf "$layer"`, "bash", is, l.Dir, root)
	return out
}

// try is one role in one root: the programs trust a server by the CA before, refuse it
// after, and once the tool has run, and undo gives every byte back.
func (g ground) try(t *testing.T, root string, r role) {
	t.Helper()
	ca := rig.NewAuthority(t, "Throwaway "+r.name)
	port, askers := rig.TLSServer(t, ca), g.asked(r)
	first := rig.Snapshot(t, root)
	rig.Run(t, "sh", "-ec", r.lay, "sh", root, ca.CAFile, g.java)
	if r.tool {
		g.tool(t, root)
	}
	g.agree(t, "before", true, root, port, askers)
	before := rig.Snapshot(t, root)
	g.distrust(t, root, ca.CAFile)
	g.agree(t, "distrusted", false, root, port, g.askers)
	g.distrust(t, root, "--undo")
	rig.Same(t, "given back", before, rig.Snapshot(t, root))

	if g.tool != nil {
		g.distrust(t, root, ca.CAFile)
		g.tool(t, root)
		g.agree(t, "after the tool", false, root, port, g.askers)
		if out := g.distrust(t, root, ca.CAFile); !g.image && !r.unknown && !strings.Contains(out, "nothing to do") {
			t.Errorf("distrusted again after the tool: %s", out)
		}
		g.distrust(t, root, "--undo")
		g.agree(t, "given back after the tool", true, root, port, askers)
		if r.tool {
			rig.Same(t, "given back after the tool", withoutJava(before), withoutJava(rig.Snapshot(t, root)))
		}
	}
	if r.name != roleOurs.name {
		return
	}
	rig.Run(t, rig.Certgraft, "remove", "--root", root, "--all")
	rig.Same(t, "removed", withoutJava(first), withoutJava(rig.Snapshot(t, root)))
}

// withoutJava leaves out what Debian's hook for Java writes with the time of day.
func withoutJava(tree map[string]string) map[string]string {
	out := maps.Clone(tree)
	maps.DeleteFunc(out, func(name, _ string) bool {
		return strings.HasSuffix(name, "/java/cacerts") || strings.HasPrefix(name, "/var/lib/ca-certificates-java") || strings.HasPrefix(name, "/tmp") || strings.HasPrefix(name, "/var/lib/dpkg") || strings.HasPrefix(name, "/var/log")
	})
	return out
}

// Whatever a throw-away CA is to a root, each program trusts a server by it before,
// none does after, or once the distribution's own tool has run, and undo gives every
// byte back.
func TestDistrustRoles(t *testing.T) {
	rig.Slow(t)
	for _, g := range grounds() {
		t.Run(g.name, func(t *testing.T) {
			laid := g.fresh(t, judgesRoot)
			for _, r := range g.roles {
				t.Run(r.name, func(t *testing.T) {
					root := t.TempDir()
					rig.Run(t, "cp", "-a", laid+"/.", root)
					g.try(t, root, r)
				})
			}
		})
	}
}

// The same in short, a role for each kind of root, with what every machine has.
func TestDistrustRolesShort(t *testing.T) {
	plain := func(t *testing.T, suite string) string {
		t.Helper()
		if suite == "trixie" {
			return rig.Unpack(t, rig.Tarball(t, suite, "p11kit", "p11-kit,ca-certificates,openssl"))
		}
		return rig.Debian(t, suite)
	}
	for _, g := range grounds() {
		g.askers = []asker{askOpenSSL, askGo}
		for _, r := range g.roles {
			if r.name == g.short {
				t.Run(g.name, func(t *testing.T) { g.try(t, g.fresh(t, plain), r) })
			}
		}
	}
}
