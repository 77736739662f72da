//go:build e2e

package clients

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/certgraft/certgraft/e2e/rig"
)

// recipe is a program of docs/recipes.md, by the language of its block, that
// asks a PostgreSQL server to say hello.
type recipe struct {
	language string
	file     string   // below /opt/recipes
	command  string   // for sh, in that directory
	refused  string   // what it says of a server whose CA it does not know
	env      []string // that the page says to set
}

// epgsql is as much of that library as shows what its options do: TLS is asked
// for, and begins with them. It says what the server would.
const epgsql = `-module(epgsql).
-export([connect/1]).
connect(#{host := Host, ssl := required, ssl_opts := Options}) ->
    {ok, Socket} = gen_tcp:connect(Host, list_to_integer(os:getenv("PG")), [binary, {active, false}]),
    ok = gen_tcp:send(Socket, <<8:32, 80877103:32>>),
    {ok, <<"S">>} = gen_tcp:recv(Socket, 1),
    case ssl:connect(Socket, Options, 9000) of
        {ok, _} -> io:format("hello~n"), {ok, connected};
        Error -> io:format("~p~n", [Error]), Error
    end.
`

var recipes = []recipe{
	{language: "go", file: "hello.go", command: "./hello", refused: "certificate signed by unknown authority"},
	{language: "js", file: "hello.js", command: "node hello.js", refused: "unable to verify the first certificate|unable to get local issuer", env: []string{"NODE_EXTRA_CA_CERTS=/etc/ssl/certs/ca-certificates.crt"}},
	{language: "python", file: "hello.py", command: "python3 hello.py", refused: "certificate verify failed"},
	{language: "java", file: "Hello.java", command: "java -cp /usr/share/java/postgresql.jar Hello.java", refused: "PKIX path building failed"},
	{language: "ruby", file: "hello.rb", command: "ruby hello.rb", refused: "certificate verify failed"},
	{language: "php", file: "hello.php", command: "php hello.php", refused: "certificate verify failed"},
	{language: "erlang", file: "hello.erl.txt", command: `erlc epgsql.erl && erl -noshell -pa . -eval "application:ensure_all_started(ssl), $(sed '$ s,[.]$,\,,' hello.erl.txt) halt()." 2>&1`, refused: "unknown_ca"},
}

// recipePackages are Debian's packages that the programs need.
var recipePackages = []string{
	"ca-certificates", "openssl", "ca-certificates-java", "openjdk-21-jdk-headless", "libpostgresql-jdbc-java", "ruby-pg", "python3-psycopg", "php-cli", "php-pgsql",
	"nodejs", "erlang-base", "erlang-ssl", "curl", "wget", "git", "gnutls-bin", "python3-requests", "php-curl", "cargo", "postgresql-client",
}

// The programs on the pages of the documentation do what the pages say: those of
// docs/recipes.md connect after install, and what is in docs/troubleshooting.md
// is what programs print.
func TestDocumentedPrograms(t *testing.T) {
	rig.Slow(t)
	root := rig.Unpack(t, rig.Tarball(t, "trixie", "recipes", recipePackages...))
	rig.Write(t, filepath.Join(root, "etc/hosts"), "127.0.0.1 localhost\n")
	rig.Run(t, "mount", "-t", "proc", "proc", filepath.Join(root, "proc"))
	t.Cleanup(func() { rig.Run(t, "umount", filepath.Join(root, "proc")) })
	t.Run("troubleshooting", func(t *testing.T) { messages(t, root) })
	t.Run("recipes", func(t *testing.T) { tryRecipes(t, root) })
}

// tryRecipes runs each program of docs/recipes.md, as the page has it but for the
// server's name: it refuses a server before install, and connects after it.
func tryRecipes(t *testing.T, root string) {
	corp := rig.NewAuthority(t, "Corp Root")
	port := rig.Postgres(t, corp)
	dir := filepath.Join(root, "opt/recipes")
	rig.Write(t, filepath.Join(dir, "epgsql.erl"), epgsql)
	page := rig.Read(t, rig.File("docs/recipes.md"))
	for _, r := range recipes {
		rig.Write(t, filepath.Join(dir, r.file), onServer(program(t, page, r.language), port))
	}
	buildRecipe(t, dir)
	rig.Run(t, "npm", "install", "--silent", "--cafile", "/etc/ssl/certs/ca-certificates.crt", "--prefix", dir, "pg@8")

	all := func(state string, want bool) {
		for _, r := range recipes {
			t.Run(state+"/"+r.language, func(t *testing.T) {
				c := client{name: r.language, command: "cd /opt/recipes && " + r.command, refused: r.refused, env: r.env}
				if got := c.trusts(t, root, clientServers{postgres: port}, nil); got != want {
					t.Errorf("it connects: %v", got)
				}
			})
		}
	}
	all("before", false)
	tryRemarks(t, root, corp, port)
	rig.Run(t, rig.Certgraft, "install", "--root", root, corp.CAFile)
	all("install", true)
}

// nodeClient is a program for node-postgres with an option of the server.
func nodeClient(url, options string) string {
	return `cd /opt/recipes && node -e '
const ca = require("fs").readFileSync("/opt/corp.pem", "utf8");
const { Client } = require("pg");
const db = new Client({ connectionString: "postgres://postgres@localhost:" + process.env.PG + "/postgres` + url + `", ` + options + ` });
db.connect().then(() => db.query("select 1")).then(() => { console.log("hello"); return db.end() }).catch(e => { console.error(e.message); process.exit(1) })'`
}

