//go:build e2e

package roots

import (
	"bytes"
	"encoding/pem"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/certgraft/certgraft/e2e/rig"
	"github.com/certgraft/certgraft/internal/roottest"
	"github.com/certgraft/certgraft/keystore"
)

// After install, the family's tool run for real makes the same of the anchors:
// the same certificates, with the same trust and labels, in every format.
func TestP11Kit(t *testing.T) {
	for _, f := range rig.P11Layouts {
		t.Run(f.Name, func(t *testing.T) {
			root := f.Root(t)
			f.LayMozilla(t, root)
			layOdd(t, f, root)
			f.Tool(t, root)
			before := rig.Snapshot(t, root)
			if out := rig.Run(t, rig.Certgraft, "inspect", root); strings.Contains(out, "nowhere") || strings.Contains(out, "OpenSSL does not find") {
				t.Errorf("inspect finds fault with what the tool made:\n%s", out)
			}

			install := append([]string{"install", "--root", root, "--expired", "keep", rig.NewAuthority(t, "Corp Root").CAFile, oddSources(t)}, rig.RDS(t)...)
			out := rig.Run(t, rig.Certgraft, install...)
			for _, want := range []string{"is not a CA", "not meant for TLS servers"} {
				if !strings.Contains(out, want) {
					t.Errorf("%q is not said in\n%s", want, out)
				}
			}
			ours := contents(t, f, root)
			times := rig.Stamps(t, root)
			if out := rig.Run(t, rig.Certgraft, install...); !strings.Contains(out, "nothing to do") {
				t.Errorf("install again: %s", out)
			}
			rig.Same(t, "inodes and times", times, rig.Stamps(t, root))

			for _, x := range f.Extracts {
				if x.Format == "java-cacerts" {
					keytool(t, filepath.Join(root, x.File), len(ours[x.File]))
				}
			}

			f.Tool(t, root)
			theirs := contents(t, f, root)
			for _, x := range f.Extracts {
				rig.Same(t, x.File, theirs[x.File], ours[x.File])
				if len(ours[x.File]) < 100 {
					t.Errorf("%s has %d entries: nothing was compared", x.File, len(ours[x.File]))
				}
			}
			if out := rig.Run(t, rig.Certgraft, install...); strings.Contains(out, " 1 added") {
				t.Errorf("install after the tool: %s", out)
			}
			rig.Run(t, rig.Certgraft, "remove", "--root", root, "--all")
			f.Tool(t, root)
			rig.Same(t, "remove --all", before, rig.Snapshot(t, root))
		})
	}
}

// keytool reads a trust store that trust extract made and install edited, with
// its password and without.
func keytool(t *testing.T, store string, entries int) {
	t.Helper()
	for _, password := range []string{"-storepass changeit", ""} {
		out := rig.Run(t, "sh", "-c", "echo | keytool -list -keystore "+store+" "+password)
		if n := strings.Count(out, "trustedCertEntry"); n != entries {
			t.Errorf("keytool reads %d entries of %d", n, entries)
		}
	}
}

// remove alone restores every byte.
func TestP11KitRemove(t *testing.T) {
	for _, f := range rig.P11Families {
		t.Run(f.Name, func(t *testing.T) {
			root := f.Root(t)
			f.LayMozilla(t, root)
			f.Tool(t, root)
			before := rig.Snapshot(t, root)
			rig.Run(t, rig.Certgraft, append([]string{"install", "--root", root, rig.NewAuthority(t, "Corp Root").CAFile}, rig.RDS(t)...)...)
			rig.Run(t, rig.Certgraft, "remove", "--root", root, "--all")
			rig.Same(t, "remove --all", before, rig.Snapshot(t, root))
		})
	}
}

