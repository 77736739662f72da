//go:build e2e

package walk

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/certgraft/certgraft/e2e/rig"
	"github.com/certgraft/certgraft/keystore"
)

const (
	p11Source  = "etc/pki/ca-trust/source"
	p11Package = "usr/share/pki/ca-trust-source"
	extracted  = "etc/pki/ca-trust/extracted/"
	tlsBundle  = extracted + "pem/tls-ca-bundle.pem"
)

// fedora is a root laid out as Fedora's; the real p11-kit of Debian plays its
// tool.
var fedora = &kind{
	name: "fedora", suite: "trixie", lay: layFedora, view: viewFedora, bundle: tlsBundle, tool: fedoraTool,
	brings: []string{"m1", "m2", "m3"}, generated: []string{strings.TrimSuffix(extracted, "/"), "etc/pki/tls/certs", "etc/pki/tls/cert.pem", "etc/pki/java", "etc/ssl/certs"},
	refuses: func(root string) bool {
		list, _ := os.ReadDir(filepath.Join(root, p11Source, "blocklist"))
		return len(list) > 0
	},
	verbs: merged(bundleVerbs(tlsBundle), p11Verbs(), toolVerbs(fedoraTool)),
}

// extracts are what update-ca-trust of Fedora generates: file, format and options
// of trust extract.
var extracts = [][3]string{
	{extracted + "openssl/ca-bundle.trust.crt", "openssl-bundle", "--filter=certificates --comment"},
	{tlsBundle, "pem-bundle", "--filter=ca-anchors --comment --purpose=server-auth"},
	{extracted + "pem/email-ca-bundle.pem", "pem-bundle", "--filter=ca-anchors --comment --purpose=email"},
	{extracted + "pem/objsign-ca-bundle.pem", "pem-bundle", "--filter=ca-anchors --comment --purpose=code-signing"},
	{extracted + "java/cacerts", "java-cacerts", "--filter=ca-anchors --purpose=server-auth"},
	{extracted + "edk2/cacerts.bin", "edk2-cacerts", "--filter=ca-anchors --purpose=server-auth"},
	{extracted + "pem/directory-hash", "pem-directory-hash", "--filter=ca-anchors --purpose=server-auth"},
}

var fedoraOnce sync.Once

// fedoraRoot is the Debian root whose p11-kit reads what Fedora's would.
func fedoraRoot(t *testing.T) string {
	t.Helper()
	root := whole(t, "trixie", "p11kit", "p11-kit", "ca-certificates", "openssl")
	fedoraOnce.Do(func() {
		rig.Write(t, filepath.Join(root, "usr/share/p11-kit/modules/p11-kit-trust.module"),
			fmt.Sprintf("module: p11-kit-trust.so\npriority: 1\ntrust-policy: yes\nx-init-reserved: paths='/%s:/%s'\n", p11Source, p11Package))
		rig.Run(t, "rm", "-rf", filepath.Join(root, "etc/ssl/certs"))
		for _, dir := range fedoraDirs {
			must(os.MkdirAll(filepath.Join(root, dir), 0o755))
		}
	})
	return root
}

var fedoraDirs = []string{"etc/pki", "etc/ssl", "usr/share/pki"}

func layFedora(t *testing.T, root string) {
	fedoraRoot(t)
	rig.Write(t, filepath.Join(root, "etc/os-release"), "ID=fedora\nPRETTY_NAME=\"A root laid out like Fedora\"\n")
	for _, dir := range []string{p11Source + "/anchors", p11Source + "/blocklist", p11Package + "/anchors", p11Package + "/blocklist", "etc/ssl"} {
		must(os.MkdirAll(filepath.Join(root, dir), 0o755))
	}
	var all strings.Builder
	for _, name := range mozilla {
		all.WriteString(rig.Read(t, filepath.Join(whole(t, "trixie", "", "ca-certificates"), "usr/share/ca-certificates/mozilla", name+".crt")))
	}
	rig.Write(t, filepath.Join(root, p11Package, "anchors/mozilla.pem"), all.String())
	must(fedoraTool(nil, root, true))
}

