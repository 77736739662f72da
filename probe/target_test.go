package probe_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/certgraft/certgraft/probe"
)

func TestParseTarget(t *testing.T) {
	for _, tt := range []struct{ arg, starttls, want string }{
		{"example.com", "", "example.com:443 tls"},
		{"example.com.", "", "example.com:443 tls"},
		{"example.com:5432", "", "example.com:5432 postgres"},
		{"example.com:5432", "none", "example.com:5432 tls"},
		{"example.com", "mariadb", "example.com:3306 mysql"},
		{"example.com:9999", "SMTP", "example.com:9999 smtp"},
		{"example.com:9999", "", "example.com:9999 tls"},
		{"::1", "", "[::1]:443 tls"},
		{"[::1]", "", "[::1]:443 tls"},
		{"[::1]:636", "", "[::1]:636 ldaps"},
		{"10.0.0.1:25", "", "10.0.0.1:25 smtp"},
		{"postgres://me:secret@db.example.com/app", "", "db.example.com:5432 postgres"},
		{"postgresql://db:6000/app?sslnegotiation=direct", "", "db:6000 postgres-direct"},
		{"jdbc:postgresql://db/app", "", "db:5432 postgres"},
		{"jdbc:sqlserver://db:1444;encrypt=true", "", "db:1444 mssql"},
		{"mysql://db", "", "db:3306 mysql"},
		{"rediss://:secret@cache", "", "cache:6379 redis"},
		{"https://example.com:8080/x", "", "example.com:8080 tls"},
		{"amqps://mq", "", "mq:5671 amqp"},
		{"postgres://db", "tls", "db:443 tls"},

		// Pasted addresses, of facts/readers.md.
		{"postgresql+psycopg2://me:secret@db.example.com/app", "", "db.example.com:5432 postgres"},
		{"postgresql+asyncpg://me:p/w#x@db.example.com:6000/app?ssl=true", "", "db.example.com:6000 postgres"},
		{"mysql+pymysql://me:secret@db/app", "", "db:3306 mysql"},
		{"ecto://me:secret@db/app", "", "db:5432 postgres"},
		{"cockroachdb://me@free.cockroachlabs.cloud:26257/defaultdb", "", "free.cockroachlabs.cloud:26257 postgres"},
		{"neo4j+s://abc.databases.neo4j.io", "", "abc.databases.neo4j.io:7687 neo4j"},
		{"bolt+ssc://db", "", "db:7687 neo4j"},
		{"kafka://b-1", "", "b-1:9093 kafka"},
		{"SASL_SSL://b-1.msk.example.com:9096", "", "b-1.msk.example.com:9096 kafka"},
		{"b-1:9094,b-2:9094", "", "b-1:9094 kafka"},
		{"SASL_SSL://a:9092,SASL_SSL://b:9092", "", "a:9092 kafka"},
		{"host=db.example.com port=5433 user=me password='s e c' sslmode=verify-full", "", "db.example.com:5433 postgres"},
		{"host = db sslnegotiation=direct", "", "db:5432 postgres-direct"},
		{"Server=tcp:x.database.windows.net,1433;Initial Catalog=db;User ID=me;Password=secret;Encrypt=True;", "", "x.database.windows.net:1433 mssql"},
		{`Data Source=db\SQLEXPRESS;Database=x`, "", "db:1433 mssql"},
		{"Driver={ODBC Driver 18 for SQL Server};Server=tcp:x,1444;Uid=me;Pwd=secret", "", "x:1444 mssql"},
		{"Host=db;Port=5433;Username=me;Password=secret", "", "db:5433 postgres"},
		{"Server=db;Port=3306;Database=x;Uid=me;Pwd=secret", "", "db:3306 mysql"},
		{"Server=db;Database=x;Uid=me;Pwd=secret", "", "db:3306 mysql"},
		{"me:secret@tcp(db:3307)/app?tls=true", "", "db:3307 mysql"},
		{"x.redis.cache.windows.net:6380,password=se=cret,ssl=True", "", "x.redis.cache.windows.net:6380 redis"},
		{"jdbc:mysql://db:3306/app?useSSL=true", "", "db:3306 mysql"},
		{"jdbc:sqlserver://;serverName=db;portNumber=1444", "", "db:1444 mssql"},
		{"mongodb://me:secret@a:1,b:2/x", "", "a:1 mongodb"},
		{"postgres://a,b/x", "", "a:5432 postgres"},
		{"mongodb+srv://me:secret@c.ab1.mongodb.net/x?retryWrites=true", "", "c.ab1.mongodb.net:27017 mongodb"},
		{"registry.example.com/team/app", "", "registry.example.com:443 tls"},
		{"example.com:8443/health", "", "example.com:8443 tls"},
		{"https://example.com/@scope/x", "", "example.com:443 tls"},
		{`"postgres://db/app"`, "", "db:5432 postgres"},
		{"foo+bar://me@db/x", "postgres", "db:5432 postgres"},
	} {
		got, err := probe.ParseTarget(tt.arg, tt.starttls)
		if err != nil {
			t.Errorf("%s: %v", tt.arg, err)
			continue
		}
		if s := fmt.Sprintf("%s %s", got, got.Protocol.Name); s != tt.want {
			t.Errorf("%s %s: %s, want %s", tt.arg, tt.starttls, s, tt.want)
		}
	}
}