// Blocked certificates are refused, by file and by issuer and serial number.
func TestP11KitBlocklist(t *testing.T) {
	f := rig.P11Families[0]
	root := f.Root(t)
	f.LayMozilla(t, root)
	corp := rig.NewAuthority(t, "Corp Root")
	rig.Write(t, filepath.Join(root, f.Trust[0], "blocklist/corp.pem"), rig.Read(t, corp.CAFile))
	f.Tool(t, root)
	before := rig.Snapshot(t, root)
	if out := rig.Fails(t, 3, rig.Certgraft, "install", "--root", root, corp.CAFile); !strings.Contains(out, "blocklist/corp.pem blocks it") {
		t.Error(out)
	}
	rig.Same(t, "a refused install", before, rig.Snapshot(t, root))
	if out := rig.Run(t, rig.Certgraft, "install", "--root", root, "--override-blocklist", corp.CAFile); !strings.Contains(out, "lost again when update-ca-trust next runs") {
		t.Error(out)
	}
}

// layOdd gives a root what p11-kit treats in ways of its own: certificates that
// are no CAs, expired ones, one of version 1, a blocked one.
func layOdd(t *testing.T, f rig.P11Family, root string) {
	t.Helper()
	for name, text := range map[string]string{
		"leaf.pem":    roottest.NewCA(t, "Administrator's leaf", roottest.Leaf).PEM(),
		"expired.pem": roottest.NewCA(t, "Administrator's expired", roottest.Expired).PEM(),
		"root.pem":    roottest.NewCA(t, "Administrator's root").PEM(),
		"same.pem":    roottest.NewCA(t, "Administrator's root").PEM(),
	} {
		rig.Write(t, filepath.Join(root, f.Trust[0], "anchors", name), text)
	}
	blocked := roottest.NewCA(t, "Blocked").PEM()
	rig.Write(t, filepath.Join(root, f.Trust[0], "anchors/blocked.pem"), blocked)
	rig.Write(t, filepath.Join(root, f.Trust[0], "blocklist/blocked.pem"), blocked)
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
		rig.Run(t, "openssl", append([]string{"req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", "/dev/null", "-days", "3000", "-out", pem}, args...)...)
		all.WriteString(rig.Read(t, pem))
	}
	all.WriteString(roottest.NewCA(t, "Ours, expired", roottest.Expired).PEM())
	all.WriteString(versionOne(t))
	return rig.Write(t, filepath.Join(dir, "odd.pem"), all.String())
}

// versionOne returns a self-signed certificate of version 1.
func versionOne(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	return rig.Run(t, "sh", "-c", `cd "$1" && openssl ecparam -genkey -name prime256v1 -noout -out k && openssl req -new -key k -subj "/CN=Ours, version 1" -out r &&
		openssl x509 -req -in r -signkey k -days 3000 -out c 2>/dev/null && cat c`, "sh", dir)
}

// contents describes what each extracted file says: a line for each certificate
// with its label, its trust and its names.
func contents(t *testing.T, f rig.P11Family, root string) map[string]map[string]string {
	t.Helper()
	out := map[string]map[string]string{}
	for _, x := range f.Extracts {
		name := filepath.Join(root, x.File)
		switch {
		case strings.Contains(x.Format, "directory"):
			out[x.File] = hashDirectory(t, name)
		case x.Format == "java-cacerts":
			out[x.File] = javaEntries(t, name)
		case x.Format == "edk2-cacerts":
			out[x.File] = edk2Entries(t, name)
		default:
			out[x.File] = pemEntries(t, name)
		}
		mode := "0444"
		if strings.Contains(x.Format, "directory") {
			mode = "0555"
		}
		if info, err := os.Stat(name); err != nil || fmt.Sprintf("%#o", info.Mode().Perm()) != mode {
			t.Errorf("%s: %v, %v, want %s", x.File, info.Mode(), err, mode)
		}
	}
	return out
}

// pemEntries maps each block to the comment before it.
func pemEntries(t *testing.T, name string) map[string]string {
	t.Helper()
	entries := map[string]string{}
	rest := []byte(rig.Read(t, name))
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
	s, err := keystore.Open([]byte(rig.Read(t, name)), keystore.DefaultPassword)
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
	for data := []byte(rig.Read(t, name)); len(data) > 0; {
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
		files[rig.Read(t, name)] = entry.Name()
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
