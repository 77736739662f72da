//go:build e2e

package e2e

import (
	"path/filepath"
	"testing"

	"github.com/certgraft/certgraft/internal/roottest"
)

// authority is the files of a throw-away CA and of one server certificate.
type authority struct {
	caFile, certFile, keyFile string
}

// newAuthority makes one, for localhost if no hosts are named.
func newAuthority(t *testing.T, name string, hosts ...string) authority {
	t.Helper()
	dir := t.TempDir()
	ca := roottest.NewCA(t, name)
	if len(hosts) == 0 {
		hosts = []string{"localhost", "127.0.0.1"}
	}
	cert, key := roottest.PEMs(t, ca.Issue(t, hosts...))
	return authority{
		caFile:   write(t, filepath.Join(dir, "corp.pem"), ca.PEM()),
		certFile: write(t, filepath.Join(dir, "server.crt"), cert),
		keyFile:  write(t, filepath.Join(dir, "server.key"), key),
	}
}