// sslrootcert is an option of libpq: its URL, with escapes, and its string of pairs.
func TestTargetRootCert(t *testing.T) {
	for arg, want := range map[string]string{
		"postgres://db/app": "",
		"postgresql://db/app?sslmode=verify-full&sslrootcert=/etc/ca.pem": "/etc/ca.pem",
		"postgresql+psycopg2://db/app?sslrootcert=%2Fetc%2Fa%20b.pem":     "/etc/a b.pem",
		"host=db sslrootcert='/etc/a b.pem' dbname=app":                   "/etc/a b.pem",
		"host=db sslrootcert=system":                                      "system",
		"jdbc:postgresql://db/app?sslrootcert=/etc/ca.pem":                "", // pgjdbc reads it as a file for Java
		"https://db/app?sslrootcert=/etc/ca.pem":                          "",
	} {
		if target, err := probe.ParseTarget(arg, ""); err != nil || target.RootCert != want {
			t.Errorf("%s: %q, %v, want %q", arg, target.RootCert, err, want)
		}
	}
}

func TestParseTargetRefuses(t *testing.T) {
	for arg, word := range map[string]string{
		"":                                "missing",
		"db:0":                            "not a port",
		"db:70000":                        "not a port",
		"db:smtp":                         "not a port",
		"a b":                             "not a host name",
		"bücher.example":                  "xn--",
		"a:1:2":                           "[ADDRESS]:PORT",
		"gopher://x":                      "--starttls",
		"postgres://me:secret@a:secret/x": "cannot be read",
		"Database=x;Password=secret":      "names no host",
		"me:secret@tcp(a b)/x":            "cannot be read",
		"mongodb+srv://a.b.c:27017":       "without a port",
		"https:///x":                      "missing",
	} {
		_, err := probe.ParseTarget(arg, "")
		if err == nil || !strings.Contains(err.Error(), word) || strings.Contains(err.Error(), "secret") {
			t.Errorf("%q: %v, want %q", arg, err, word)
		}
	}
	if _, err := probe.ParseTarget("db", "gopher"); err == nil || !strings.Contains(err.Error(), "postgres") {
		t.Errorf("--starttls gopher: %v", err)
	}
}

func ExampleParseTarget() {
	target, err := probe.ParseTarget("postgres://db.example.com/app", "")
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(target, target.Protocol.Name)
	// Output: db.example.com:5432 postgres
}

// FuzzParseTarget checks that no address gives an impossible host.
func FuzzParseTarget(f *testing.F) {
	for _, seed := range []string{"a:1,b:2", "jdbc:x://y;z=1", "host='a b' port=1", "Server=tcp:x,1", "u:p@tcp(h:1)/x", "mongodb+srv://a.b", "[::1]:5432/x", "x:1,ssl=True"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, arg string) {
		target, err := probe.ParseTarget(arg, "")
		if err != nil {
			return
		}
		if target.Host == "" || target.Port == 0 || target.Protocol == nil || strings.ContainsAny(target.Host, "/@ \n") {
			t.Errorf("%q: %+v", arg, target)
		}
	})
}
