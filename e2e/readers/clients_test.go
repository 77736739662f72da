//go:build e2e

package readers

// A client is a real program: a column of the matrix.
type client struct {
	reader string   // that it stands for, with its version: "openssl/3.5"
	suite  string   // of the root that it is in
	run    string   // for sh: it prints a line for each server of /opt/cases.txt, "CASE\thello" or "CASE\tREFUSAL"
	trust  []string // variables that make it read the system's bundle, where it does not by itself
	slow   bool     // only with SLOW=1
}

// each runs a command for each server.
func each(command string) string { return `sh /opt/each.sh '` + command + `'` }

const (
	openssl = `case $host in *[!0-9.]*) check="-verify_hostname $host -servername $host" ;; *) check="-verify_ip $host" ;; esac
openssl s_client -brief -verify_return_error $check -connect $host:$port && echo hello`
	gnutls      = `gnutls-cli --port $port $host >/tmp/said 2>&1 && echo hello || grep -aE "^- Status|Fatal error" /tmp/said`
	curl        = `curl -sS --max-time 15 https://$host:$port/`
	wget        = `wget -q -O- --tries=1 https://$host:$port/ || wget -nv -O- --tries=1 https://$host:$port/`
	git         = `git ls-remote https://$host:$port/repo.git`
	psql        = `psql "host=$host port=$port user=u dbname=d sslmode=verify-full" -Atc "select 1"`
	nss         = `tstclnt -h $host -p $port -d sql:/opt/nss -Q && echo hello`
	pgjdbc      = `java -cp /opt:/usr/share/java/postgresql.jar Postgres`
	java        = `java -cp /opt Readers`
	erlangHTTPS = `escript /opt/client.escript '{customize_hostname_check, [{match_fun, public_key:pkix_verify_hostname_match_fun(https)}]}'`
	bundle      = `/etc/ssl/certs/ca-certificates.crt`
)

// clients are in the roots that [newRoot] makes.
var clients = []client{
	{reader: "openssl/3.0", suite: "bookworm", run: each(openssl)},
	{reader: "openssl/3.5", suite: "trixie", run: each(openssl)},
	{reader: "openssl/4.0", suite: "sid", run: each(openssl), slow: true},
	{reader: "gnutls/3.7", suite: "bookworm", run: each(gnutls), slow: true},
	{reader: "gnutls/3.8", suite: "trixie", run: each(gnutls)},
	{reader: "go/1.26", suite: "trixie", run: `/opt/readers`},
	{reader: "python/3.11", suite: "bookworm", run: `python3 -W ignore /opt/client.py ssl`},
	{reader: "python/3.13", suite: "trixie", run: `python3 -W ignore /opt/client.py ssl`},
	{reader: "requests/2.28", suite: "bookworm", run: `python3 -W ignore /opt/client.py requests`, slow: true},
	{reader: "requests/2.32", suite: "trixie", run: `python3 -W ignore /opt/client.py requests`},
	{reader: "httpx/0.23", suite: "bookworm", run: `python3 -W ignore /opt/client.py httpx`, slow: true},
	{reader: "httpx/0.28", suite: "trixie", run: `python3 -W ignore /opt/client.py httpx`},
	{reader: "curl/7.88", suite: "bookworm", run: each(curl), slow: true},
	{reader: "curl/8.14", suite: "trixie", run: each(curl)},
	{reader: "wget/1.21", suite: "bookworm", run: each(wget), slow: true},
	{reader: "wget/1.25", suite: "trixie", run: each(wget)},
	{reader: "git/2.39", suite: "bookworm", run: each(git), slow: true},
	{reader: "git/2.47", suite: "trixie", run: each(git)},
	{reader: "node-debian/18", suite: "bookworm", run: `node /opt/client.js`},
	{reader: "node-debian/20", suite: "trixie", run: `node /opt/client.js`},
	{reader: "node/20", suite: "trixie", run: `/opt/node20/bin/node /opt/client.js`, trust: []string{"NODE_EXTRA_CA_CERTS=" + bundle}, slow: true},
	{reader: "node/22", suite: "trixie", run: `/opt/node22/bin/node /opt/client.js`, trust: []string{"NODE_EXTRA_CA_CERTS=" + bundle}, slow: true},
	{reader: "node/24", suite: "trixie", run: `/opt/node24/bin/node /opt/client.js`, trust: []string{"NODE_EXTRA_CA_CERTS=" + bundle}},
	{reader: "deno/2.9", suite: "trixie", run: `/opt/deno/bin/deno run -A /opt/fetch.js`, trust: []string{"DENO_CERT=" + bundle}},
	{reader: "bun/1.4", suite: "trixie", run: `/opt/bun/bin/bun /opt/fetch.js`},
	{reader: "rustls/0.23", suite: "trixie", run: `/opt/rustls`},
	{reader: "java/17", suite: "bookworm", run: java},
	{reader: "java/21", suite: "trixie", run: java},
	{reader: "erlang/25", suite: "bookworm", run: `escript /opt/client.escript`, slow: true},
	{reader: "erlang/27", suite: "trixie", run: `escript /opt/client.escript`},
	{reader: "erlang-https/25", suite: "bookworm", run: erlangHTTPS, slow: true},
	{reader: "erlang-https/27", suite: "trixie", run: erlangHTTPS, slow: true},
	{reader: "ruby/3.1", suite: "bookworm", run: `ruby /opt/client.rb`, slow: true},
	{reader: "ruby/3.3", suite: "trixie", run: `ruby /opt/client.rb`},
	{reader: "php/8.2", suite: "bookworm", run: `php /opt/client.php`, slow: true},
	{reader: "php/8.4", suite: "trixie", run: `php /opt/client.php`},
	{reader: "libpq/15", suite: "bookworm", run: each(psql), trust: []string{"PGSSLROOTCERT=" + bundle}, slow: true},
	{reader: "libpq/17", suite: "trixie", run: each(psql), trust: []string{"PGSSLROOTCERT=" + bundle}},
	{reader: "pgjdbc/42.7", suite: "trixie", run: pgjdbc},
	{reader: "nss/3.87", suite: "bookworm", run: each(nss), slow: true},
	{reader: "nss/3.110", suite: "trixie", run: each(nss)},
}
