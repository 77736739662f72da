//go:build e2e

package rig

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// P11Family is a distribution whose trust p11-kit keeps, with what its tool
// runs. Debian's p11-kit plays it, in a root that is laid out as that of the
// distribution.
type P11Family struct {
	Name, id string
	Trust    [2]string // for the administrator, and from packages
	Extracts []extract
	links    string // shell that lays what else the tool and the package lay
}

type extract struct{ File, Format, args string }

// P11Families are the distributions with a layout of their own.
var P11Families = []P11Family{
	{"fedora", "fedora", fedoraTrust, fedoraExtracts, fedoraLinks("/etc/pki/tls/cert.pem", "/etc/pki/tls/certs/ca-bundle.crt")},
	{"azurelinux", "azurelinux", [2]string{"/etc/pki/ca-trust/source", "/usr/share/pki/ca-trust-source"}, []extract{
		{"/etc/pki/ca-trust/extracted/openssl/ca-bundle.trust.crt", "openssl-bundle", "--filter=certificates --comment"},
		{"/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem", "pem-bundle", "--filter=ca-anchors --comment --purpose=server-auth"},
		{"/etc/pki/ca-trust/extracted/pem/email-ca-bundle.pem", "pem-bundle", "--filter=ca-anchors --comment --purpose=email"},
		{"/etc/pki/ca-trust/extracted/java/cacerts", "java-cacerts", "--filter=ca-anchors --purpose=server-auth"},
	}, `mkdir -p /etc/pki/tls/certs
		ln -sfn ../pki/tls/certs /etc/ssl/certs
		ln -sf /etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem /etc/pki/tls/cert.pem`},
	{"arch", "arch", [2]string{"/etc/ca-certificates/trust-source", "/usr/share/ca-certificates/trust-source"}, []extract{
		{"/etc/ca-certificates/extracted/tls-ca-bundle.pem", "pem-bundle", "--filter=ca-anchors --comment --purpose=server-auth"},
		{"/etc/ca-certificates/extracted/email-ca-bundle.pem", "pem-bundle", "--filter=ca-anchors --comment --purpose=email"},
		{"/etc/ca-certificates/extracted/objsign-ca-bundle.pem", "pem-bundle", "--filter=ca-anchors --comment --purpose=code-signing"},
		{"/etc/ca-certificates/extracted/ca-bundle.trust.crt", "openssl-bundle", "--filter=certificates --comment"},
		{"/etc/ca-certificates/extracted/edk2-cacerts.bin", "edk2-cacerts", "--filter=ca-anchors --purpose=server-auth"},
		{"/etc/ca-certificates/extracted/cadir", "pem-directory-hash", "--filter=ca-anchors --purpose=server-auth"},
		{"/etc/ssl/certs/java/cacerts", "java-cacerts", "--filter=ca-anchors --purpose=server-auth"},
	}, `find /etc/ssl/certs -maxdepth 1 -type l -delete
		ln -sf ../ca-certificates/extracted/tls-ca-bundle.pem /etc/ssl/cert.pem
		ln -sf ../../ca-certificates/extracted/tls-ca-bundle.pem /etc/ssl/certs/ca-certificates.crt
		for name in $(ls /etc/ca-certificates/extracted/cadir); do
			ln -sf ../../ca-certificates/extracted/cadir/$name /etc/ssl/certs/$name
		done`},
	{"suse", "opensuse-leap", [2]string{"/etc/pki/trust", "/usr/share/pki/trust"}, []extract{
		{"/var/lib/ca-certificates/java-cacerts", "java-cacerts", "--filter=ca-anchors --purpose=server-auth"},
		{"/var/lib/ca-certificates/pem", "pem-directory-hash", "--filter=ca-anchors --purpose=server-auth"},
		{"/var/lib/ca-certificates/openssl", "openssl-directory", "--filter=ca-anchors"},
		{"/var/lib/ca-certificates/ca-bundle.pem", "pem-bundle", "--filter=ca-anchors --purpose=server-auth"},
	}, `ln -sfn ../../var/lib/ca-certificates/pem /etc/ssl/certs
		ln -sf ../../var/lib/ca-certificates/ca-bundle.pem /etc/ssl/ca-bundle.pem
		{ printf '#\n# This file is made by update-ca-certificates; put anchors into\n# /etc/pki/trust/anchors instead of editing it.\n#\n'; cat /var/lib/ca-certificates/ca-bundle.pem; } >/tmp/bundle
		chmod 0444 /tmp/bundle
		mv -f /tmp/bundle /var/lib/ca-certificates/ca-bundle.pem`},
}

// P11Layouts are the families, and what else of Fedora's layout releases of 2026 have:
// the same extracts, and other links to the bundle.
var P11Layouts = append(slices.Clone(P11Families),
	P11Family{"fedora44", "fedora", fedoraTrust, fedoraExtracts, fedoraLinks()}, // from 44 on no link to the bundle is left
	P11Family{"el10", "rhel", fedoraTrust, fedoraExtracts, fedoraLinks("/etc/pki/tls/certs/ca-bundle.crt")},
	P11Family{"azurelinux4", "azurelinux", fedoraTrust, fedoraExtracts, fedoraLinks("/etc/pki/tls/cert.pem", "/etc/pki/tls/certs/ca-bundle.crt", "/etc/ssl/cert.pem")},
)