// fedoraTool does what update-ca-trust does.
func fedoraTool(_ *world, root string, _ bool) error {
	var script strings.Builder
	script.WriteString("export P11_KIT_NO_USER_CONFIG=1 SOURCE_DATE_EPOCH=1700000000\n")
	for _, x := range extracts {
		fmt.Fprintf(&script, "mkdir -p /%s\ntrust extract --overwrite --format=%s %s /%s\n", filepath.Dir(x[0]), x[1], x[2], x[0])
	}
	script.WriteString(`mkdir -p /etc/pki/tls/certs /etc/pki/java
		ln -sfn /etc/pki/tls/certs /etc/ssl/certs
		ln -sf /etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem /etc/pki/tls/cert.pem
		ln -sf /etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem /etc/pki/tls/certs/ca-bundle.crt
		ln -sf /etc/pki/ca-trust/extracted/java/cacerts /etc/pki/java/cacerts
		find /etc/pki/tls/certs -type l -name '*.[0-9]' -delete
		for link in $(cd /etc/pki/ca-trust/extracted/pem/directory-hash; ls -1 | grep -E '^[0-9a-f]{8}\.[0-9]+$'); do
			ln -s /etc/pki/ca-trust/extracted/pem/directory-hash/$link /etc/pki/tls/certs/$link
		done`)
	return inRoot(filepath.Join(scratch, "trixie-p11kit"), root, fedoraDirs, script.String())
}

// p11Verbs are the steps of an administrator, of packages, and of one who deletes
// what is generated. What takes a source away runs the tool: until then a
// generated file holds what nothing explains any more.
func p11Verbs() map[string]verb {
	now := func(w *world, root string) error { return fedoraTool(w, root, false) }
	file := func(root, kind, name string) string { return filepath.Join(root, kind, "pkg-"+name+".pem") }
	put := func(kind string, then func(w *world, root string) error) func(w *world, root, name string) error {
		return func(w *world, root, name string) error {
			return errors.Join(os.WriteFile(file(root, kind, name), []byte(w.pool[name].pem), 0o644), then(w, root))
		}
	}
	take := func(kind string) func(w *world, root, name string) error {
		return func(w *world, root, name string) error {
			if err := os.Remove(file(root, kind, name)); errors.Is(err, fs.ErrNotExist) {
				return nil
			}
			return now(w, root)
		}
	}
	return merged(anchorVerbs(p11Source+"/anchors", ".pem", now), map[string]verb{
		"package": {allOf, put(p11Package+"/anchors", later)}, "unpackage": {allOf, take(p11Package + "/anchors")},
		"block": {allOf, put(p11Source+"/blocklist", now)}, "unblock": {allOf, take(p11Source + "/blocklist")},
		"prune": {nothing, func(_ *world, root, _ string) error {
			for _, x := range extracts {
				if x[0] != tlsBundle {
					must(os.RemoveAll(filepath.Join(root, x[0])))
				}
			}
			links, err := filepath.Glob(filepath.Join(root, "etc/pki/tls/certs/*.[0-9]"))
			must(err)
			for _, link := range append(links, filepath.Join(root, "etc/pki/java/cacerts")) { // they would lead nowhere
				must(os.RemoveAll(link))
			}
			return nil
		}},
	})
}

// viewFedora is what each generated file holds.
func viewFedora(root string) (map[string]trusted, error) {
	view := map[string]trusted{}
	for _, x := range extracts {
		name := filepath.Join(root, x[0])
		if _, err := os.Stat(name); err != nil {
			continue
		}
		switch x[1] {
		case "pem-directory-hash":
			view[x[0]] = hashed(root, x[0])
		case "java-cacerts":
			entries, err := javaEntries(name)
			if err != nil {
				return nil, err
			}
			view[x[0]] = trusted{}
			for key := range entries {
				view[x[0]][printIn(key)] = true
			}
		case "edk2-cacerts":
			view[x[0]] = edk2Entries(name)
		default:
			view[x[0]] = held(name)
		}
	}
	return view, nil
}

// javaEntries returns alias and fingerprint of each entry of a trust store.
func javaEntries(name string) (trusted, error) {
	data, err := os.ReadFile(name)
	if err != nil {
		return nil, err
	}
	s, err := keystore.Open(data, keystore.DefaultPassword)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	entries := trusted{}
	for _, e := range s.Entries() {
		entries[e.Alias+" "+printOf(e.Cert.Raw)] = true
	}
	return entries, nil
}

// edk2Entries returns the fingerprints in EDK2's list: a header of 28 bytes and
// the GUID of an owner before each certificate.
func edk2Entries(name string) trusted {
	entries := trusted{}
	data, _ := os.ReadFile(name)
	for len(data) > 44 {
		size := int(data[16]) | int(data[17])<<8 | int(data[18])<<16
		entries[printOf(data[44:size])] = true
		data = data[size:]
	}
	return entries
}
