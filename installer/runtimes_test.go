package installer_test

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"math/big"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/certgraft/certgraft/certs"
	"github.com/certgraft/certgraft/installer"
	"github.com/certgraft/certgraft/internal/roottest"
	"github.com/certgraft/certgraft/keystore"
	"github.com/certgraft/certgraft/readers"
	"github.com/certgraft/certgraft/rootfs"
)

// advised returns the runtimes in the advice, with their paths.
func advised(report *installer.Report) []string {
	var out []string
	for _, a := range report.Advice {
		out = append(out, strings.Join(append([]string{a.Runtime + " " + a.Path}, a.Others...), " "))
	}
	return out
}

// publicRoot is a root whose bundle holds the public CAs.
func publicRoot(t *testing.T, more string, cas ...*roottest.CA) fstest.MapFS {
	t.Helper()
	roots, _ := certs.MozillaRoots()
	out := tree(t, more, cas...)
	out["etc/ssl/certs/ca-certificates.crt"] = &fstest.MapFile{Data: roots.AppendPEM(nil), Mode: 0o644}
	return out
}

// Each runtime is found where its images and installers put it.
func TestAdvice(t *testing.T) {
	const node = "Node /usr/local/bin/node"
	for name, test := range map[string]struct {
		tree string
		want []string
		env  map[string]string
	}{
		"nothing":            {"-- usr/bin/python3 --\n", nil, nil},
		"node image":         {"-- usr/local/bin/node --\n", []string{node}, nil},
		"two":                {"-- usr/local/bin/node --\n-- root/.nvm/versions/node/v22.1.0/bin/node --\n", []string{node + " /root/.nvm/versions/node/v22.1.0/bin/node"}, nil},
		"one, by its link":   {"-- usr/local/bin/node --\n-- usr/bin/node -> ../local/bin/node --\n", []string{node}, nil},
		"a dangling link":    {"-- usr/bin/node -> ../local/bin/node --\n", nil, nil},
		"distroless node":    {"-- nodejs/bin/node --\n", []string{"Node /nodejs/bin/node"}, nil},
		"nodesource":         {"-- usr/bin/node --\n", []string{"Node /usr/bin/node"}, nil},
		"Debian's node":      {"-- usr/bin/node --\n-- usr/lib/x86_64-linux-gnu/libnode.so.115 --\n-- usr/lib/ssl/cert.pem -> /etc/ssl/certs/ca-certificates.crt --\n", nil, nil},
		"Alpine's node":      {"-- etc/os-release --\nID=alpine\n-- usr/bin/node --\n-- etc/ssl/cert.pem -> certs/ca-certificates.crt --\n", nil, nil},
		"node on Alpine":     {"-- etc/os-release --\nID=alpine\n-- usr/local/bin/node --\n", []string{node}, nil},
		"node told already":  {"-- usr/local/bin/node --\n", nil, map[string]string{"NODE_EXTRA_CA_CERTS": "/etc/ssl/certs/ca-certificates.crt"}},
		"node in PATH":       {"-- srv/n/bin/node --\n", []string{"Node /srv/n/bin/node"}, map[string]string{"PATH": "/x*:/srv/n/bin:rel"}},
		"deno":               {"-- usr/bin/deno --\n", []string{"Deno /usr/bin/deno"}, nil},
		"bun alone":          {"-- usr/local/bin/bun --\n", []string{"Bun /usr/local/bin/bun"}, nil},
		"bun":                {"-- usr/local/bin/bun --\n-- etc/ssl/cert.pem -> certs/ca-certificates.crt --\n", nil, nil},
		"uv":                 {"-- uv --\n", []string{"uv /uv"}, nil},
		"certifi":            {"-- opt/venv/lib/python3.12/site-packages/certifi/cacert.pem --\nCA1\n", []string{"certifi /opt/venv/lib/python3.12/site-packages/certifi/cacert.pem"}, nil},
		"Debian's certifi":   {"-- usr/lib/python3/dist-packages/certifi/cacert.pem -> /etc/ssl/certs/ca-certificates.crt --\n", nil, nil},
		"VIRTUAL_ENV":        {"-- x/y/lib/python3.9/site-packages/certifi/cacert.pem --\nCA1\n", []string{"certifi /x/y/lib/python3.9/site-packages/certifi/cacert.pem"}, map[string]string{"VIRTUAL_ENV": "/x/y"}},
		"old pip":            {"-- usr/local/lib/python3.12/site-packages/pip/_vendor/certifi/cacert.pem --\nCA1\n-- usr/local/lib/python3.12/site-packages/pip-24.1.dist-info/METADATA --\n", []string{"pip /usr/local/lib/python3.12/site-packages/pip/_vendor/certifi/cacert.pem"}, nil},
		"new pip":            {"-- usr/local/lib/python3.12/site-packages/pip/_vendor/certifi/cacert.pem --\nCA1\n-- usr/local/lib/python3.12/site-packages/pip-24.2.dist-info/METADATA --\n", nil, nil},
		"new pip, old snake": {"-- usr/local/lib/python3.9/site-packages/pip/_vendor/certifi/cacert.pem --\nCA1\n-- usr/local/lib/python3.9/site-packages/pip-25.0.1.dist-info/METADATA --\n", []string{"pip /usr/local/lib/python3.9/site-packages/pip/_vendor/certifi/cacert.pem"}, nil},
		"botocore":           {"-- usr/local/aws-cli/v2/2.15.0/dist/awscli/botocore/cacert.pem --\nCA1\n", []string{"botocore /usr/local/aws-cli/v2/2.15.0/dist/awscli/botocore/cacert.pem"}, nil},
		"gRPC":               {"-- usr/local/lib/python3.12/site-packages/grpc/_cython/_credentials/roots.pem --\nCA1\n", []string{"gRPC /usr/local/lib/python3.12/site-packages/grpc/_cython/_credentials/roots.pem"}, nil},
		"conda":              {"-- opt/conda/ssl/cacert.pem --\nCA1\n", []string{"Conda /opt/conda/ssl/cacert.pem"}, nil},
		"gcloud":             {"-- usr/lib/google-cloud-sdk/bin/gcloud --\n", []string{"gcloud /usr/lib/google-cloud-sdk/bin/gcloud"}, nil},
		"libpq":              {"-- usr/lib/x86_64-linux-gnu/libpq.so.5 --\n", []string{"libpq /usr/lib/x86_64-linux-gnu/libpq.so.5"}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			before := publicRoot(t, test.tree, roottest.NewCA(t, "Old"))
			_, report := install(t, before, installer.Options{Environ: test.env}, corp(t))
			if got := advised(report); !slices.Equal(got, test.want) {
				t.Errorf("got %q, want %q", got, test.want)
			}
			for _, a := range report.Advice {
				if a.Variable == "" || a.Value != "/etc/ssl/certs/ca-certificates.crt" || !strings.Contains(a.Do, a.Value) || strings.Contains(a.Do, "with-mozilla") {
					t.Errorf("%+v", a)
				}
			}
		})
	}
}

