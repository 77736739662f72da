//go:build e2e

package clients

import (
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"io"
	"net"
	"net/http"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/certgraft/certgraft/e2e/rig"
	"github.com/certgraft/certgraft/internal/roottest"
)

// speakers are programs whose messages docs/troubleshooting.md has, by the name
// that they have there. Their commands connect to localhost:$PORT, or $PG.
var speakers = []struct{ name, command string }{
	{"OpenSSL", `openssl s_client -brief -verify_return_error -verify_hostname localhost -connect localhost:$PORT </dev/null`},
	{"curl", `curl -sS https://localhost:$PORT/`},
	{"wget", `wget -nv -O- https://localhost:$PORT/`},
	{"git", `git ls-remote https://localhost:$PORT/repo.git`},
	{"GnuTLS", `gnutls-cli --port $PORT localhost </dev/null`},
	{"Go", `/opt/client https://localhost:$PORT/`},
	{"Python", `python3 -c 'import os, urllib.request as r; r.urlopen("https://localhost:"+os.environ["PORT"])'`},
	{"Node", `node -e 'fetch("https://localhost:"+process.env.PORT).catch(e => console.log(e.cause.code, e.cause.message))'`},
	{"Java", `java /opt/Client.java https://localhost:$PORT/`},
	{"Ruby", `ruby -ropen-uri -e 'URI.open("https://localhost:"+ENV["PORT"])'`},
	{"PHP", `php -r 'file_get_contents("https://localhost:".getenv("PORT"));'`},
	{"Erlang", `erl -noshell -eval 'application:ensure_all_started(ssl), io:format("~p~n", [ssl:connect("localhost", list_to_integer(os:getenv("PORT")), [{verify,verify_peer},{cacerts,public_key:cacerts_get()}], 9000)]), halt().'`},
	{"libpq", `psql "host=localhost port=$PG user=postgres dbname=postgres sslmode=verify-full sslrootcert=system" -c 'select 1'`},
}

// messages makes every kind of server that a section is about, and compares what
// programs print with what the section says.
func messages(t *testing.T, root string) {
	rig.BuildClient(t, filepath.Join(root, "opt/client"))
	rig.Write(t, filepath.Join(root, "opt/Client.java"), `public class Client { public static void main(String[] a) throws Exception { java.net.URI.create(a[0]).toURL().openStream(); } }`)
	ca := roottest.NewCA(t, "Corp Root")
	caFile := rig.Write(t, filepath.Join(t.TempDir(), "corp.pem"), ca.PEM())
	good, other := issued(t, ca.Issue(t, "localhost"), caFile), issued(t, ca.Issue(t, "db.example.com"), caFile)
	page := rig.Read(t, rig.File("docs/troubleshooting.md"))

	checkMessages(t, root, page, "The CA is not known", rig.TLSServer(t, good), rig.Postgres(t, good))
	rig.Run(t, rig.Certgraft, "install", "--root", root, caFile)
	defer rig.Run(t, rig.Certgraft, "remove", "--root", root, "--all")
	checkMessages(t, root, page, "The name is wrong", rig.TLSServer(t, other), rig.Postgres(t, other))
	checkMessages(t, root, page, "It has expired", rig.TLSServer(t, issued(t, expired(t, ca), caFile)), 0)
	checkMessages(t, root, page, "There is no TLS", plainServer(t), rig.Postgres(t, good, "ssl=off"))
}

// checkMessages compares what programs print when they connect with the messages in
// the first table of a section.
func checkMessages(t *testing.T, root, page, title string, https, database int) {
	t.Helper()
	_, rest, ok := strings.Cut(page, "\n## "+title+"\n")
	rest, _, _ = strings.Cut(rest, "\n## ")
	if !ok {
		t.Fatalf("there is no section %q", title)
	}
	compared := 0
	for _, s := range speakers {
		said := messagesOf(rest, s.name)
		if len(said) == 0 || database == 0 && s.name == "libpq" {
			continue
		}
		compared++
		t.Run(title+"/"+s.name, func(t *testing.T) {
			out, _ := rig.Try(t, "chroot", root, "env", "-i", "PATH=/usr/bin:/bin", "LC_ALL=C", "HOME=/root", fmt.Sprint("PORT=", https), fmt.Sprint("PG=", database), "sh", "-c", s.command)
			for _, m := range said {
				if m.MatchString(out) {
					return
				}
			}
			t.Errorf("it prints none of %q, but\n%s", said, out)
		})
	}
	if compared < 8 {
		t.Errorf("%s: only %d programs are compared", title, compared)
	}
}

var quoted = regexp.MustCompile("``([^`].*?)``|`([^`]+)`")

// messagesOf returns what the rows for a program say that it prints. Words in
// capitals that stand for a name, and …, stand for anything.
func messagesOf(section, program string) (found []*regexp.Regexp) {
	for line := range strings.Lines(section) {
		cells := strings.Split(line, " | ")
		if len(cells) < 2 || strings.Contains(line, "(not run)") {
			continue
		}
		for name := range strings.FieldsFuncSeq(strings.TrimPrefix(cells[0], "| "), func(r rune) bool { return r == ',' || r == ';' }) {
			if strings.TrimSpace(name) != program {
				continue
			}
			for _, q := range quoted.FindAllStringSubmatch(cells[1], -1) {
				text := regexp.QuoteMeta(q[1] + q[2])
				found = append(found, regexp.MustCompile(regexp.MustCompile(`\b(HOST|NAME|FILE)\b|…`).ReplaceAllString(text, ".*")))
			}
		}
	}
	return found
}

// issued writes a certificate as the servers want it.
func issued(t *testing.T, cert tls.Certificate, caFile string) rig.Authority {
	t.Helper()
	dir := t.TempDir()
	chain, key := roottest.PEMs(t, cert)
	return rig.Authority{CAFile: caFile, CertFile: rig.Write(t, filepath.Join(dir, "server.crt"), chain), KeyFile: rig.Write(t, filepath.Join(dir, "server.key"), key)}
}

// expired is a certificate for localhost of the year 2020.
func expired(t *testing.T, ca *roottest.CA) tls.Certificate {
	t.Helper()
	cert := ca.Issue(t, "localhost")
	block, _ := pem.Decode([]byte(ca.KeyPEM(t)))
	key, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	if err != nil {
		t.Fatal(err)
	}
	template := *cert.Leaf
	template.NotBefore = time.Date(2020, 1, 1, 0, 0, 0, 0, time.UTC)
	template.NotAfter = template.NotBefore.AddDate(1, 0, 0)
	der, err := x509.CreateCertificate(rand.Reader, &template, ca.Cert, template.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	cert.Certificate[0] = der
	return cert
}

// plainServer is a web server without TLS.
func plainServer(t *testing.T) int {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	// It answers a handshake as many do, with a page that says it is none.
	handler := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "hello") })
	server := &http.Server{Handler: handler, ReadHeaderTimeout: 10 * time.Second}
	go func() { _ = server.Serve(listener) }()
	t.Cleanup(func() { _ = server.Close() })
	return listener.Addr().(*net.TCPAddr).Port
}
