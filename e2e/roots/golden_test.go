//go:build e2e

package roots

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/certgraft/certgraft/e2e/rig"
	"github.com/certgraft/certgraft/internal/roottest"
)

// goldenConf selects few roots, to keep the trees small.
const goldenConf = `# selected for the golden tree
mozilla/Amazon_Root_CA_3.crt
!mozilla/ISRG_Root_X2.crt
mozilla/GTS_Root_R4.crt
mozilla/Certum_EC-384_CA.crt
`

// The golden trees of the installer's tests are what update-ca-certificates
// makes: before, with a few roots; after, with the anchors that certgraft lays
// down for testdata/bundles/corp.pem.
func TestGoldenTrees(t *testing.T) {
	for _, suite := range suites {
		t.Run(suite, func(t *testing.T) {
			root := rig.Debian(t, suite)
			rig.Write(t, filepath.Join(root, "etc/ca-certificates.conf"), goldenConf)
			corp := rig.Read(t, rig.File("testdata/bundles/corp.pem"))
			rig.Write(t, filepath.Join(root, "usr/local/share/ca-certificates/user's own (CA).crt"), strings.TrimSuffix(corp[:strings.Index(corp, "END CERTIFICATE-----")+20], "\n"))
			rig.Chroot(t, root, "update-ca-certificates", "--fresh")
			golden(t, root, suite+".before.txtar")
			rig.Write(t, filepath.Join(root, "corp.pem"), corp)
			rig.Run(t, rig.Certgraft, "install", "--root", root, filepath.Join(root, "corp.pem"))
			for _, leftover := range []string{"corp.pem", "usr/local/share/certgraft/installed.json", "usr/local/share/certgraft"} {
				if err := os.Remove(filepath.Join(root, leftover)); err != nil {
					t.Fatal(err)
				}
			}
			// From the anchors alone, the tool makes everything anew.
			rig.Run(t, "sh", "-c", "cd "+root+"/etc/ssl/certs && rm -f *")
			rig.Chroot(t, root, "update-ca-certificates", "--fresh")
			golden(t, root, suite+".after.txtar")
		})
	}
}

// The golden trees of distributions with p11-kit: before, what its tool makes of
// few roots; after, what certgraft makes of that, which [TestP11Kit] compares
// with what the tool would.
func TestGoldenP11Kit(t *testing.T) {
	for _, f := range rig.P11Layouts {
		t.Run(f.Name, func(t *testing.T) {
			root := f.Root(t)
			for line := range strings.Lines(goldenConf) {
				if name, selected := strings.CutPrefix(strings.TrimSpace(line), "mozilla/"); selected {
					rig.Run(t, "cp", filepath.Join(root, "usr/share/ca-certificates/mozilla", name), filepath.Join(root, f.Trust[1], "anchors"))
				}
			}
			corp := rig.Read(t, rig.File("testdata/bundles/corp.pem"))
			rig.Write(t, filepath.Join(root, f.Trust[0], "anchors/user's own (CA).crt"), corp[:strings.Index(corp, "END CERTIFICATE-----")+20])
			f.Tool(t, root)
			goldenTree(t, f.Name+".before.txtar", p11Archive(t, root))
			rig.Run(t, rig.Certgraft, "install", "--root", root, rig.File("testdata/bundles/corp.pem"))
			if err := os.RemoveAll(filepath.Join(root, "usr/local/share/certgraft")); err != nil {
				t.Fatal(err)
			}
			goldenTree(t, f.Name+".after.txtar", p11Archive(t, root))
		})
	}
}

// p11Archive returns the parts of a root that the installer looks at.
func p11Archive(t *testing.T, root string) []byte {
	t.Helper()
	return roottest.Archive(t, root, func(name string) bool {
		for _, dir := range []string{"etc/ssl", "etc/pki", "etc/ca-certificates", "var/lib/ca-certificates", "usr/share/pki", "usr/share/ca-certificates/trust-source"} {
			if strings.HasPrefix(name, dir+"/") {
				return name != "etc/ssl/openssl.cnf" && name != "etc/ssl/private"
			}
		}
		return name == "etc/os-release"
	})
}

// golden compares the parts of a root that the installer looks at with an
// archive, or writes it.
func golden(t *testing.T, root, name string) {
	t.Helper()
	got := roottest.Archive(t, root, func(name string) bool {
		switch {
		case strings.HasPrefix(name, "usr/share/ca-certificates/mozilla/"):
			return strings.Contains(goldenConf, filepath.Base(name))
		case name == "etc/ca-certificates.conf", name == "etc/os-release", name == "usr/lib/os-release":
			return true
		}
		return strings.HasPrefix(name, "etc/ssl/certs/") || strings.HasPrefix(name, "usr/local/share/ca-certificates/")
	})
	goldenTree(t, name, append(got, "-- usr/sbin/update-ca-certificates --\n-- var/lib/dpkg/status --\n"...))
}

// goldenTree compares a tree with an archive, or writes it.
func goldenTree(t *testing.T, name string, got []byte) {
	t.Helper()
	file := rig.File("testdata/roots/" + name)
	if *rig.Update {
		rig.Write(t, file, string(got))
	}
	if want, err := os.ReadFile(file); err != nil || !bytes.Equal(got, want) {
		t.Errorf("%s is not what the real tool makes now (%v): go test -tags e2e ./e2e/roots -run Golden -update", file, err)
	}
}
