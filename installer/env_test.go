package installer_test

import (
	"io/fs"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/certgraft/certgraft/installer"
	"github.com/certgraft/certgraft/internal/roottest"
	"github.com/certgraft/certgraft/readers"
)

// A file that a variable names and that cannot be extended stays unchanged, and a
// warning says so.
func TestEnvStoreLeavesAlone(t *testing.T) {
	ca := roottest.NewCA(t, "Old")
	for what, data := range map[string]string{
		"DER": string(ca.DER), "JKS": "\xfe\xed\xfe\xed\x00\x00\x00\x02\x00\x00\x00\x00", "JCEKS": "\xce\xce\xce\xce\x00\x00\x00\x02", "a directory": "",
	} {
		before := bundleTree(ca.PEM())
		before["opt/named"] = &fstest.MapFile{Data: []byte(data), Mode: 0o644}
		if data == "" {
			delete(before, "opt/named")
			before["opt/named/x.pem"] = &fstest.MapFile{Data: []byte(ca.PEM()), Mode: 0o644}
		}
		after, report := roundTrip(t, before, installer.Options{Environ: map[string]string{"REQUESTS_CA_BUNDLE": "/opt/named"}}, corp(t))
		if data != "" && string(after["opt/named"].Data) != data {
			t.Errorf("%s: it was changed", what)
		}
		if len(report.Stores) != 1 || !strings.Contains(strings.Join(report.Warnings, "\n"), "REQUESTS_CA_BUNDLE names /opt/named, which is not a file of PEM certificates and was left as it is") {
			t.Errorf("%s: %+v %q", what, report.Stores, report.Warnings)
		}
	}
	_, report := install(t, bundleTree(ca.PEM()), installer.Options{Environ: map[string]string{"REQUESTS_CA_BUNDLE": "/etc/ssl/certs"}}, corp(t))
	if len(report.Warnings) > 0 {
		t.Errorf("the system's directory is warned of: %q", report.Warnings)
	}
}

// For every variable that env prints, install extends its file or names it.
func TestR13VariablesOfEnv(t *testing.T) {
	ca := roottest.NewCA(t, "Old")
	at := readers.Paths{Bundle: "/opt/b.pem", Directory: "/opt/certs", Keystore: "/opt/k.jks", APT: "/opt/apt.conf", PHP: "/opt/php", Wget: "/opt/wgetrc"}
	environ := map[string]string{"PGSSLMODE": "verify-full"}
	for _, v := range readers.Settings(at, environ) {
		before := bundleTree(ca.PEM())
		before["opt/b.pem"] = &fstest.MapFile{Data: []byte(ca.PEM()), Mode: 0o644}
		before["opt/k.jks"] = &fstest.MapFile{Data: jks(t, "changeit", ca), Mode: 0o644}
		before["opt/certs/x"] = &fstest.MapFile{Mode: 0o644}
		before["opt/apt.conf"] = &fstest.MapFile{Data: []byte(`Acquire::https::CAInfo "/opt/b.pem";`), Mode: 0o644}
		before["opt/php/ca.ini"] = &fstest.MapFile{Data: []byte("openssl.cafile = /opt/b.pem\n"), Mode: 0o644}
		before["opt/wgetrc"] = &fstest.MapFile{Data: []byte("ca_certificate = /opt/b.pem\n"), Mode: 0o644}
		after, report := roundTrip(t, before, installer.Options{Environ: map[string]string{v.Name: v.Value}}, corp(t))
		extended := string(after["opt/b.pem"].Data) != string(before["opt/b.pem"].Data) || string(after["opt/k.jks"].Data) != string(before["opt/k.jks"].Data)
		if named := strings.Contains(strings.Join(report.Warnings, "\n"), v.Name+" names /opt/"); extended == named {
			t.Errorf("%s=%s: extended is %t, and it says %q", v.Name, v.Value, extended, report.Warnings)
		}
	}
}