// install asks the same readers as verify, wherever they are. The first round's install
// advised on these two, and verify did not know them.
func TestR10OneTable(t *testing.T) {
	for program, want := range map[string]string{
		"root/.nvm/versions/node/v20/bin/node": "Node /root/.nvm/versions/node/v20/bin/node", "home/u/.deno/bin/deno": "Deno /home/u/.deno/bin/deno",
	} {
		root := publicRoot(t, "-- "+program+" --\n")
		_, report := install(t, root, installer.Options{}, corp(t))
		if got := advised(report); !slices.Equal(got, []string{want}) {
			t.Errorf("install advises on %q, want %q", got, want)
		}
		var judged []string
		for _, i := range readers.In(rootfs.NewOverlay(root), nil) {
			judged = append(judged, i.Title+" "+i.Path)
		}
		if !slices.Equal(judged, []string{want}) {
			t.Errorf("verify asks %q, want %q", judged, want)
		}
	}
}

// Node is named, under each version manager, with the variable that it obeys.
func TestR11NodePlaces(t *testing.T) {
	for _, home := range []string{
		"root/.nvm/versions/node/v22.5.1", "home/u/.nvm/versions/node/v20.1.0", "home/u/.local/share/mise/installs/node/22.5.1", "root/.asdf/installs/nodejs/24.0.0",
		"home/u/.volta/tools/image/node/22.5.1", "home/u/.local/share/fnm/node-versions/v22.5.1/installation", "opt/hostedtoolcache/node/22.5.1/x64", "home/linuxbrew/.linuxbrew", "layers/paketo-buildpacks_node-engine/node",
	} {
		_, report := install(t, publicRoot(t, "-- "+home+"/bin/node --\n"), installer.Options{}, corp(t))
		if got, want := advised(report), []string{"Node /" + home + "/bin/node"}; !slices.Equal(got, want) || report.Advice[0].Variable != "NODE_EXTRA_CA_CERTS" {
			t.Errorf("%q, want %q", got, want)
		}
	}
}

// debianRoot has the readers of Debian 13 and the places that they read.
func debianRoot(t *testing.T) fstest.MapFS {
	t.Helper()
	return tree(t, `-- etc/os-release --
ID=debian
-- var/lib/dpkg/status --
-- usr/sbin/update-ca-certificates --
-- usr/share/ca-certificates/mozilla/old.crt --
CA1
-- etc/ca-certificates.conf --
mozilla/old.crt
-- usr/lib/ssl/certs -> /etc/ssl/certs --
-- etc/ssl/certs/ca-certificates.crt --
CA1
-- usr/lib/x86_64-linux-gnu/libssl.so.3 --
-- usr/lib/x86_64-linux-gnu/libgnutls.so.30 --
-- usr/bin/python3.13 --
-- usr/local/bin/python3.11 --
-- usr/bin/curl --
`, roottest.NewCA(t, "Old"))
}

