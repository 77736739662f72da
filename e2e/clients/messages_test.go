//go:build e2e

package clients

import (
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/certgraft/certgraft/e2e/rig"
	"github.com/certgraft/certgraft/internal/roottest"
)

// A provocation is a server with a fault, and programs that say something about it: what
// they print is in the tables of a section of docs/troubleshooting.md.
type provocation struct {
	section, server, programs string
	env                       []string
}

const (
	unknownCA   = "The CA is not known"
	notTold     = "The program was told of no CA"
	wrongName   = "The name is wrong"
	dates       = "It has expired"
	brokenRule  = "The chain breaks a rule"
	noTLS       = "There is no TLS"
	handshaking = "The handshake fails"
	badBundle   = "The bundle is missing, empty or damaged"
	libpqWants  = "What libpq wants"
	services    = "Databases, directories and brokers"
)

var provocations = []provocation{
	{section: unknownCA, server: "unknown", programs: "OpenSSL, curl, wget, git, GnuTLS, Go, Python, requests, Node, Java, Ruby, PHP, PHP curl, Erlang, Deno, cargo, apt, libpq"},
	{section: unknownCA, server: "unknown, whole chain", programs: "OpenSSL, curl, Python, requests, Ruby, Node"},
	{section: unknownCA, server: "unknown, with intermediate", programs: "OpenSSL, Node, wget"},
	{section: unknownCA, server: "intermediate-trusted", programs: "OpenSSL, Ruby, Node"},
	{section: unknownCA, server: "self-signed-unknown", programs: "OpenSSL, curl, Node"},
	{section: unknownCA, server: "self-signed", programs: "Erlang"},
	{section: notTold, server: "unknown", programs: "Elixir, pgjdbc, asyncpg"},
	{section: wrongName, server: "other name", programs: "OpenSSL, curl, wget, git, GnuTLS, Go, Python, Node, Java, Ruby, PHP, Erlang, Deno, libpq"},
	{section: wrongName, server: "ip-as-dns", programs: "OpenSSL, curl, Go, Python, Node, Java"},
	{section: wrongName, server: "cn-only", programs: "Go, Erlang"},
	{section: wrongName, server: "cn-only-wrong", programs: "Java"},
	{section: wrongName, server: "wildcard", programs: "Erlang"},
	{section: wrongName, server: "underscore", programs: "Java"},
	{section: dates, server: "expired", programs: "OpenSSL, curl, wget, git, GnuTLS, Go, Python, Node, Java, Ruby, Erlang"},
	{section: dates, server: "leaf-future", programs: "OpenSSL, curl, wget, GnuTLS, Go, Python, Node, Java, Ruby, Erlang, Deno"},
	{section: brokenRule, server: "dns-not-permitted", programs: "OpenSSL, curl, Python, Ruby, Node, GnuTLS, wget, Go, Java, Deno, Erlang"},
	{section: brokenRule, server: "client-purpose", programs: "OpenSSL, curl, Python, Ruby, Node, GnuTLS, Go, Java, Deno, Erlang"},
	{section: brokenRule, server: "leaf-critical-unknown", programs: "OpenSSL, curl, Python, Ruby, Node, GnuTLS, Go, Java, Deno, Erlang"},
	{section: brokenRule, server: "intermediate-no-ca", programs: "OpenSSL, curl, Python, Ruby, GnuTLS, wget, Deno, Erlang"},
	{section: brokenRule, server: "rsa-1024-leaf", programs: "OpenSSL, curl, Python, Ruby"},
	{section: brokenRule, server: "rsa-1024-root", programs: "OpenSSL, curl, Python, Ruby"},
	{section: brokenRule, server: "sha1-leaf", programs: "OpenSSL, curl, Python, Ruby, GnuTLS, wget, git, Go"},
	{section: brokenRule, server: "none", programs: "a server with OpenSSL 3.0"},
	{section: brokenRule, server: "leaf-no-aki", programs: "Python"},
	{section: brokenRule, server: "root-no-ski", programs: "Python"},
	{section: brokenRule, server: "root-constraints-not-critical", programs: "Python"},
	{section: brokenRule, server: "root-no-usage", programs: "Python"},
	{section: brokenRule, server: "leaf-ca", programs: "Deno"},
	{section: brokenRule, server: "leaf-version-1", programs: "Deno"},
	{section: noTLS, server: "no TLS", programs: "OpenSSL, curl, PHP, Ruby, Python, Node, wget, git, GnuTLS, Go, Java, Erlang, libpq"},
	{section: noTLS, server: "banner", programs: "Go"},
	{section: handshaking, server: "TLS 1.0", programs: "OpenSSL, curl, Python, Ruby, Node, Go, Java"},
	{section: handshaking, server: "ServerHello of TLS 1.0", programs: "OpenSSL, curl, Python, Ruby, Node, Go, Java"},
	{section: handshaking, server: "TLS 1.3", programs: "Java", env: []string{"OPTIONS=-Djdk.tls.client.protocols=TLSv1"}},
	{section: handshaking, server: "unknown name", programs: "OpenSSL, curl, Node"},
	{section: handshaking, server: "internal error", programs: "OpenSSL, curl, Node"},
	{section: handshaking, server: "client certificate", programs: "OpenSSL, curl"},
	{section: handshaking, server: "old ciphers", programs: "OpenSSL, OpenSSL before 3.2, curl, Java"},
	{section: handshaking, server: "client certificate in TLS 1.2", programs: "OpenSSL, OpenSSL before 3.2, curl"},
	{section: handshaking, server: "client certificate of its CA", programs: "curl", env: []string{"OPTIONS=--cert /opt/me.crt --key /opt/me.key"}},
	{section: badBundle, server: "trusted", programs: "curl", env: []string{"CURL_CA_BUNDLE=/opt/missing.pem"}},
	{section: badBundle, server: "trusted", programs: "git", env: []string{"GIT_SSL_CAINFO=/opt/missing.pem"}},
	{section: badBundle, server: "trusted", programs: "requests", env: []string{"REQUESTS_CA_BUNDLE=/opt/missing.pem"}},
	{section: badBundle, server: "trusted", programs: "Node", env: []string{"NODE_EXTRA_CA_CERTS=/opt/missing.pem"}},
	{section: badBundle, server: "trusted", programs: "Node", env: []string{"NODE_EXTRA_CA_CERTS=/opt/glued.pem"}},
	{section: badBundle, server: "trusted", programs: "requests", env: []string{"REQUESTS_CA_BUNDLE=/opt/empty.pem"}},
	{section: badBundle, server: "trusted", programs: "requests", env: []string{"REQUESTS_CA_BUNDLE=/opt/damaged.pem"}},
	{section: badBundle, server: "trusted", programs: "Java", env: []string{"OPTIONS=-Djavax.net.ssl.trustStore=/opt/empty.p12"}},
	{section: badBundle, server: "trusted", programs: "keytool"},
	{section: badBundle, server: "trusted", programs: "Erlang", env: []string{"ERL_AFLAGS=-public_key cacerts_path '\"/opt/missing.pem\"'"}},
	{section: badBundle, server: "trusted", programs: "Erlang without a bundle"},
	{section: badBundle, server: "trusted", programs: "libpq", env: []string{"MODE=sslmode=verify-full sslrootcert=/opt/missing.pem"}},
	{section: badBundle, server: "trusted", programs: "libpq", env: []string{"MODE=sslmode=verify-full sslrootcert=/opt/glued.pem"}},
	{section: badBundle, server: "trusted", programs: "Go", env: []string{"SSL_CERT_FILE=/opt/empty.pem", "SSL_CERT_DIR=/opt/missing"}},
	{section: libpqWants, server: "unknown", programs: "libpq, libpq before 16"},
	{section: libpqWants, server: "unknown", programs: "libpq", env: []string{"MODE=sslmode=verify-full"}},
	{section: libpqWants, server: "unknown", programs: "libpq", env: []string{"MODE=sslmode=require sslrootcert=system"}},
	{section: libpqWants, server: "other name", programs: "libpq"},
	{section: libpqWants, server: "no TLS", programs: "libpq"},
	{section: libpqWants, server: "client certificate of PostgreSQL", programs: "libpq"},
	{section: libpqWants, server: "rules of PostgreSQL", programs: "libpq"},
	{section: libpqWants, server: "rules of PostgreSQL", programs: "libpq", env: []string{"MODE=sslmode=disable"}},
	{section: services, server: "MariaDB", programs: "mariadb, mysql2"},
	{section: services, server: "slapd", programs: "ldapsearch, PHP's ldap"},
	{section: services, server: "unknown", programs: "redis-cli, mongodb"},
	{section: services, server: "Mosquitto", programs: "mosquitto_pub"},
	{section: services, server: "unknown, late", programs: "librdkafka"},
}

