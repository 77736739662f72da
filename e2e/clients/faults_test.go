//go:build e2e

package clients

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"io"
	"maps"
	"net"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/certgraft/certgraft/e2e/rig"
	"github.com/certgraft/certgraft/internal/cases"
	"github.com/certgraft/certgraft/internal/roottest"
)

// faults are the servers with a fault that programs are shown: each has a name, and is
// made when it is asked for.
type faults struct {
	ca     *roottest.CA // that programs trust
	chains map[string]cases.Chain
	roots  map[string]string
	made   map[string]place
}

// place is where a program connects.
type place struct {
	host           string
	port, database int
}

// newFaults returns servers for programs that trust ca, and the CAs of the chains of
// internal/cases.
func newFaults(t *testing.T, ca *roottest.CA, roots map[string]string) *faults {
	t.Helper()
	f := &faults{ca: ca, chains: map[string]cases.Chain{}, roots: roots, made: map[string]place{}}
	for _, c := range cases.Chains(t, time.Now()) {
		f.chains[c.ID] = c
	}
	return f
}

// trusted puts CAs into the roots: that of servers with a good chain, and those of the
// chains that are about something else. Files with a fault are put beside them.
func (f *faults) trusted(t *testing.T) {
	t.Helper()
	all := f.ca.PEM()
	hosts := map[string]bool{}
	for _, c := range f.chains {
		hosts[c.Host] = true
		if c.ID != "self-signed-unknown" {
			all += pemOf(c.Trust)
		}
	}
	nameHosts(t, f.roots, slices.Sorted(maps.Keys(hosts)))
	file := rig.Write(t, filepath.Join(t.TempDir(), "all.pem"), all)
	for _, root := range f.roots {
		rig.Run(t, rig.Certgraft, "install", "--expired", "keep", "--root", root, file)
		in := func(name string) string { return filepath.Join(root, "opt", name) }
		rig.Write(t, in("empty.pem"), "")
		rig.Write(t, in("damaged.pem"), strings.Replace(f.ca.PEM(), "MII", "MI*", 1))
		rig.Write(t, in("glued.pem"), strings.TrimSpace(f.ca.PEM())+f.ca.PEM())
		rig.Run(t, "openssl", "pkcs12", "-export", "-nokeys", "-in", rig.Write(t, filepath.Join(t.TempDir(), "ca.pem"), f.ca.PEM()), "-out", in("empty.p12"), "-passout", "pass:other")
		me, mine := roottest.PEMs(t, roottest.NewCA(t, "My Root").Issue(t, "me"))
		rig.Write(t, in("me.crt"), me)
		rig.Write(t, in("me.key"), mine)
	}
}

// at returns the server of a name.
func (f *faults) at(t *testing.T, name string) place {
	t.Helper()
	if _, ok := f.made[name]; !ok {
		f.made[name] = f.make(t, name)
	}
	return f.made[name]
}