// The last line of a report names the readers that trust the installed CAs.
func TestTrustedBy(t *testing.T) {
	_, report := install(t, debianRoot(t), installer.Options{}, source(t, "corp.pem", roottest.NewCA(t, "Corp").PEM()))
	if got, want := installer.Trusting(report.Readers), []string{"OpenSSL", "GnuTLS", "Python's ssl 3.11/3.13", "curl"}; !slices.Equal(got, want) || len(report.Advice) > 0 {
		t.Errorf("%q, want %q; %+v", got, want, report.Advice)
	}
}

// A CA that strict readers refuse is installed, with a warning that names these
// readers.
func TestR4StrictAtInstall(t *testing.T) {
	lax := roottest.NewCA(t, "Lax", func(c *x509.Certificate) { c.KeyUsage = 0 })
	_, report := install(t, debianRoot(t), installer.Options{}, source(t, "lax.pem", lax.PEM()))
	warned := strings.Join(report.Warnings, "\n")
	if !strings.Contains(warned, "Python's ssl 3.13 (/usr/bin/python3.13) refuses") || !strings.Contains(warned, "without key usage") || strings.Contains(warned, "3.11") {
		t.Errorf("%q", report.Warnings)
	}
	if got, want := installer.Trusting(report.Readers), []string{"OpenSSL", "GnuTLS", "Python's ssl 3.11", "curl"}; !slices.Equal(got, want) {
		t.Errorf("trusted by %q, want %q", got, want)
	}
}

// A key of 1024 bits is too short for OpenSSL at level 2, and not for GnuTLS.
func TestR17WeakKey(t *testing.T) {
	key, err := rsa.GenerateKey(rand.Reader, 1024) //nolint:gosec // that it is weak is the point
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "Weak CA"}, NotAfter: time.Now().AddDate(1, 0, 0), IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	text := string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}))
	_, report := install(t, debianRoot(t), installer.Options{}, source(t, "weak.pem", text))
	warned := strings.Join(report.Warnings, "\n")
	for _, name := range []string{"OpenSSL (/usr/lib/x86_64-linux-gnu/libssl.so.3)", "Python's ssl 3.11", "curl", "too short: RSA 1024"} {
		if !strings.Contains(warned, name) {
			t.Errorf("%q does not name %s", report.Warnings, name)
		}
	}
	if got, want := installer.Trusting(report.Readers), []string{"GnuTLS"}; !slices.Equal(got, want) {
		t.Errorf("trusted by %q, want %q", got, want)
	}
}

// A file of roots that holds the installed CAs needs no advice.
func TestAdviceWhereAllIsWell(t *testing.T) {
	ca := roottest.NewCA(t, "Corp")
	const certifi = "-- usr/lib/python3.12/site-packages/certifi/cacert.pem --\n# comment\nCA1\n"
	_, report := install(t, publicRoot(t, certifi, ca), installer.Options{}, source(t, "corp.pem", ca.PEM()))
	if len(report.Advice) != 0 {
		t.Errorf("%+v", report.Advice)
	}
}

// A Java trust store that was left unchanged is named, and no other one.
func TestAdviceJava(t *testing.T) {
	before := publicRoot(t, "-- opt/java/openjdk/lib/security/cacerts\\ 0644 --\n")
	before["opt/java/openjdk/lib/security/cacerts"].Data = emptyKeystore(t)
	_, report := install(t, before, installer.Options{Stores: []string{"system"}}, corp(t))
	if got := advised(report); len(got) != 1 || got[0] != "Java /opt/java/openjdk/lib/security/cacerts" || !strings.Contains(report.Advice[0].Do, "--stores java") {
		t.Errorf("%q", got)
	}
	_, report = install(t, before, installer.Options{}, corp(t))
	if got := advised(report); len(got) != 0 {
		t.Errorf("%q", got)
	}
}

func names(all []readers.Setting) []string {
	var out []string
	for _, v := range all {
		out = append(out, v.Name)
	}
	return out
}