// messages has programs connect to servers with a fault, and compares what they print with
// docs/troubleshooting.md: each message that a table of it has is printed by a program
// that its row names, but for those that it marks.
func messages(t *testing.T, root string) {
	roots := speakerRoots(t, root)
	ca := roottest.NewCA(t, "Corp Root")
	servers := newFaults(t, ca, roots)
	servers.trusted(t)
	said := map[string]map[string]string{}                        // by section and program
	chosen := regexp.MustCompile(os.Getenv("CERTGRAFT_SECTIONS")) // for whoever adds a message
	for _, p := range provocations {
		if !chosen.MatchString(p.section) {
			continue
		}
		at := servers.at(t, p.server)
		for program := range strings.SplitSeq(p.programs, ", ") {
			i := slices.IndexFunc(speakers, func(s speaker) bool { return s.name == program })
			if i < 0 {
				t.Fatalf("%q is no speaker", program)
			}
			if said[p.section] == nil {
				said[p.section] = map[string]string{}
			}
			out := speakers[i].says(t, roots, append(p.env, "HOST="+at.host, fmt.Sprint("PORT=", at.port), fmt.Sprint("PG=", at.database))...)
			said[p.section][program] += "-- " + p.server + " " + strings.Join(p.env, " ") + "\n" + out
		}
	}
	if name := os.Getenv("CERTGRAFT_WORDS"); name != "" {
		rig.Write(t, name, fmt.Sprint(said))
	}
	page := rig.Read(t, rig.File("docs/troubleshooting.md"))
	for section, programs := range said {
		t.Run(section, func(t *testing.T) { compareSection(t, sectionOf(t, page, section), programs) })
	}
}

