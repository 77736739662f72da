//go:build e2e

package e2e

import (
	"bytes"
	"encoding/pem"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/certgraft/certgraft/internal/roottest"
	"github.com/certgraft/certgraft/keystore"
)

// p11Family is a distribution whose trust p11-kit keeps, with what its tool
// runs. Debian's p11-kit plays it, in a root that is laid out as that of the
// distribution.
type p11Family struct {
	name, id string
	trust    [2]string // for the administrator, and from packages
	extracts []extract
	links    string // shell that lays what else the tool and the package lay
}

type extract struct{ file, format, args string }

var p11Families = []p11Family{
	{"fedora", "fedora", [2]string{"/etc/pki/ca-trust/source", "/usr/share/pki/ca-trust-source"}, []extract{
		{"/etc/pki/ca-trust/extracted/openssl/ca-bundle.trust.crt", "openssl-bundle", "--filter=certificates --comment"},
		{"/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem", "pem-bundle", "--filter=ca-anchors --comment --purpose=server-auth"},
		{"/etc/pki/ca-trust/extracted/pem/email-ca-bundle.pem", "pem-bundle", "--filter=ca-anchors --comment --purpose=email"},
		{"/etc/pki/ca-trust/extracted/pem/objsign-ca-bundle.pem", "pem-bundle", "--filter=ca-anchors --comment --purpose=code-signing"},
		{"/etc/pki/ca-trust/extracted/java/cacerts", "java-cacerts", "--filter=ca-anchors --purpose=server-auth"},
		{"/etc/pki/ca-trust/extracted/edk2/cacerts.bin", "edk2-cacerts", "--filter=ca-anchors --purpose=server-auth"},
		{"/etc/pki/ca-trust/extracted/pem/directory-hash", "pem-directory-hash", "--filter=ca-anchors --purpose=server-auth"},
	}, `mkdir -p /etc/pki/tls/certs /etc/pki/java
		ln -sfn /etc/pki/tls/certs /etc/ssl/certs
		ln -sf /etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem /etc/pki/tls/cert.pem
		ln -sf /etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem /etc/pki/tls/certs/ca-bundle.crt
		ln -sf /etc/pki/ca-trust/extracted/java/cacerts /etc/pki/java/cacerts
		find /etc/pki/tls/certs -type l -name '*.[0-9]' -delete
		for link in $(cd /etc/pki/ca-trust/extracted/pem/directory-hash; ls -1 | grep -E '^[0-9a-f]{8}\.[0-9]+$'); do
			ln -s /etc/pki/ca-trust/extracted/pem/directory-hash/$link /etc/pki/tls/certs/$link
		done`},
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

// root returns a root of the family without any trust yet.
func (f p11Family) root(t *testing.T) string {
	t.Helper()
	root := unpack(t, tarball(t, "trixie", "p11kit", "p11-kit,ca-certificates,openssl"))
	run(t, "sh", "-c", `cd "$1" && rm -rf etc/ssl/certs etc/ca-certificates* usr/share/ca-certificates/trust-source usr/sbin/update-ca-certificates && mkdir -p etc/ssl/certs/java`, "sh", root)
	if f.name != "arch" {
		run(t, "rm", "-r", filepath.Join(root, "etc/ssl/certs"))
	}
	run(t, "rm", "-f", filepath.Join(root, "etc/os-release"))
	write(t, filepath.Join(root, "etc/os-release"), "ID="+f.id+"\nPRETTY_NAME=\"A root laid out like "+f.name+"\"\n")
	write(t, filepath.Join(root, "usr/share/p11-kit/modules/p11-kit-trust.module"),
		fmt.Sprintf("module: p11-kit-trust.so\npriority: 1\ntrust-policy: yes\nx-init-reserved: paths='%s:%s'\n", f.trust[0], f.trust[1]))
	for _, dir := range []string{f.trust[0] + "/anchors", f.trust[0] + "/blocklist", f.trust[1] + "/anchors"} {
		run(t, "mkdir", "-p", filepath.Join(root, dir))
	}
	return root
}

// tool runs what the distribution's tool would.
func (f p11Family) tool(t *testing.T, root string) {
	t.Helper()
	var script strings.Builder
	script.WriteString("set -e\nexport P11_KIT_NO_USER_CONFIG=1 SOURCE_DATE_EPOCH=1700000000\n")
	for _, x := range f.extracts {
		fmt.Fprintf(&script, "mkdir -p %s\ntrust extract --overwrite --format=%s %s %s\n", filepath.Dir(x.file), x.format, x.args, x.file)
	}
	chroot(t, root, "sh", "-c", script.String()+f.links)
}

// After install, the family's tool run for real makes the same of the anchors:
// the same certificates, with the same trust and labels, in every format.
func TestP11Kit(t *testing.T) {
	for _, f := range p11Families {
		t.Run(f.name, func(t *testing.T) {
			root := f.root(t)
			f.layMozilla(t, root)
			f.layOdd(t, root)
			f.tool(t, root)
			before := snapshot(t, root)

			install := append([]string{"install", "--root", root, "--expired", "keep", newAuthority(t, "Corp Root").caFile, oddSources(t)}, rds(t)...)
			out := run(t, certgraft, install...)
			for _, want := range []string{"is not a CA", "not meant for TLS servers"} {
				if !strings.Contains(out, want) {
					t.Errorf("%q is not said in\n%s", want, out)
				}
			}
			ours := f.contents(t, root)
			times := stamps(t, root)
			if out := run(t, certgraft, install...); !strings.Contains(out, "nothing to do") {
				t.Errorf("install again: %s", out)
			}
			same(t, "inodes and times", times, stamps(t, root))

			for _, x := range f.extracts {
				if x.format == "java-cacerts" {
					f.keytool(t, filepath.Join(root, x.file), len(ours[x.file]))
				}
			}

			f.tool(t, root)
			theirs := f.contents(t, root)
			for _, x := range f.extracts {
				same(t, x.file, theirs[x.file], ours[x.file])
				if len(ours[x.file]) < 100 {
					t.Errorf("%s has %d entries: nothing was compared", x.file, len(ours[x.file]))
				}
			}
			if out := run(t, certgraft, install...); strings.Contains(out, " 1 added") {
				t.Errorf("install after the tool: %s", out)
			}
			run(t, certgraft, "remove", "--root", root, "--all")
			f.tool(t, root)
			same(t, "remove --all", before, snapshot(t, root))
		})
	}
}

// keytool reads a trust store that trust extract made and install edited, with
// its password and without.
func (f p11Family) keytool(t *testing.T, store string, entries int) {
	t.Helper()
	for _, password := range []string{"-storepass changeit", ""} {
		out := run(t, "sh", "-c", "echo | keytool -list -keystore "+store+" "+password)
		if n := strings.Count(out, "trustedCertEntry"); n != entries {
			t.Errorf("keytool reads %d entries of %d", n, entries)
		}
	}
}

// remove alone restores every byte.
func TestP11KitRemove(t *testing.T) {
	for _, f := range p11Families {
		t.Run(f.name, func(t *testing.T) {
			root := f.root(t)
			f.layMozilla(t, root)
			f.tool(t, root)
			before := snapshot(t, root)
			run(t, certgraft, append([]string{"install", "--root", root, newAuthority(t, "Corp Root").caFile}, rds(t)...)...)
			run(t, certgraft, "remove", "--root", root, "--all")
			same(t, "remove --all", before, snapshot(t, root))
		})
	}
}

// Blocked certificates are refused, by file and by issuer and serial number.
func TestP11KitBlocklist(t *testing.T) {
	f := p11Families[0]
	root := f.root(t)
	f.layMozilla(t, root)
	corp := newAuthority(t, "Corp Root")
	write(t, filepath.Join(root, f.trust[0], "blocklist/corp.pem"), read(t, corp.caFile))
	f.tool(t, root)
	before := snapshot(t, root)
	if out := fails(t, 3, certgraft, "install", "--root", root, corp.caFile); !strings.Contains(out, "blocklist/corp.pem blocks it") {
		t.Error(out)
	}
	same(t, "a refused install", before, snapshot(t, root))
	if out := run(t, certgraft, "install", "--root", root, "--override-blocklist", corp.caFile); !strings.Contains(out, "lost again when update-ca-trust next runs") {
		t.Error(out)
	}
}

// layMozilla gives a root the roots that Debian has, from a package.
func (f p11Family) layMozilla(t *testing.T, root string) {
	t.Helper()
	run(t, "sh", "-c", fmt.Sprintf("cat %s/usr/share/ca-certificates/mozilla/*.crt >%s/anchors/mozilla.pem", root, filepath.Join(root, f.trust[1])))
}

// layOdd gives a root what p11-kit treats in ways of its own: certificates that
// are no CAs, expired ones, one of version 1, a blocked one.
func (f p11Family) layOdd(t *testing.T, root string) {
	t.Helper()
	for name, text := range map[string]string{
		"leaf.pem":    roottest.NewCA(t, "Administrator's leaf", roottest.Leaf).PEM(),
		"expired.pem": roottest.NewCA(t, "Administrator's expired", roottest.Expired).PEM(),
		"root.pem":    roottest.NewCA(t, "Administrator's root").PEM(),
		"same.pem":    roottest.NewCA(t, "Administrator's root").PEM(),
	} {
		write(t, filepath.Join(root, f.trust[0], "anchors", name), text)
	}
	blocked := roottest.NewCA(t, "Blocked").PEM()
	write(t, filepath.Join(root, f.trust[0], "anchors/blocked.pem"), blocked)
	write(t, filepath.Join(root, f.trust[0], "blocklist/blocked.pem"), blocked)
}

// oddSources is a bundle of certificates that p11-kit treats in ways of its own.
func oddSources(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	var all strings.Builder
	for i, args := range [][]string{
		{"-subj", "/CN=Ours, not a CA", "-addext", "basicConstraints=critical,CA:FALSE"},
		{"-subj", "/CN=Ours, for clients", "-addext", "extendedKeyUsage=clientAuth"},
		{"-subj", "/CN=Ours, for anything", "-addext", "extendedKeyUsage=anyExtendedKeyUsage"},
		{"-subj", "/CN=Ours, for mail and code", "-addext", "extendedKeyUsage=emailProtection,codeSigning"},
		{"-subj", "/O=An organisation/OU=and its unit"},
		{"-subj", "/O=Only an organisation"},
		{"-subj", "/DC=org/DC=example"},
		{"-subj", "/CN=first name/CN=second name"},
		{"-subj", "/CN=  Spaces  and (brackets) "},
		{"-utf8", "-subj", "/CN=İstanbul Kök (Ünï)"},
		{"-subj", "/CN=Administrator's root"},
	} {
		pem := filepath.Join(dir, fmt.Sprint(i, ".pem"))
		run(t, "openssl", append([]string{"req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", "/dev/null", "-days", "3000", "-out", pem}, args...)...)
		all.WriteString(read(t, pem))
	}
	all.WriteString(roottest.NewCA(t, "Ours, expired", roottest.Expired).PEM())
	all.WriteString(versionOne(t))
	return write(t, filepath.Join(dir, "odd.pem"), all.String())
}

// versionOne returns a self-signed certificate of version 1.
func versionOne(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	return run(t, "sh", "-c", `cd "$1" && openssl ecparam -genkey -name prime256v1 -noout -out k && openssl req -new -key k -subj "/CN=Ours, version 1" -out r &&
		openssl x509 -req -in r -signkey k -days 3000 -out c 2>/dev/null && cat c`, "sh", dir)
}

// contents describes what each extracted file says: a line for each certificate
// with its label, its trust and its names.
func (f p11Family) contents(t *testing.T, root string) map[string]map[string]string {
	t.Helper()
	out := map[string]map[string]string{}
	for _, x := range f.extracts {
		name := filepath.Join(root, x.file)
		switch {
		case strings.Contains(x.format, "directory"):
			out[x.file] = hashDirectory(t, name)
		case x.format == "java-cacerts":
			out[x.file] = javaEntries(t, name)
		case x.format == "edk2-cacerts":
			out[x.file] = edk2Entries(t, name)
		default:
			out[x.file] = pemEntries(t, name)
		}
		mode := "0444"
		if strings.Contains(x.format, "directory") {
			mode = "0555"
		}
		if info, err := os.Stat(name); err != nil || fmt.Sprintf("%#o", info.Mode().Perm()) != mode {
			t.Errorf("%s: %v, %v, want %s", x.file, info.Mode(), err, mode)
		}
	}
	return out
}

// pemEntries maps each block to the comment before it.
func pemEntries(t *testing.T, name string) map[string]string {
	t.Helper()
	entries := map[string]string{}
	rest := []byte(read(t, name))
	for {
		start := bytes.Index(rest, []byte("-----BEGIN"))
		if start < 0 {
			return entries
		}
		comment := strings.TrimSpace(string(rest[:start]))
		if i := strings.LastIndex(comment, "\n"); i >= 0 {
			comment = "" // a header
		}
		block, after := pem.Decode(rest)
		if block == nil {
			t.Fatalf("%s: a damaged block", name)
		}
		entries[fmt.Sprintf("%s %x", block.Type, block.Bytes)] = comment
		rest = after
	}
}

// javaEntries maps each certificate to its alias, without the number that tells
// equal ones apart.
func javaEntries(t *testing.T, name string) map[string]string {
	t.Helper()
	s, err := keystore.Open([]byte(read(t, name)), keystore.DefaultPassword)
	if err != nil {
		t.Fatal(err)
	}
	entries := map[string]string{}
	for _, e := range s.Entries() {
		entries[e.Cert.Fingerprint().String()] = unnumbered(e.Alias, "-")
	}
	return entries
}

func edk2Entries(t *testing.T, name string) map[string]string {
	t.Helper()
	entries := map[string]string{}
	for data := []byte(read(t, name)); len(data) > 0; {
		size := int(data[16]) | int(data[17])<<8 | int(data[18])<<16
		entries[fmt.Sprintf("%x", data[:size])] = ""
		data = data[size:]
	}
	return entries
}

// hashDirectory maps each certificate to the name of its file and the hashes
// that lead to it, without the numbers.
func hashDirectory(t *testing.T, dir string) map[string]string {
	t.Helper()
	files, hashes := map[string]string{}, map[string][]string{}
	list, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, entry := range list {
		name := filepath.Join(dir, entry.Name())
		if target, err := os.Readlink(name); err == nil {
			hash, _, _ := strings.Cut(entry.Name(), ".")
			hashes[target] = append(hashes[target], hash)
			continue
		}
		files[read(t, name)] = entry.Name()
	}
	entries := map[string]string{}
	for text, name := range files {
		slices.Sort(hashes[name])
		entries[text] = unnumbered(strings.TrimSuffix(name, ".pem"), ".") + " " + strings.Join(hashes[name], " ")
	}
	return entries
}

// unnumbered takes a number behind a name off.
func unnumbered(name, separator string) string {
	if i := strings.LastIndex(name, separator); i >= 0 && strings.Trim(name[i+1:], "0123456789") == "" {
		return name[:i]
	}
	return name
}