// remarks are what docs/recipes.md says of options, beside its programs.
var remarks = []client{
	{name: "node-postgres with ssl.ca", command: nodeClient("", "ssl: { ca }")},
	{name: "node-postgres with ssl.ca and sslmode", command: nodeClient("?sslmode=verify-full", "ssl: { ca }"), refused: "unable to verify the first certificate|unable to get local issuer"},
	{name: "node-postgres with sslrootcert=system", command: nodeClient("?sslmode=verify-full&sslrootcert=system", ""), refused: "no such file or directory, open .system"},
	{name: "pgjdbc with sslrootcert=system", command: `echo 'public class D { public static void main(String[] a) throws Exception { java.sql.DriverManager.getConnection(a[0]); System.out.println("hello"); } }' >/tmp/D.java
java -cp /usr/share/java/postgresql.jar /tmp/D.java "jdbc:postgresql://localhost:$PG/postgres?user=postgres&sslmode=verify-full&sslrootcert=system"`, refused: "Could not open SSL root certificate file system"},
	{name: "psql under run", command: `certgraft run /opt/corp.pem -- psql "host=localhost port=$PG user=postgres dbname=postgres sslmode=verify-full sslrootcert=system" -Atc "select 'hello'"`},
	{name: "psql that names a file, under run", command: `certgraft run /opt/corp.pem -- psql "host=localhost port=$PG user=postgres dbname=postgres sslmode=verify-full sslrootcert=/etc/ssl/certs/ca-certificates.crt" -Atc "select 'hello'"`, refused: "certificate verify failed"},
	{name: "psql that names the bundle of run", command: `certgraft run /opt/corp.pem -- sh -c 'psql "host=localhost port=$PG user=postgres dbname=postgres sslmode=verify-full sslrootcert=$CERTGRAFT_BUNDLE" -Atc "select '"'hello'"'"'`},
	{name: "curl under run", command: `certgraft run /opt/corp.pem -- curl -sS https://localhost:$PORT/`},
	{name: "curl --cacert under run", command: `certgraft run /opt/corp.pem -- curl -sS --cacert /etc/ssl/certs/ca-certificates.crt https://localhost:$PORT/`, refused: "SSL certificate problem"},
	{name: "curl --capath under run", command: `certgraft run /opt/corp.pem -- curl -sS --cacert /dev/null --capath /etc/ssl/certs https://localhost:$PORT/`, refused: "SSL certificate problem|error setting certificate"},
}

// tryRemarks runs what the page says of options, in a root that does not know the CA.
func tryRemarks(t *testing.T, root string, corp rig.Authority, port int) {
	t.Helper()
	rig.Write(t, filepath.Join(root, "opt/corp.pem"), rig.Read(t, corp.CAFile))
	rig.Run(t, "cp", rig.Certgraft, filepath.Join(root, "usr/local/bin/certgraft"))
	servers := clientServers{manyServices(t, corp), port}
	for _, c := range remarks {
		t.Run(c.name, func(t *testing.T) {
			want := c.refused == ""
			if want {
				c.refused = "."
			}
			if got := c.trusts(t, root, servers, nil); got != want {
				t.Errorf("it connects: %v", got)
			}
		})
	}
}

// program returns the block of a page in that language.
func program(t *testing.T, page, language string) string {
	t.Helper()
	_, rest, ok := strings.Cut(page, "\n```"+language+"\n")
	text, _, ended := strings.Cut(rest, "\n```")
	if !ok || !ended {
		t.Fatalf("the page has no program in %s", language)
	}
	return text + "\n"
}

// onServer has a program ask the server that there is.
func onServer(text string, port int) string {
	return strings.NewReplacer(
		"app@db.example.com/app", fmt.Sprintf("postgres@localhost:%d/postgres", port),
		"//db.example.com/app?user=app", fmt.Sprintf("//localhost:%d/postgres?user=postgres", port),
		"host=db.example.com user=app dbname=app", fmt.Sprintf("host=localhost port=%d user=postgres dbname=postgres", port),
		"host=db.example.com;user=app;dbname=app", fmt.Sprintf("host=localhost;port=%d;user=postgres;dbname=postgres", port),
		"host: 'db.example.com', user: 'app', database: 'app'", fmt.Sprintf("host: 'localhost', port: %d, user: 'postgres', database: 'postgres'", port),
		"host: 'db.example.com', user: 'app', dbname: 'app'", fmt.Sprintf("host: 'localhost', port: %d, user: 'postgres', dbname: 'postgres'", port),
		`"db.example.com"`, `"localhost"`,
	).Replace(text)
}

// buildRecipe builds the program in Go, in a module of its own.
func buildRecipe(t *testing.T, dir string) {
	t.Helper()
	module := t.TempDir()
	rig.Run(t, "cp", filepath.Join(dir, "hello.go"), module)
	script := `cd "$1" && go mod init hello && go get github.com/jackc/pgx/v5@v5.7.6 && CGO_ENABLED=0 go build -trimpath -o "$2/hello" .`
	if out, err := rig.Try(t, "env", "GOFLAGS=", "sh", "-c", script, "sh", module, dir); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	if _, err := os.Stat(filepath.Join(dir, "hello")); err != nil {
		t.Fatal(err)
	}
}
