//go:build e2e

package e2e

import (
	"path/filepath"
	"strings"
	"testing"
)

// In a root laid out like Photon OS, what its script does after install, hash
// links and joining the files, changes nothing.
func TestPhotonFixedPoint(t *testing.T) {
	root := unpack(t, tarball(t, "trixie", "p11kit", "p11-kit,ca-certificates,openssl"))
	lay := `cd "$1" && rm -rf etc/ssl/certs etc/os-release etc/ca-certificates* usr/local/share/ca-certificates && mkdir -p etc/ssl/certs etc/pki/tls/certs &&
		for f in usr/share/ca-certificates/mozilla/*.crt; do cp "$f" "etc/ssl/certs/$(basename "$f" .crt).pem"; done && echo ID=photon >etc/os-release`
	run(t, "sh", "-c", lay, "sh", root)
	tool := func() {
		chroot(t, root, "sh", "-c", "openssl rehash /etc/ssl/certs && cat /etc/ssl/certs/*.pem >/etc/pki/tls/certs/ca-bundle.crt")
	}
	tool()
	before := snapshot(t, root)
	corp := newAuthority(t, "Corp Root")
	run(t, certgraft, append([]string{"install", "--root", root, corp.caFile}, rds(t)...)...)
	installed := snapshot(t, filepath.Join(root, "etc"))
	tool()
	same(t, "the script after install", installed, snapshot(t, filepath.Join(root, "etc")))
	write(t, filepath.Join(root, "tmp/server.crt"), read(t, corp.certFile))
	for _, where := range [][]string{{"-no-CAfile", "-CApath", "/etc/ssl/certs"}, {"-no-CApath", "-CAfile", "/etc/pki/tls/certs/ca-bundle.crt"}} {
		if out := chroot(t, root, append(append([]string{"openssl", "verify", "-no-CAstore"}, where...), "/tmp/server.crt")...); !strings.Contains(out, "OK") {
			t.Error(out)
		}
	}
	run(t, "rm", filepath.Join(root, "tmp/server.crt"))
	run(t, certgraft, "remove", "--root", root, "--all")
	same(t, "remove --all", before, snapshot(t, root))
}
