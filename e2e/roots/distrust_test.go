//go:build e2e

package roots

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/certgraft/certgraft/e2e/rig"
)

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
