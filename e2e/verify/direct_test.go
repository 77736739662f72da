//go:build e2e

package verify

import (
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"github.com/certgraft/certgraft/e2e/rig"
)

// TestVerifyPostgreSQLDirect shows TLS without SSLRequest, which PostgreSQL
// has from version 17 on and recognises by ALPN.
func TestVerifyPostgreSQLDirect(t *testing.T) {
	s := &site{rig.Unpack(t, rig.Tarball(t, "trixie", "postgresql", "ca-certificates", "postgresql"))}
	rig.Run(t, "mknod", "-m", "666", filepath.Join(s.root, "dev/urandom"), "c", "1", "9")
	rig.Run(t, "chmod", "0755", s.root, filepath.Dir(s.root))
	made := materials(t)
	ca := s.serve(t, made["good"])
	rig.Chroot(t, s.root, "chown", "-R", "postgres", "/srv/t")
	port := rig.FreePort(t)
	rig.Chroot(t, s.root, "su", "postgres", "-c", "/usr/lib/postgresql/17/bin/initdb -N -D /srv/t/pg -A trust -U postgres")
	s.daemon(t, port, "su", "postgres", "-c", fmt.Sprintf("exec /usr/lib/postgresql/17/bin/postgres -D /srv/t/pg -p %d -c listen_addresses=127.0.0.1 "+
		"-c unix_socket_directories= -c fsync=off -c dynamic_shared_memory_type=mmap -c ssl=on -c ssl_cert_file=/srv/t/cert.pem -c ssl_key_file=/srv/t/key.pem", port))
	rig.Chroot(t, s.root, "sh", "-c", fmt.Sprintf("until pg_isready -h 127.0.0.1 -p %d; do sleep 0.1; done", port)) // it listens before it serves
	address := fmt.Sprintf("localhost:%d", port)
	url := "postgres://" + address + "/postgres?sslnegotiation=direct"
	verify(t, 0, "--only", "--with", ca, "-4", url)
	verify(t, 0, "--only", "--with", ca, "-4", "--starttls", "postgres-direct", address)
	verify(t, 0, "--only", "--with", ca, "-4", "postgres://"+address+"/postgres")
	if v := verify(t, 5, "--only", "--with", rig.NewAuthority(t, "Other Root").CAFile, "-4", url); v.Verdict.Cause != "unknown-issuer" {
		t.Errorf("%+v", v.Verdict)
	}
	out := rig.Chroot(t, s.root, "psql", fmt.Sprintf("host=localhost hostaddr=127.0.0.1 port=%d user=postgres dbname=postgres sslmode=verify-full sslnegotiation=direct sslrootcert=/srv/t/ca.pem", port), "-c", "select 1")
	if !strings.Contains(out, "1 row") {
		t.Errorf("psql: %s", out)
	}
}
