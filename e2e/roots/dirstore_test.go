//go:build e2e

package roots

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/certgraft/certgraft/e2e/rig"
)

// In a root laid out like Photon OS, what its script does after install, hash
// links and joining the files, changes nothing.
func TestPhotonFixedPoint(t *testing.T) {
	root := rig.Unpack(t, rig.Tarball(t, "trixie", "p11kit", "p11-kit,ca-certificates,openssl"))
	lay := `cd "$1" && rm -rf etc/ssl/certs etc/os-release etc/ca-certificates* usr/local/share/ca-certificates && mkdir -p etc/ssl/certs etc/pki/tls/certs &&
		for f in usr/share/ca-certificates/mozilla/*.crt; do cp "$f" "etc/ssl/certs/$(basename "$f" .crt).pem"; done && echo ID=photon >etc/os-release`
	rig.Run(t, "sh", "-c", lay, "sh", root)
	tool := func() {
		rig.Chroot(t, root, "sh", "-c", "openssl rehash /etc/ssl/certs && cat /etc/ssl/certs/*.pem >/etc/pki/tls/certs/ca-bundle.crt")
	}
	tool()
	before := rig.Snapshot(t, root)
	corp := rig.NewAuthority(t, "Corp Root")
	rig.Run(t, rig.Certgraft, append([]string{"install", "--root", root, corp.CAFile}, rig.RDS(t)...)...)
	installed := rig.Snapshot(t, filepath.Join(root, "etc"))
	tool()
	rig.Same(t, "the script after install", installed, rig.Snapshot(t, filepath.Join(root, "etc")))
	rig.Write(t, filepath.Join(root, "tmp/server.crt"), rig.Read(t, corp.CertFile))
	for _, where := range [][]string{{"-no-CAfile", "-CApath", "/etc/ssl/certs"}, {"-no-CApath", "-CAfile", "/etc/pki/tls/certs/ca-bundle.crt"}} {
		if out := rig.Chroot(t, root, append(append([]string{"openssl", "verify", "-no-CAstore"}, where...), "/tmp/server.crt")...); !strings.Contains(out, "OK") {
			t.Error(out)
		}
	}
	rig.Run(t, "rm", filepath.Join(root, "tmp/server.crt"))
	rig.Run(t, rig.Certgraft, "remove", "--root", root, "--all")
	rig.Same(t, "remove --all", before, rig.Snapshot(t, root))
}