// Install extends files that the configuration of programs names, and remove undoes
// this.
func TestR13Configuration(t *testing.T) {
	ca := roottest.NewCA(t, "Old")
	for name, text := range map[string]string{
		"etc/gitconfig":                  "[include]\npath = /opt/git\n",
		"root/.npmrc":                    "cafile=/opt/named\n",
		"etc/pip.conf":                   "[global]\ncert = /opt/named\n",
		"home/dev/.curlrc":               "cacert = /opt/named\n",
		"opt/conda/.condarc":             "ssl_verify: /opt/named\n",
		"root/.gradle/gradle.properties": "systemProp.javax.net.ssl.trustStore=/opt/keys\nsystemProp.javax.net.ssl.trustStorePassword=secret\n",
		".gradle/gradle.properties":      "org.gradle.jvmargs=-Djavax.net.ssl.trustStore=/opt/keys -Djavax.net.ssl.trustStorePassword=secret\n",
		"home/linked/.curlrc":            "cacert = /opt/link\n",
	} {
		before := bundleTree(ca.PEM())
		before[name] = &fstest.MapFile{Data: []byte(text), Mode: 0o644}
		before["opt/git"] = &fstest.MapFile{Data: []byte("[http \"https://git.corp\"]\nsslCAInfo = /opt/named\n"), Mode: 0o644}
		before["opt/named"] = &fstest.MapFile{Data: []byte(ca.PEM()), Mode: 0o644}
		before["opt/link"] = &fstest.MapFile{Data: []byte("named"), Mode: 0o777 | fs.ModeSymlink}
		before["opt/keys"] = &fstest.MapFile{Data: jks(t, "secret", ca), Mode: 0o644}
		after, report := roundTrip(t, before, installer.Options{}, corp(t))
		if len(report.Stores) != 2 || report.Stores[1].Added != 3 || len(report.Warnings) > 0 {
			t.Errorf("%s: %+v %q", name, report.Stores, report.Warnings)
		}
		if strings.Count(string(after["opt/named"].Data), "BEGIN") != 4 && len(aliases(t, after["opt/keys"].Data, "secret")) != 4 {
			t.Errorf("%s: what it names has nothing of ours", name)
		}
	}
}

// A file that must not be edited is named once, with the file to name instead.
func TestR13ConfigurationThatIsLeft(t *testing.T) {
	ca := roottest.NewCA(t, "Old")
	for _, c := range []struct{ name, text, want string }{
		{"root/.curlrc", "cacert = /usr/local/share/ca-certificates/old.crt\n", "cacert in /root/.curlrc, line 1, names /usr/local/share/ca-certificates/old.crt, which another store reads as an anchor and was left as it is: programs that obey it do not see the installed CAs; let it name /etc/ssl/certs/ca-certificates.crt instead"},
		{"root/.curlrc", "capath = /opt/cas\n", "capath in /root/.curlrc, line 1, names /opt/cas, which is a directory of its own"},
		{"root/.curlrc", "cacert = corp.pem\n", "depends on the directory in which a program starts"},
		{"root/.npmrc", "cafile = /opt/missing\n", "cafile in /root/.npmrc, line 1, names /opt/missing, which is not there: programs that obey it trust no server"},
		{"root/.npmrc", "ca = \"-----BEGIN CERTIFICATE-----\"\n", "ca in /root/.npmrc, line 1, holds certificates: the program that obeys it trusts only these; have cafile name /etc/ssl/certs/ca-certificates.crt instead"},
		{"root/.gradle/gradle.properties", "systemProp.javax.net.ssl.trustStore=/opt/keys\n", "names the trust store /opt/keys, which was left unchanged, so Java does not see the installed CAs: the password is wrong"},
		{"root/.gradle/gradle.properties", "systemProp.javax.net.ssl.trustStore=/opt/missing\n", "names the trust store /opt/missing, which is not there: Java trusts no server by it"},
		{"root/.gradle/gradle.properties", "systemProp.javax.net.ssl.trustStore=certs/t\n", "names the trust store certs/t, which depends on the directory in which Java starts"},
	} {
		before := debianTree(map[string]string{"usr/local/share/ca-certificates/old.crt": ca.PEM(), c.name: c.text, "opt/cas/x": "", "opt/keys": string(jks(t, "secret", ca))})
		_, report := install(t, before, installer.Options{}, corp(t))
		if strings.Count(strings.Join(report.Warnings, "\n"), c.want) != 1 {
			t.Errorf("%s: %s\nit says %q", c.name, c.text, report.Warnings)
		}
	}
}

// Java reads a trust store that its options name, in whatever variable.
func TestR13JavaOptions(t *testing.T) {
	ca := roottest.NewCA(t, "Old")
	for _, name := range []string{"JAVA_TOOL_OPTIONS", "JDK_JAVA_OPTIONS", "_JAVA_OPTIONS", "SONAR_WEB_JAVAADDITIONALOPTS"} {
		before := bundleTree(ca.PEM())
		before["opt/keys"] = &fstest.MapFile{Data: jks(t, "secret", ca), Mode: 0o644}
		environ := map[string]string{name: `-Xmx1g "-Djavax.net.ssl.trustStore=/opt/keys" -Djavax.net.ssl.trustStorePassword=secret`}
		after, report := roundTrip(t, before, installer.Options{Environ: environ}, corp(t))
		if len(report.Warnings) > 0 || len(aliases(t, after["opt/keys"].Data, "secret")) != 4 {
			t.Errorf("%s: %+v %q", name, report.Stores, report.Warnings)
		}
	}
}
