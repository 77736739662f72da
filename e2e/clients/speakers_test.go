//go:build e2e

package clients

import (
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"github.com/certgraft/certgraft/e2e/rig"
)

// A speaker is a program whose messages docs/troubleshooting.md has, by the name that
// it has there. Its command connects to $HOST and $PORT, or to PostgreSQL at $PG.
type speaker struct{ name, where, command string }

// Where speakers are: in the root of the recipes, in that of the others, or on this
// machine, whose Debian is a release older.
const (
	withRecipes = "recipes"
	withOthers  = "speakers"
	onMachine   = ""
)

const database = `host=localhost port=$PG user=postgres dbname=postgres`

var speakers = []speaker{
	{"OpenSSL", withRecipes, `case $HOST in *[!0-9.]*) check=-verify_hostname ;; *) check=-verify_ip ;; esac; (sleep 1; echo) | openssl s_client -brief -verify_return_error $check $HOST -connect $HOST:$PORT $OPTIONS
echo | openssl s_client $check $HOST -connect $HOST:$PORT | grep 'return code'`},
	{"OpenSSL before 3.2", onMachine, `(sleep 1; echo) | openssl s_client -brief -connect $HOST:$PORT $OPTIONS`},
	{"a server with OpenSSL 3.0", onMachine, `cd $(mktemp -d) && openssl req -x509 -newkey rsa:2048 -nodes -keyout ca.key -out ca.pem -subj /CN=ca && openssl req -newkey rsa:2048 -nodes -keyout key -out csr -subj /CN=server &&
openssl x509 -req -sha1 -in csr -CA ca.pem -CAkey ca.key -out cert && timeout 2 openssl s_server -accept 127.0.0.1:0 -cert cert -key key; rm -r $(pwd)`},
	{"curl", withRecipes, `curl -sS $OPTIONS https://$HOST:$PORT/`},
	{"wget", withRecipes, `wget -nv -O- https://$HOST:$PORT/`},
	{"git", withRecipes, `git ls-remote https://$HOST:$PORT/repo.git`},
	{"GnuTLS", withRecipes, `gnutls-cli --port $PORT $HOST </dev/null`},
	{"Go", withRecipes, `/opt/client https://$HOST:$PORT/`},
	{"Python", withRecipes, `python3 -c 'import os, urllib.request as r; r.urlopen("https://"+os.environ["HOST"]+":"+os.environ["PORT"])'`},
	{"requests", withRecipes, `python3 -c 'import os, requests as r; r.get("https://"+os.environ["HOST"]+":"+os.environ["PORT"])'`},
	{"Node", withRecipes, `node -e '
fetch("https://"+process.env.HOST+":"+process.env.PORT).catch(e => console.log(e.cause.code, e.cause.message));
require("https").get("https://"+process.env.HOST+":"+process.env.PORT).on("error", e => console.log(e.code, e.message))'`},
	{"Java", withRecipes, `java $OPTIONS /opt/Client.java https://$HOST:$PORT/`},
	{"keytool", withRecipes, `keytool -importcert -file /opt/damaged.pem -keystore /tmp/store -storepass changeit -noprompt; keytool -printcert -file /opt/damaged.pem`},
	{"Ruby", withRecipes, `ruby -ropen-uri -e 'URI.open("https://"+ENV["HOST"]+":"+ENV["PORT"])'`},
	{"PHP", withRecipes, `php -r 'file_get_contents("https://".getenv("HOST").":".getenv("PORT"));'`},
	{"PHP curl", withRecipes, `php -r '$c = curl_init("https://".getenv("HOST").":".getenv("PORT")); curl_exec($c); echo curl_error($c);'`},
	{"Erlang", withRecipes, `erl -noshell -eval 'application:ensure_all_started(ssl), io:format("~p~n", [ssl:connect(os:getenv("HOST"), list_to_integer(os:getenv("PORT")), [{verify,verify_peer},{cacerts,public_key:cacerts_get()}], 9000)]), halt().'`},
	{"Erlang without a bundle", withRecipes, `mv /etc/ssl/certs /etc/ssl/away; erl -noshell -eval 'io:format("~p~n", [catch public_key:cacerts_get()]), halt().'; mv /etc/ssl/away /etc/ssl/certs`},
	{"Deno", withRecipes, `DENO_TLS_CA_STORE=system /opt/deno/bin/deno eval 'import process from "node:process"; try { await fetch("https://"+process.env.HOST+":"+process.env.PORT) } catch (e) { console.log(e.message, e.cause?.message) }'`},
	{"cargo", withRecipes, `cargo search --index sparse+https://$HOST:$PORT/ x`},
	{"apt", withRecipes, `mkdir -p /tmp/lists/partial && echo deb [trusted=yes] https://$HOST:$PORT/apt ./ >/tmp/apt.list && apt-get update -o Dir::Etc::sourcelist=/tmp/apt.list -o Dir::Etc::sourceparts=- -o Dir::State::lists=/tmp/lists -o Dir::Cache=/tmp/cache`},
	{"libpq", withRecipes, `psql "` + database + ` ${MODE:-sslmode=verify-full sslrootcert=system}" -c "select 1"`},
	{"libpq before 16", onMachine, `psql "` + database + ` sslmode=verify-full sslrootcert=system" -c "select 1"`},
	{"pgjdbc", withRecipes, `java -cp /usr/share/java/postgresql.jar /opt/Database.java "jdbc:postgresql://localhost:$PG/postgres?user=postgres&sslmode=verify-full"`},
	{"asyncpg", withOthers, `python3 -c 'import asyncio, asyncpg, os; asyncio.run(asyncpg.connect("postgresql://postgres@localhost:"+os.environ["PG"]+"/postgres?sslmode=verify-full"))'`},
	{"Elixir", withOthers, `elixir -e 'e = :ssl.connect(to_charlist(System.get_env("HOST")), String.to_integer(System.get_env("PORT")), [verify: :verify_peer]); IO.inspect(e); IO.puts(:ssl.format_error(elem(e, 1)))'`},
	{"mariadb", withOthers, `mariadb -h localhost --protocol=tcp -P $PORT -u root --ssl-ca=/etc/ssl/certs/ca-certificates.crt -e "select 1"`},
	{"mysql2", withOthers, `NODE_PATH=/opt/npm/node_modules node -e 'require("mysql2").createConnection({host: "localhost", port: process.env.PORT, user: "root", ssl: {}}).connect(e => { console.log(e.code, e.message); process.exit() })'`},
	{"redis-cli", withOthers, `redis-cli --tls -h localhost -p $PORT ping`},
	{"ldapsearch", withOthers, `ldapsearch -x -ZZ -H ldap://localhost:$PORT -b ""; ldapsearch -x -H ldaps://localhost:$PORT -b ""`},
	{"PHP's ldap", withOthers, `php -r '$l = ldap_connect("ldap://localhost:".getenv("PORT")); ldap_set_option($l, LDAP_OPT_PROTOCOL_VERSION, 3); ldap_start_tls($l);'`},
	{"mosquitto_pub", withOthers, `for try in 1 2 3 4 5; do for option in "--cafile /etc/ssl/certs/ca-certificates.crt" "--capath /etc/ssl/certs" --tls-use-os-certs; do mosquitto_pub -h localhost -p $PORT $option -t t -m m; done; done`},
	{"librdkafka", withOthers, `timeout 5 kcat -b localhost:$PORT -X security.protocol=ssl -L`},
	{"mongodb", withOthers, `NODE_PATH=/opt/npm/node_modules node -e 'new (require("mongodb").MongoClient)("mongodb://localhost:"+process.env.PORT+"/?tls=true", {serverSelectionTimeoutMS: 2000}).connect().catch(e => { console.log(e.name, e.message); process.exit() })'`},
}

