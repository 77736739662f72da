package readers

import (
	"slices"
	"testing"
	"testing/fstest"

	"github.com/certgraft/certgraft/internal/roottest"
	"github.com/certgraft/certgraft/rootfs"
)

func TestSettings(t *testing.T) {
	at := Paths{Bundle: "/d/ca.pem", Directory: "/d/certs", Keystore: "/d x/cacerts", PHP: "/d/php"}
	env := map[string]string{"SSL_CERT_DIR": "/etc/ssl/certs", "PHP_INI_SCAN_DIR": "/php", "SSL_CERT_FILE": "/old.pem", "JAVA_TOOL_OPTIONS": "-Xmx1g", "PGSSLROOTCERT": "/pg.pem"}
	got := map[string]string{}
	for _, v := range Settings(at, env) {
		got[v.Name] = v.Value
	}
	for name, want := range map[string]string{
		"SSL_CERT_FILE": "/d/ca.pem", "SSL_CERT_DIR": "/etc/ssl/certs:/d/certs", "PHP_INI_SCAN_DIR": "/php:/d/php", "PGSSLROOTCERT": "/d/ca.pem", "APT_CONFIG": "",
		"JAVA_TOOL_OPTIONS": `-Xmx1g -Djavax.net.ssl.trustStore="/d x/cacerts" -Djavax.net.ssl.trustStoreType=JKS -Djavax.net.ssl.trustStorePassword=changeit`,
	} {
		if got[name] != want {
			t.Errorf("%s is %q, want %q", name, got[name], want)
		}
	}
	again := Settings(at, got)
	for _, v := range again {
		if v.Value != got[v.Name] {
			t.Errorf("a second time %s is %q", v.Name, v.Value)
		}
	}
	if named := NamedFiles(env); len(named) != 2 || named["SSL_CERT_FILE"] != "/old.pem" || named["PGSSLROOTCERT"] != "/pg.pem" {
		t.Errorf("%q", named)
	}
}

// env and run know every variable that a reader reads.
func TestVariablesOfReadersAreKnown(t *testing.T) {
	for _, rows := range [][]row{table, others} {
		for _, r := range rows {
			read := []*Variable{remedies[r.id].Variable}
			for _, p := range r.places(where{path: "x"}) {
				read = append(read, p.variables...)
			}
			for _, v := range read {
				if v != nil && !slices.Contains(Variables(), v) {
					t.Errorf("%s reads %s, which is not among the variables", r.id, v.Name)
				}
			}
		}
	}
}

// A reader finds its file among other options in a variable. A variable with one
// file is taken unchanged.
func TestReadersFollowVariables(t *testing.T) {
	named := []byte(roottest.NewCA(t, "Named").PEM())
	root := rootfs.NewOverlay(fstest.MapFS{
		"etc/ssl/certs/ca-certificates.crt": {Data: []byte(roottest.NewCA(t, "Own").PEM() + roottest.NewCA(t, "Other").PEM())},
		"srv/named.pem":                     {Data: named}, "srv/a:b.pem": {Data: named},
	})
	for _, c := range []struct {
		id, variable, value string
		held                int
	}{
		{"erlang", "ERL_AFLAGS", "-noshell", 2},
		{"erlang", "ERL_AFLAGS", `-noshell -public_key cacerts_path '"/srv/named.pem"' -kernel inet_dist_use_interface '{127,0,0,1}'`, 1},
		{"openssl", "SSL_CERT_FILE", "/srv/a:b.pem", 1},
	} {
		found, _ := Look(root, map[string]string{c.variable: c.value}).Named(c.id)
		if set, damage := found[0].Load(); set.Len() != c.held || len(damage) > 0 {
			t.Errorf("%s with %s=%s: %d certificates and the damage %v, want %d", c.id, c.variable, c.value, set.Len(), damage, c.held)
		}
	}
}
