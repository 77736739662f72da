//go:build e2e

package verify

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/certgraft/certgraft/e2e/rig"
)

// house is a root with psql and openssl in it, in which certgraft runs too, and a
// PostgreSQL that shows the certificate of a CA which the root does not have.
type house struct {
	root string
	corp rig.Authority
	port int
}

func newHouse(t *testing.T, hosts ...string) *house {
	t.Helper()
	h := &house{root: rig.Unpack(t, rig.Tarball(t, "trixie", "psql", "ca-certificates", "postgresql-client")), corp: rig.NewAuthority(t, "Corp Root", hosts...)}
	rig.Run(t, "mknod", "-m", "666", filepath.Join(h.root, "dev/urandom"), "c", "1", "9")
	rig.Run(t, "cp", rig.Certgraft, filepath.Join(h.root, "usr/local/bin/certgraft"))
	rig.Run(t, "cp", h.corp.CAFile, filepath.Join(h.root, "etc/corp.pem"))
	rig.Write(t, filepath.Join(h.root, "etc/hosts"), "127.0.0.1 localhost\n")
	h.port = rig.Postgres(t, h.corp)
	return h
}

// inside is what runs a command in the root, with an environment.
func (h *house) inside(env ...string) []string {
	return append([]string{"chroot", h.root, "env", "-i", "PATH=/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL=C"}, env...)
}

// verify asks certgraft in the root.
func (h *house) verify(t *testing.T, status int, host string, env ...string) verified {
	t.Helper()
	return verifyAs(t, h.inside(env...), "certgraft", status, fmt.Sprintf("postgres://%s:%d", host, h.port))
}

// psql reports what psql says that verifies the server.
func (h *house) psql(t *testing.T, host, settings string, env ...string) (said string, connects bool) {
	t.Helper()
	args := append(h.inside(env...), "psql", fmt.Sprintf("host=%s port=%d user=postgres dbname=postgres sslmode=verify-full %s", host, h.port, settings), "-Atc", "select 1")
	said, err := rig.Try(t, args[0], args[1:]...)
	return said, err == nil
}

func (h *house) openssl(t *testing.T, env ...string) (connects bool) {
	t.Helper()
	args := append(h.inside(env...), "openssl", "s_client", "-connect", fmt.Sprintf("127.0.0.1:%d", h.port), "-starttls", "postgres", "-verify_return_error", "-verify_hostname", "localhost")
	_, err := rig.Try(t, args[0], args[1:]...)
	return err == nil
}

const system = "sslrootcert=/etc/ssl/certs/ca-certificates.crt"

// A CA that a variable of libpq names makes psql connect, and nobody else.
func TestR1RealClients(t *testing.T) {
	h := newHouse(t)
	const corp = "PGSSLROOTCERT=/etc/corp.pem"
	v := h.verify(t, 5, "localhost", corp)
	if !slices.ContainsFunc(v.Caveats, func(line string) bool {
		return strings.HasPrefix(line, "only libpq") && strings.Contains(line, "/etc/corp.pem")
	}) {
		t.Errorf("%+v", v)
	}
	if said, connects := h.psql(t, "localhost", "", corp); !connects || h.openssl(t, corp) {
		t.Errorf("psql connects: %v, openssl: %v\n%s", connects, !connects, said)
	}
	h.verify(t, 0, "localhost", "SSL_CERT_FILE=/etc/corp.pem")
	if !h.openssl(t, "SSL_CERT_FILE=/etc/corp.pem") {
		t.Error("openssl does not read SSL_CERT_FILE")
	}
}

// A bundle to which someone glued a CA is lost to psql. The cure, as it is printed, gives
// both back.
func TestR2RealClients(t *testing.T) {
	h := newHouse(t)
	rig.Run(t, "sh", "-c", `cd "$0/etc/ssl/certs" && head -c -1 ca-certificates.crt >new && cat "$1" >>new && cat new >ca-certificates.crt && rm new`, h.root, h.corp.CAFile)
	said, connects := h.psql(t, "localhost", system)
	if connects || !strings.Contains(said, "bad end line") {
		t.Fatalf("psql reads the bundle: %s", said)
	}
	v := h.verify(t, 5, "localhost")
	if v.Verdict.Cause != "damaged-store" || !strings.Contains(v.Verdict.Text, "/etc/ssl/certs/ca-certificates.crt: line ") {
		t.Errorf("%+v", v.Verdict)
	}
	h.paste(t, v.Verdict.Cure)
	h.verify(t, 0, "localhost")
	if said, connects := h.psql(t, "localhost", system); !connects {
		t.Errorf("%s\n%s", v.Verdict.Cure, said)
	}
}

// paste runs a cure in the root.
func (h *house) paste(t *testing.T, cure string) {
	t.Helper()
	args := append(h.inside(), "sh", "-c", cure)
	rig.Run(t, args[0], args[1:]...)
}

// The CA lies where update-ca-certificates looks, under a name that it does not take. The
// cure makes psql connect.
func TestR16CAWaits(t *testing.T) {
	h := newHouse(t)
	rig.Run(t, "cp", h.corp.CAFile, filepath.Join(h.root, "usr/local/share/ca-certificates/corp.pem"))
	rig.Run(t, "chroot", h.root, "update-ca-certificates")
	v := h.verify(t, 5, "localhost")
	if !strings.Contains(v.Verdict.Text, "the CA waits in /usr/local/share/ca-certificates/corp.pem: update-ca-certificates takes only") {
		t.Errorf("%+v", v.Verdict)
	}
	h.paste(t, v.Verdict.Cure)
	h.verify(t, 0, "localhost")
	if said, connects := h.psql(t, "localhost", system); !connects {
		t.Errorf("%s\n%s", v.Verdict.Cure, said)
	}
	rig.Run(t, "chroot", h.root, "update-ca-certificates", "--fresh")
	h.verify(t, 0, "localhost")
}