// sectionOf returns a section of a page.
func sectionOf(t *testing.T, page, title string) string {
	t.Helper()
	_, rest, ok := strings.Cut(page, "\n## "+title+"\n")
	if !ok {
		t.Fatalf("there is no section %q", title)
	}
	rest, _, _ = strings.Cut(rest, "\n## ")
	return rest
}

// compareSection looks for each message of the tables "program | prints" in what programs
// said. Programs that were asked, and of which the section has no row, are an error too.
func compareSection(t *testing.T, section string, said map[string]string) {
	unnamed, inTable := maps.Clone(said), false
	for line := range strings.Lines(section) {
		cells := strings.Split(strings.Trim(strings.TrimSpace(line), "|"), " | ")
		switch {
		case !strings.HasPrefix(line, "|"):
			inTable = false
		case strings.HasPrefix(line, "| program | prints"):
			inTable = true
		case inTable && len(cells) > 1 && !strings.HasPrefix(line, "| ---"):
			programs := programsOf(cells[0], said)
			for _, name := range programs {
				delete(unnamed, name)
			}
			if !strings.Contains(line, "(not run)") {
				compareRow(t, line, cells[1], programs, said)
			}
		}
	}
	for name := range unnamed {
		t.Errorf("no row is about %s", name)
	}
}

// programsOf returns those of a row that were run.
func programsOf(cell string, said map[string]string) (names []string) {
	for name := range strings.FieldsFuncSeq(cell, func(r rune) bool { return r == ',' || r == ';' }) {
		if name = strings.TrimSpace(name); said[name] != "" {
			names = append(names, name)
		}
	}
	return names
}

// compareRow has each message of a row be printed by a program, and each program print one.
func compareRow(t *testing.T, line, cell string, programs []string, said map[string]string) {
	t.Helper()
	if len(programs) == 0 {
		t.Errorf("nobody was asked who is in: %s", line)
	}
	shown := map[string]bool{}
	for _, q := range quoted.FindAllStringSubmatch(cell, -1) {
		text := q[1] + q[2]
		by := slices.DeleteFunc(slices.Clone(programs), func(name string) bool { return !messageOf(text).MatchString(said[name]) })
		for _, name := range by {
			shown[name] = true
		}
		if len(by) == 0 {
			t.Errorf("%s: nobody prints %s", programs, text)
		}
	}
	for _, name := range programs {
		if !shown[name] {
			t.Errorf("%s prints nothing of %s\n%s", name, cell, said[name])
		}
	}
}

var quoted = regexp.MustCompile("``([^`].*?)``|`([^`]+)`")

// messageOf matches a message. Words in capitals that stand for a name, and …, stand for anything,
// and a space for a line feed too.
func messageOf(text string) *regexp.Regexp {
	text = regexp.MustCompile(`\b(HOST|NAME|FILE)\b|…`).ReplaceAllString(regexp.QuoteMeta(text), ".*")
	return regexp.MustCompile(strings.ReplaceAll(text, " ", `\s+`))
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