func (f *faults) make(t *testing.T, name string) place {
	t.Helper()
	if c, ok := f.chains[name]; ok {
		return place{c.Host, serveTLS(t, &tls.Config{Certificates: []tls.Certificate{{Certificate: c.Sent, PrivateKey: c.Key}}}), 0}
	}
	good := f.ca.Issue(t, "localhost")
	if config := handshakes(good)[name]; config != nil {
		return place{"localhost", serveTLS(t, config), 0}
	}
	here := issued(t, good, "")
	here.CAFile = rig.Write(t, filepath.Join(t.TempDir(), "ca.pem"), f.ca.PEM())
	stranger := rig.NewAuthority(t, "Nobody's Root")
	switch name {
	case "trusted":
		return place{"localhost", manyServices(t, here), rig.Postgres(t, here)}
	case "unknown":
		return place{"localhost", manyServices(t, stranger), rig.Postgres(t, stranger)}
	case "unknown, late":
		other := roottest.NewCA(t, "Nobody's Root").Issue(t, "localhost")
		return place{"localhost", serveConnections(t, func(conn net.Conn) {
			time.Sleep(300 * time.Millisecond) // librdkafka has another message where the answer is there at once
			_ = tls.Server(conn, &tls.Config{Certificates: []tls.Certificate{other}}).Handshake()
		}), 0}
	case "unknown, whole chain":
		other := roottest.NewCA(t, "Nobody's Root")
		cert := other.Issue(t, "localhost")
		cert.Certificate = append(cert.Certificate, other.DER)
		return place{"localhost", serveTLS(t, &tls.Config{Certificates: []tls.Certificate{cert}}), 0}
	case "unknown, with intermediate":
		other := roottest.NewCA(t, "Nobody's Root").Intermediate(t, "Nobody's Intermediate")
		cert := other.Issue(t, "localhost")
		cert.Certificate = append(cert.Certificate, other.DER)
		return place{"localhost", serveTLS(t, &tls.Config{Certificates: []tls.Certificate{cert}}), 0}
	case "expired":
		return place{"localhost", rig.TLSServer(t, issued(t, expired(t, f.ca), here.CAFile)), 0}
	case "other name":
		other := issued(t, f.ca.Issue(t, "db.example.com"), here.CAFile)
		return place{"localhost", rig.TLSServer(t, other), rig.Postgres(t, other)}
	case "no TLS":
		return place{"localhost", plainServer(t), rig.Postgres(t, here, "ssl=off")}
	case "banner":
		return place{"localhost", serveConnections(t, func(conn net.Conn) { _, _ = io.WriteString(conn, "220 mail.example.com\r\n") }), 0}
	case "ServerHello of TLS 1.0":
		return place{"localhost", oldServer(t), 0}
	case "client certificate of PostgreSQL":
		rules := rig.Write(t, filepath.Join(t.TempDir(), "hba"), "hostssl all all all trust clientcert=verify-ca\n")
		return place{"localhost", 0, rig.Postgres(t, here, "ssl_ca_file=root.crt", "hba_file="+rules)}
	case "rules of PostgreSQL":
		rules := rig.Write(t, filepath.Join(t.TempDir(), "hba"), "hostssl all me all trust\n")
		return place{"localhost", 0, rig.Postgres(t, here, "hba_file="+rules)}
	case "MariaDB":
		return place{"localhost", f.mariaDB(t, stranger), 0}
	case "Mosquitto":
		return place{"localhost", f.mosquitto(t, stranger), 0}
	case "slapd":
		return place{"localhost", f.slapd(t, stranger), 0}
	case "none":
		return place{host: "localhost"}
	}
	t.Fatalf("no server is named %q", name)
	return place{}
}

// handshakes are servers whose certificate is as it should be.
func handshakes(good tls.Certificate) map[string]*tls.Config {
	certs := []tls.Certificate{good}
	return map[string]*tls.Config{
		"TLS 1.0":                       {Certificates: certs, MinVersion: tls.VersionTLS10, MaxVersion: tls.VersionTLS10}, //nolint:gosec // it is the fault
		"TLS 1.3":                       {Certificates: certs, MinVersion: tls.VersionTLS13},
		"old ciphers":                   {Certificates: certs, MaxVersion: tls.VersionTLS12, CipherSuites: []uint16{tls.TLS_RSA_WITH_RC4_128_SHA}}, //nolint:gosec // it is the fault
		"unknown name":                  {},
		"internal error":                {GetCertificate: func(*tls.ClientHelloInfo) (*tls.Certificate, error) { return nil, errors.New("none") }},
		"client certificate":            {Certificates: certs, ClientAuth: tls.RequireAnyClientCert},
		"client certificate in TLS 1.2": {Certificates: certs, ClientAuth: tls.RequireAnyClientCert, MaxVersion: tls.VersionTLS12},
		"client certificate of its CA":  {Certificates: certs, ClientAuth: tls.RequireAndVerifyClientCert, ClientCAs: x509.NewCertPool()},
	}
}

// serveTLS makes handshakes on loopback until the test ends, answers one line, and returns
// its port.
func serveTLS(t *testing.T, config *tls.Config) int {
	t.Helper()
	return serveConnections(t, func(conn net.Conn) {
		secured := tls.Server(conn, config)
		if secured.Handshake() == nil {
			_, _ = secured.Read(make([]byte, 4096))
			_, _ = io.WriteString(secured, "HTTP/1.0 200 OK\r\n\r\nhello\n")
			_ = secured.Close()
		}
	})
}