// says returns what a program prints when it connects.
func (s speaker) says(t *testing.T, roots map[string]string, env ...string) string {
	t.Helper()
	line := append([]string{"env", "-i", "PATH=/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL=C", "HOME=/root"}, env...)
	line = append(line, "sh", "-c", s.command)
	if s.where != onMachine {
		line = append([]string{"chroot", roots[s.where]}, line...)
	}
	out, _ := rig.Try(t, line[0], line[1:]...)
	return out
}

// speakerRoots returns the roots of the speakers, beside one that has the recipes.
func speakerRoots(t *testing.T, recipes string) map[string]string {
	t.Helper()
	roots := map[string]string{withRecipes: recipes, withOthers: rig.Unpack(t, rig.Tarball(t, "trixie", "speakers",
		"ca-certificates", "openssl", "python3-asyncpg", "python3-cryptography", "ldap-utils", "php-cli", "php-ldap", "mosquitto-clients", "redis-tools", "mariadb-server", "kcat",
		"elixir", "nodejs", "slapd", "curl", "redis-server", "mosquitto", "nginx-light", "libnss3-tools", "openjdk-21-jre-headless", "ca-certificates-java",
		"libpostgresql-jdbc-java", "postgresql-client"))}
	for _, root := range roots {
		rig.Run(t, "mknod", "-m", "666", filepath.Join(root, "dev/urandom"), "c", "1", "9")
	}
	in := func(name string) string { return filepath.Join(recipes, name) }
	rig.BuildClient(t, in("opt/client"))
	rig.Write(t, in("opt/Client.java"), `public class Client { public static void main(String[] a) throws Exception { java.net.URI.create(a[0]).toURL().openStream(); } }`)
	rig.Write(t, in("opt/Database.java"), `public class Database { public static void main(String[] a) throws Exception { java.sql.DriverManager.getConnection(a[0]); } }`)
	rig.NPMPackage(t, "@deno/linux-x64-glibc@2.9.6", in("opt/deno"))
	rig.Run(t, "sh", "-c", `cd "$1" && mkdir -p bin && mv deno bin/ && chmod 755 bin/deno`, "sh", in("opt/deno"))
	rig.Run(t, "npm", "install", "--silent", "--no-audit", "--no-fund", "--ignore-scripts", "--cafile", "/etc/ssl/certs/ca-certificates.crt", "--prefix", filepath.Join(roots[withOthers], "opt/npm"), "mysql2@3.15.3", "mongodb@6.22.0")
	return roots
}

// nameHosts has roots find hosts on loopback.
func nameHosts(t *testing.T, roots map[string]string, hosts []string) {
	t.Helper()
	for _, root := range roots {
		rig.Write(t, filepath.Join(root, "etc/hosts"), fmt.Sprintf("127.0.0.1 localhost %s\n", strings.Join(hosts, " ")))
	}
}
