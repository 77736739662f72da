package registry

import (
	"crypto/tls"
	"crypto/x509"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"testing"

	"github.com/certgraft/certgraft/certs"
)

// withoutRoots is set in a process without a system CA: each process reads the
// system's CAs once.
const withoutRoots = "CERTGRAFT_TEST_WITHOUT_ROOTS"

// In an image without a CA file, such as certgraft's own, registries are
// verified with the Mozilla roots.
func TestRegistriesWithoutSystemRoots(t *testing.T) {
	if os.Getenv(withoutRoots) != "" {
		mozillaVouches(t)
		return
	}
	if runtime.GOOS == "darwin" || runtime.GOOS == "windows" {
		t.Skip("the CAs of the system are not in files here")
	}
	empty := t.TempDir()
	cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestRegistriesWithoutSystemRoots$")
	cmd.Env = append(os.Environ(), withoutRoots+"=1", "SSL_CERT_FILE="+filepath.Join(empty, "none"), "SSL_CERT_DIR="+empty)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("%v\n%s", err, out)
	}
}

func mozillaVouches(t *testing.T) {
	system, err := x509.SystemCertPool()
	if err == nil && !system.Equal(x509.NewCertPool()) {
		t.Fatal("the system has CAs all the same")
	}
	roots, _ := certs.MozillaRoots()
	pool := x509.NewCertPool()
	for c := range roots.All() {
		pool.AddCert(c.X509())
	}
	if config := (&Client{}).tls(); config.RootCAs == nil || !config.RootCAs.Equal(pool) {
		t.Error("nobody vouches for registries")
	}
	corp := x509.NewCertPool()
	if config := (&Client{CAs: corp}).tls(); config.RootCAs != corp || config.MinVersion != tls.VersionTLS12 {
		t.Error("the CAs that were named do not count")
	}
}
