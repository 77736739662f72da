package readers

import (
	"slices"
	"testing"
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

// Every variable that a reader reads is one that env and run know.
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
