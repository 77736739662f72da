//go:build e2e

package rig

import (
	"path/filepath"
	"testing"

	"github.com/certgraft/certgraft/internal/roottest"
)

// Authority is the files of a throw-away CA and of one server certificate.
type Authority struct {
	CAFile, CertFile, KeyFile string
}

// NewAuthority makes one, for localhost if no hosts are named.
func NewAuthority(t *testing.T, name string, hosts ...string) Authority {
	t.Helper()
	dir := t.TempDir()
	ca := roottest.NewCA(t, name)
	if len(hosts) == 0 {
		hosts = []string{"localhost", "127.0.0.1"}
	}
	cert, key := roottest.PEMs(t, ca.Issue(t, hosts...))
	return Authority{
		CAFile:   Write(t, filepath.Join(dir, "corp.pem"), ca.PEM()),
		CertFile: Write(t, filepath.Join(dir, "server.crt"), cert),
		KeyFile:  Write(t, filepath.Join(dir, "server.key"), key),
	}
}
