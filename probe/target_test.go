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

func TestParseTargetRefuses(t *testing.T) {
	for arg, word := range map[string]string{
		"":                              "missing",
		"db:0":                          "not a port",
		"db:70000":                      "not a port",
		"db:smtp":                       "not a port",
		"a b":                           "not a host name",
		"bücher.example":                "xn--",
		"a:1:2":                         "[ADDRESS]:PORT",
		"gopher://x":                    "--starttls",
		"mongodb+srv://c.example.com":   "service record",
		"mongodb://me:secret@a:1,b:2/x": "several hosts",
		"postgres://a,b/x":              "several hosts",
		"https:///x":                    "missing",
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
