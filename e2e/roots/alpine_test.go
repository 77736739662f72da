//go:build e2e

package roots

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/certgraft/certgraft/e2e/rig"
)

// The bundle that OpenSSL, Go, libtls and BusyBox read holds every certificate,
// in the layout of each Alpine, and loses none.
func TestAlpineLayouts(t *testing.T) {
	dir := os.Getenv("CERTGRAFT_TESTDATA")
	if dir == "" {
		t.Skip("CERTGRAFT_TESTDATA is not set: the layouts of real Alpine images are not there")
	}
	archives, err := filepath.Glob(filepath.Join(dir, "layouts/alpine-*.tar.gz"))
	if err != nil || len(archives) == 0 {
		t.Fatalf("no layouts in %s: %v", dir, err)
	}
	for _, archive := range archives {
		t.Run(filepath.Base(archive), func(t *testing.T) {
			root := t.TempDir()
			rig.Run(t, "tar", "-C", root, "-xzf", archive)
			before := rig.Snapshot(t, root)
			corp := rig.NewAuthority(t, "Corp Root")
			bundle := filepath.Join(root, "etc/ssl/cert.pem")
			if target, err := os.Readlink(bundle); err == nil {
				bundle = filepath.Join(root, "etc/ssl", target)
			}
			had := strings.Count(rig.Read(t, bundle), "BEGIN CERTIFICATE")
			rig.Fails(t, 2, "openssl", "verify", "-no-CApath", "-no-CAstore", "-CAfile", bundle, corp.CertFile)
			rig.Run(t, rig.Certgraft, append([]string{"install", "--root", root, corp.CAFile}, rig.RDS(t)...)...)
			rig.Run(t, "openssl", "verify", "-no-CApath", "-no-CAstore", "-CAfile", bundle, corp.CertFile)
			if n := strings.Count(rig.Read(t, bundle), "BEGIN CERTIFICATE"); n < had+88 {
				t.Errorf("the bundle held %d certificates and holds %d", had, n)
			}
			// What Go reads first must not be a bundle with ours alone.
			if first, err := os.ReadFile(filepath.Join(root, "etc/ssl/certs/ca-certificates.crt")); err == nil {
				if n := strings.Count(string(first), "BEGIN CERTIFICATE"); n < had+88 {
					t.Errorf("the bundle that Go reads holds %d certificates", n)
				}
			}
			if out := rig.Run(t, rig.Certgraft, append([]string{"install", "--root", root, corp.CAFile}, rig.RDS(t)...)...); !strings.Contains(out, "nothing to do") {
				t.Errorf("the second install: %s", out)
			}
			rig.Run(t, rig.Certgraft, "remove", "--root", root, "--all")
			rig.Same(t, "remove --all", before, rig.Snapshot(t, root))
		})
	}
}