// serveConnections gives each connection to a function.
func serveConnections(t *testing.T, answer func(net.Conn)) int {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = listener.Close() })
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			go func() {
				defer conn.Close()
				_ = conn.SetDeadline(time.Now().Add(20 * time.Second))
				answer(conn)
			}()
		}
	}()
	return listener.Addr().(*net.TCPAddr).Port
}

// oldServer answers every ClientHello with a ServerHello of TLS 1.0, as servers do
// that know nothing newer (RFC 2246, section 7.4.1.3).
func oldServer(t *testing.T) int {
	t.Helper()
	hello := append([]byte{0x16, 3, 1, 0, 42, 2, 0, 0, 38, 3, 1}, make([]byte, 32)...)
	hello = append(hello, 0, 0, 0x2f, 0)
	return serveConnections(t, func(conn net.Conn) {
		_, _ = conn.Read(make([]byte, 4096))
		_, _ = conn.Write(hello)
		_, _ = io.Copy(io.Discard, conn)
	})
}

// daemon runs a server of the root of the other speakers.
func (f *faults) daemon(t *testing.T, port int, args ...string) int {
	t.Helper()
	rig.Background(t, exec.Command("chroot", append([]string{f.roots[withOthers], "env", "-i", "PATH=/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL=C"}, args...)...), rig.Listens(port))
	return port
}

// certificate puts that of a server where daemons read it.
func (f *faults) certificate(t *testing.T, a rig.Authority) {
	t.Helper()
	for name, file := range map[string]string{"cert.pem": a.CertFile, "key.pem": a.KeyFile} {
		rig.Write(t, filepath.Join(f.roots[withOthers], "srv/t", name), rig.Read(t, file))
	}
}

func (f *faults) mariaDB(t *testing.T, a rig.Authority) int {
	t.Helper()
	f.certificate(t, a)
	port := rig.FreePort(t)
	rig.Chroot(t, f.roots[withOthers], "mariadb-install-db", "--no-defaults", "--user=root", "--datadir=/srv/t/db", "--auth-root-authentication-method=normal", "--skip-test-db")
	return f.daemon(t, port, "mariadbd", "--no-defaults", "--user=root", "--datadir=/srv/t/db", "--bind-address=127.0.0.1", "--port="+strconv.Itoa(port), "--socket=/srv/t/my.sock",
		"--pid-file=/srv/t/my.pid", "--ssl-cert=/srv/t/cert.pem", "--ssl-key=/srv/t/key.pem")
}

func (f *faults) mosquitto(t *testing.T, a rig.Authority) int {
	t.Helper()
	f.certificate(t, a)
	port := rig.FreePort(t)
	rig.Write(t, filepath.Join(f.roots[withOthers], "srv/t/mosquitto.conf"), "user root\nallow_anonymous true\nlistener "+strconv.Itoa(port)+" 127.0.0.1\ncertfile /srv/t/cert.pem\nkeyfile /srv/t/key.pem\n")
	return f.daemon(t, port, "mosquitto", "-c", "/srv/t/mosquitto.conf")
}

func (f *faults) slapd(t *testing.T, a rig.Authority) int {
	t.Helper()
	f.certificate(t, a)
	port := rig.FreePort(t)
	rig.Write(t, filepath.Join(f.roots[withOthers], "srv/t/slapd.conf"), strings.Join([]string{
		"include /etc/ldap/schema/core.schema", "modulepath /usr/lib/ldap", "moduleload back_mdb", "pidfile /srv/t/slapd.pid",
		"TLSCertificateFile /srv/t/cert.pem", "TLSCertificateKeyFile /srv/t/key.pem", "database mdb", "suffix dc=test", "directory /srv/t/ldap", "",
	}, "\n"))
	rig.Run(t, "mkdir", "-p", filepath.Join(f.roots[withOthers], "srv/t/ldap"))
	return f.daemon(t, port, "slapd", "-d", "0", "-h", "ldap://127.0.0.1:"+strconv.Itoa(port)+"/", "-f", "/srv/t/slapd.conf")
}

// pemOf is a chain as a file has it.
func pemOf(ders [][]byte) (text string) {
	for _, der := range ders {
		text += string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}))
	}
	return text
}