// What Fedora has for trust policy, and what its tool extracts.
var (
	fedoraTrust    = [2]string{"/etc/pki/ca-trust/source", "/usr/share/pki/ca-trust-source"}
	fedoraExtracts = []extract{
		{"/etc/pki/ca-trust/extracted/openssl/ca-bundle.trust.crt", "openssl-bundle", "--filter=certificates --comment"},
		{"/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem", "pem-bundle", "--filter=ca-anchors --comment --purpose=server-auth"},
		{"/etc/pki/ca-trust/extracted/pem/email-ca-bundle.pem", "pem-bundle", "--filter=ca-anchors --comment --purpose=email"},
		{"/etc/pki/ca-trust/extracted/pem/objsign-ca-bundle.pem", "pem-bundle", "--filter=ca-anchors --comment --purpose=code-signing"},
		{"/etc/pki/ca-trust/extracted/java/cacerts", "java-cacerts", "--filter=ca-anchors --purpose=server-auth"},
		{"/etc/pki/ca-trust/extracted/edk2/cacerts.bin", "edk2-cacerts", "--filter=ca-anchors --purpose=server-auth"},
		{"/etc/pki/ca-trust/extracted/pem/directory-hash", "pem-directory-hash", "--filter=ca-anchors --purpose=server-auth"},
	}
)

// fedoraLinks is the shell that lays the links of a package, those to the bundle as
// named, and the copies of the hash links.
func fedoraLinks(toBundle ...string) string {
	var script strings.Builder
	script.WriteString("mkdir -p /etc/pki/tls/certs /etc/pki/java\nln -sfn /etc/pki/tls/certs /etc/ssl/certs\n")
	for _, link := range toBundle {
		script.WriteString("ln -sf /etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem " + link + "\n")
	}
	return script.String() + `ln -sf /etc/pki/ca-trust/extracted/java/cacerts /etc/pki/java/cacerts
		find /etc/pki/tls/certs -type l -name '*.[0-9]' -delete
		for link in $(cd /etc/pki/ca-trust/extracted/pem/directory-hash; ls -1 | grep -E '^[0-9a-f]{8}\.[0-9]+$'); do
			ln -s /etc/pki/ca-trust/extracted/pem/directory-hash/$link /etc/pki/tls/certs/$link
		done`
}

// Root returns a root of the family without any trust yet.
func (f P11Family) Root(t *testing.T) string {
	t.Helper()
	root := Unpack(t, Tarball(t, "trixie", "p11kit", "p11-kit,ca-certificates,openssl"))
	f.Lay(t, root)
	return root
}

// Lay makes a root of Debian with p11-kit one of the family, without any trust yet.
func (f P11Family) Lay(t *testing.T, root string) {
	t.Helper()
	Run(t, "sh", "-c", `cd "$1" && rm -rf etc/ssl/certs etc/ca-certificates* usr/share/ca-certificates/trust-source usr/sbin/update-ca-certificates && mkdir -p etc/ssl/certs/java`, "sh", root)
	if f.Name != "arch" {
		Run(t, "rm", "-r", filepath.Join(root, "etc/ssl/certs"))
	}
	Run(t, "rm", "-f", filepath.Join(root, "etc/os-release"))
	Write(t, filepath.Join(root, "etc/os-release"), "ID="+f.id+"\nPRETTY_NAME=\"A root laid out like "+f.Name+"\"\n")
	Write(t, filepath.Join(root, "usr/share/p11-kit/modules/p11-kit-trust.module"),
		fmt.Sprintf("module: p11-kit-trust.so\npriority: 1\ntrust-policy: yes\nx-init-reserved: paths='%s:%s'\n", f.Trust[0], f.Trust[1]))
	for _, dir := range []string{f.Trust[0] + "/anchors", f.Trust[0] + "/blocklist", f.Trust[1] + "/anchors"} {
		Run(t, "mkdir", "-p", filepath.Join(root, dir))
	}
}

// Extract returns the file that the family's tool extracts in a format; of more than
// one, that for TLS servers.
func (f P11Family) Extract(format string) string {
	for _, x := range f.Extracts {
		if x.Format == format && strings.Contains(x.args, "server-auth") {
			return x.File
		}
	}
	return ""
}

// Tool runs what the distribution's tool would.
func (f P11Family) Tool(t *testing.T, root string) {
	t.Helper()
	var script strings.Builder
	script.WriteString("set -e\nexport P11_KIT_NO_USER_CONFIG=1 SOURCE_DATE_EPOCH=1700000000\n")
	for _, x := range f.Extracts {
		fmt.Fprintf(&script, "mkdir -p %s\ntrust extract --overwrite --format=%s %s %s\n", filepath.Dir(x.File), x.Format, x.args, x.File)
	}
	Chroot(t, root, "sh", "-c", script.String()+f.links)
}

// LayMozilla gives a root the roots that Debian has, from a package.
func (f P11Family) LayMozilla(t *testing.T, root string) {
	t.Helper()
	Run(t, "sh", "-c", fmt.Sprintf("cat %s/usr/share/ca-certificates/mozilla/*.crt >%s/anchors/mozilla.pem", root, filepath.Join(root, f.Trust[1])))
}