func TestEnviron(t *testing.T) {
	const runtimes = "-- usr/local/bin/node --\n-- usr/lib/python3.12/site-packages/certifi/cacert.pem --\nCA1\n-- usr/lib/libpq.so.5 --\n"
	old := roottest.NewCA(t, "Old")
	public := publicRoot(t, runtimes, old)
	private := tree(t, runtimes+"-- etc/ssl/cert.pem --\nCA1\n", old)
	for name, test := range map[string]struct {
		root    fstest.MapFS
		env     map[string]string
		all     bool
		want    []string
		leftOut []string
	}{
		"public":      {public, nil, false, []string{"NODE_EXTRA_CA_CERTS", "REQUESTS_CA_BUNDLE"}, []string{"PGSSLROOTCERT"}},
		"private":     {private, nil, false, []string{"NODE_EXTRA_CA_CERTS"}, []string{"REQUESTS_CA_BUNDLE", "PGSSLROOTCERT"}},
		"all private": {private, nil, true, []string{"NODE_EXTRA_CA_CERTS", "DENO_CERT"}, nil},
		"set":         {public, map[string]string{"NODE_EXTRA_CA_CERTS": "/corp.pem"}, false, []string{"REQUESTS_CA_BUNDLE"}, []string{"NODE_EXTRA_CA_CERTS", "PGSSLROOTCERT"}},
		"set to ours": {public, map[string]string{"NODE_EXTRA_CA_CERTS": "/etc/ssl/certs/ca-certificates.crt"}, false, []string{"NODE_EXTRA_CA_CERTS", "REQUESTS_CA_BUNDLE"}, []string{"PGSSLROOTCERT"}},
		"no bundle":   {tree(t, runtimes, old), nil, true, nil, nil},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := installer.Environ(rootfs.NewOverlay(test.root), installer.Options{Environ: test.env}, test.all)
			if err != nil {
				t.Fatal(err)
			}
			if !slices.Equal(names(got.Variables), test.want) {
				t.Errorf("variables %q, want %q", names(got.Variables), test.want)
			}
			var left []string
			for _, l := range got.LeftOut {
				left = append(left, l.Name)
			}
			if test.leftOut != nil && !slices.Equal(left, test.leftOut) {
				t.Errorf("left out %q, want %q", left, test.leftOut)
			}
		})
	}
}

// A trust store with the public CAs may replace Java's own. One without them may not.
func TestEnvironJava(t *testing.T) {
	root := publicRoot(t, "-- etc/ssl/certs/java/cacerts\\ 0644 --\n")
	for _, public := range []bool{true, false} {
		root["etc/ssl/certs/java/cacerts"].Data = emptyKeystore(t)
		if public {
			root["etc/ssl/certs/java/cacerts"].Data = mozillaKeystore(t)
		}
		got, err := installer.Environ(rootfs.NewOverlay(root), installer.Options{Environ: map[string]string{"JAVA_TOOL_OPTIONS": "-Xmx64m"}}, true)
		if err != nil {
			t.Fatal(err)
		}
		at := slices.Index(names(got.Variables), "JAVA_TOOL_OPTIONS")
		if (at >= 0) != public {
			t.Fatalf("public %v: %q", public, names(got.Variables))
		}
		if public && got.Variables[at].Value != "-Xmx64m "+readers.JavaOptions("/etc/ssl/certs/java/cacerts") {
			t.Error(got.Variables[at].Value)
		}
	}
}

// An image keeps the files that the stores read.
func TestReadsRuntimes(t *testing.T) {
	for name, want := range map[string]bool{
		"opt/venv/lib/python3.12/site-packages/certifi/cacert.pem": true, "var/task/botocore/cacert.pem": true,
		"usr/local/bundle/gems/grpc-1.60.0/etc/roots.pem": true, "opt/conda/ssl/cacert.pem": true, "usr/local/bin/node": false,
	} {
		if installer.Reads(name) != want {
			t.Errorf("%s: %v", name, !want)
		}
	}
}

func emptyKeystore(t *testing.T) []byte {
	t.Helper()
	return javaKeystore(t, &certs.Set{})
}

func mozillaKeystore(t *testing.T) []byte {
	t.Helper()
	roots, _ := certs.MozillaRoots()
	return javaKeystore(t, roots)
}

func javaKeystore(t *testing.T, set *certs.Set) []byte {
	t.Helper()
	store := keystore.NewJKS(keystore.DefaultPassword)
	for c := range set.All() {
		if err := store.Add(keystore.Entry{Alias: c.Fingerprint().String(), Created: c.NotBefore(), Cert: c}); err != nil {
			t.Fatal(err)
		}
	}
	data, err := store.Encode()
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func ExampleEnviron() {
	root := fstest.MapFS{
		"etc/ssl/cert.pem":   {Data: []byte("…"), Mode: 0o644},
		"usr/local/bin/node": {Mode: 0o755},
	}
	found, err := installer.Environ(root, installer.Options{}, false)
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, v := range found.Variables {
		fmt.Printf("%s=%s # %s\n", v.Name, v.Value, v.Runtime)
	}
	// Output: NODE_EXTRA_CA_CERTS=/etc/ssl/cert.pem # Node, Deno, Bun
}
