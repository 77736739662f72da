package command_test

import (
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"io/fs"
	"net"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/fstest"
	"time"

	"github.com/certgraft/certgraft/certs"
	"github.com/certgraft/certgraft/internal/cases"
	"github.com/certgraft/certgraft/internal/roottest"
	"github.com/certgraft/certgraft/keystore"
)

// heard is the part of verify's JSON that the tests compare.
type heard struct {
	Verdict           struct{ Status, Cause, Text, Cure string }
	Steps             []struct{ Name, Outcome, Detail string }
	Caveats, Warnings []string
	Readers           []struct {
		ID, Release, Verdict, Cure string
		Asked                      bool
	}
}

// verified runs certgraft verify --json.
func verified(t *testing.T, status int, args ...string) (h heard) {
	t.Helper()
	out, _ := run(t, status, append([]string{"verify", "--json"}, args...)...)
	if err := json.Unmarshal([]byte(out), &h); err != nil {
		t.Fatalf("%q: %v\n%s", args, err, out)
	}
	return h
}

// says fails unless a line begins with a text and holds the other texts.
func (h heard) says(t *testing.T, begin string, others ...string) {
	t.Helper()
	if !slices.ContainsFunc(h.Caveats, func(line string) bool {
		return strings.HasPrefix(line, begin) && !slices.ContainsFunc(others, func(other string) bool { return !strings.Contains(line, other) })
	}) {
		t.Errorf("no line begins with %q and has %q: %q", begin, others, h.Caveats)
	}
}

func (h heard) wants(t *testing.T, cause string, words ...string) {
	t.Helper()
	if h.Verdict.Cause != cause {
		t.Errorf("cause is %q, want %q: %+v", h.Verdict.Cause, cause, h.Verdict)
	}
	for _, w := range words {
		if !strings.Contains(h.Verdict.Text+" | "+h.Verdict.Cure, w) {
			t.Errorf("%q is not in: %s | %s", w, h.Verdict.Text, h.Verdict.Cure)
		}
	}
}

// odd are the cases, made once because that takes a second.
var odd = sync.OnceValue(func() map[string]cases.Chain {
	all := map[string]cases.Chain{}
	for _, c := range cases.Chains(&maker{}, time.Now()) {
		all[c.ID] = c
	}
	return all
})

// maker is the test for the makers of cases, which all tests share. It fails no
// test.
type maker struct{ testing.TB }

func (*maker) Helper()           {}
func (*maker) Fatal(args ...any) { panic(fmt.Sprint(args...)) }

// serveCase serves a case on loopback.
func serveCase(t *testing.T, id string) (c cases.Chain, address string) {
	t.Helper()
	c, ok := odd()[id]
	if !ok {
		t.Fatalf("no case %s", id)
	}
	return c, serveTLS(t, &tls.Config{Certificates: []tls.Certificate{{Certificate: c.Sent, PrivateKey: c.Key}}})
}

// servePostgres serves a case on loopback as PostgreSQL does.
func servePostgres(t *testing.T, id string) (c cases.Chain, address string) {
	t.Helper()
	c = odd()[id]
	return c, serveAs(t, "postgres", &tls.Config{Certificates: []tls.Certificate{{Certificate: c.Sent, PrivateKey: c.Key}}})
}

func serveTLS(t *testing.T, config *tls.Config) string {
	t.Helper()
	return serveAs(t, "tls", config)
}

func serveAs(t *testing.T, kind string, config *tls.Config) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = listener.Close() })
	go accept(listener, kind, config)
	return listener.Addr().String()
}

// debian is a Debian root that trusts CAs, with readers in it.
func debian(t *testing.T, trust ...[]byte) fstest.MapFS {
	t.Helper()
	program := &fstest.MapFile{Mode: 0o755}
	return fstest.MapFS{
		"etc/os-release": {Data: []byte("ID=debian\n")}, "usr/sbin/update-ca-certificates": program,
		"etc/ssl/certs/ca-certificates.crt": {Data: []byte(pems(trust...))}, "usr/lib/ssl/cert.pem": {Mode: fs.ModeSymlink | 0o777, Data: []byte("/etc/ssl/certs/ca-certificates.crt")},
		"usr/bin/python3.11": program, "usr/bin/python3.13": program, "usr/bin/curl": program, "usr/local/bin/node": program, "usr/bin/go": program, "usr/bin/deno": program,
		"usr/lib/x86_64-linux-gnu/libssl.so.3": program, "usr/lib/erlang/releases/27/OTP_VERSION": program,
		"usr/lib/jvm/java-21/release": {Data: []byte("JAVA_VERSION=\"21.0.5\"\n")}, "usr/lib/jvm/java-21/lib/security/cacerts": {Data: java(t, trust...)},
	}
}

func pems(ders ...[]byte) (text string) {
	for _, der := range ders {
		text += string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}))
	}
	return text
}

// java is a trust store of Java.
func java(t *testing.T, ders ...[]byte) []byte {
	t.Helper()
	store := keystore.NewJKS("changeit")
	for n, der := range ders {
		c, err := certs.ParseCertificate(der)
		if err == nil {
			err = store.Add(keystore.Entry{Alias: fmt.Sprint(n), Cert: c})
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	data, err := store.Encode()
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// written puts a tree on the disk.
func written(t *testing.T, tree fstest.MapFS) string {
	t.Helper()
	dir := t.TempDir()
	roottest.WriteTo(t, tree, dir)
	return dir
}

// A server whose CA only one program has is trusted only by that program.
func TestR1OnlyOneTrustsIt(t *testing.T) {
	c, address := serveCase(t, "plain")
	other := odd()["intermediate"].Trust[0]
	for variable, line := range map[string]string{
		"NODE_EXTRA_CA_CERTS": "only Node (/usr/local/bin/node)", "CURL_CA_BUNDLE": "only curl (/usr/bin/curl) trusts it: it reads /etc/corp.pem",
		"PIP_CERT": "only programs that read PIP_CERT trust it: /etc/corp.pem has ", "AWS_CA_BUNDLE": "only programs that read AWS_CA_BUNDLE", "REQUESTS_CA_BUNDLE": "only programs that read REQUESTS_CA_BUNDLE",
		"GIT_SSL_CAINFO": "only programs that read GIT_SSL_CAINFO",
	} {
		tree := debian(t, other)
		delete(tree, "usr/bin/deno") // it reads Node's variable too
		tree["etc/corp.pem"] = &fstest.MapFile{Data: []byte(pems(c.Trust...))}
		image := imageOf(t, tree, variable+"=/etc/corp.pem")
		h := verified(t, 5, "--image", image, "--servername", c.Host, address)
		h.wants(t, "unknown-issuer", "does not trust")
		h.says(t, line, "trust")
	}
	tree := debian(t, other)
	tree["usr/lib/jvm/java-21/lib/security/cacerts"].Data = java(t, other, c.Trust[0])
	h := verified(t, 5, "--root", written(t, tree), "--servername", c.Host, address)
	h.says(t, "only Java 21.0.5 (/usr/lib/jvm/java-21) trusts it: it reads /usr/lib/jvm/java-21/lib/security/cacerts")
}

// imageOf makes an image of a tree, with an environment.
func imageOf(t *testing.T, tree fstest.MapFS, env ...string) string {
	t.Helper()
	l := roottest.NewLayout(t)
	return l.Tag(l.Image(roottest.Image{Layers: [][]byte{roottest.TarTree(t, tree)}, Config: map[string]any{"config": map[string]any{"Env": env}}}), "x")
}

// verify says what hides a CA from the default reader: a variable that names no
// file, or a gap in the numbers of hash links.
func TestVerifyNamesWhatIsNotRead(t *testing.T) {
	c, address := serveCase(t, "plain")
	ca, err := certs.ParseCertificate(c.Trust[0])
	if err != nil {
		t.Fatal(err)
	}
	tree := debian(t, odd()["intermediate"].Trust[0])
	h := verified(t, 5, "--image", imageOf(t, tree, "SSL_CERT_FILE=/etc/nothing.pem"), "--servername", c.Host, address)
	h.says(t, "OpenSSL (/usr/lib/x86_64-linux-gnu/libssl.so.3) reads nothing of /etc/nothing.pem: it cannot be read: ")
	tree["usr/lib/ssl/certs"] = &fstest.MapFile{Mode: fs.ModeSymlink | 0o777, Data: []byte("/etc/ssl/certs")}
	link := fmt.Sprintf("etc/ssl/certs/%08x.", ca.SubjectHash())
	tree[link+"1"] = &fstest.MapFile{Data: []byte(pems(c.Trust...)), Mode: 0o644}
	h = verified(t, 5, "--root", written(t, tree), "--servername", c.Host, address)
	h.says(t, "OpenSSL (/usr/lib/x86_64-linux-gnu/libssl.so.3) reads nothing of /"+link+"1: no link ")
}

// If only Java lacks the CA, the printed cure puts it into Java's store.
func TestVerifyCuresJava(t *testing.T) {
	c, address := serveCase(t, "plain")
	other := odd()["intermediate"].Trust[0]
	tree := debian(t, other)
	tree["usr/lib/jvm/java-21/lib/security/cacerts"].Data = java(t, other)
	root := written(t, tree)
	run(t, 0, "install", "--root", root, "--stores", "system", caFile(t, c))
	h := verified(t, 0, "--root", root, "--servername", c.Host, address)
	h.says(t, "Java 21.0.5 (/usr/lib/jvm/java-21) refuses: ", "; certgraft install --root "+root+" --stores java "+root)
	for _, line := range h.Caveats {
		if _, cure, ok := strings.Cut(line, "; certgraft "); ok && strings.HasPrefix(line, "Java") {
			run(t, 0, strings.Fields(cure)...)
		}
	}
	verified(t, 0, "--root", root, "--as", "java", "--servername", c.Host, address)
}

// libpq reads no store that nobody names. The cure is its own option, and no bundle: the root
// has one.
func TestVerifySaysHowLibpqReadsTheBundle(t *testing.T) {
	c, address := serveCase(t, "plain")
	tree := debian(t, c.Trust...)
	tree["usr/lib/x86_64-linux-gnu/libpq.so.5"] = &fstest.MapFile{Mode: 0o644}
	root := written(t, tree)
	h := verified(t, 1, "--root", root, "--as", "libpq", "--servername", c.Host, address)
	h.wants(t, "no-store", "finds none of its stores", "sslrootcert=/etc/ssl/certs/ca-certificates.crt", "sslrootcert=system")
	if strings.Contains(h.Verdict.Cure, "mozilla") || len(h.Warnings) > 0 {
		t.Errorf("the root has a bundle; cure %q, warnings %q", h.Verdict.Cure, h.Warnings)
	}
	h = verified(t, 1, "--root", root, "--as", "libpq", "--with", caFile(t, c), "--servername", c.Host, address) // installed in vain
	h.wants(t, "no-store", "finds none of its stores", "sslrootcert=", "sslrootcert=system")
	c, address = servePostgres(t, "plain")
	verified(t, 0, "--root", root, "--servername", c.Host, "postgres://me@"+address+"/app?sslmode=verify-full").says(t,
		"libpq (/usr/lib/x86_64-linux-gnu/libpq.so.5): it reads no system bundle by itself: with sslmode=verify-full say sslrootcert=/etc/ssl/certs/ca-certificates.crt")
}

// sslrootcert of an address is libpq's one store: it decides, and its cure does not name the
// option again.
func TestVerifyFollowsRootCertOfTheAddress(t *testing.T) {
	c, address := servePostgres(t, "plain")
	other := odd()["intermediate"].Trust[0]
	const at = "usr/lib/x86_64-linux-gnu/libpq.so.5"
	libpq := &fstest.MapFile{Mode: 0o644}
	var mine fstest.MapFS // the CA of the server is in a file of its own
	for _, release := range []string{"15", "17"} {
		mine = debian(t, other)
		mine["etc/corp.pem"], mine["etc/other.pem"] = &fstest.MapFile{Data: []byte(pems(c.Trust...))}, &fstest.MapFile{Data: []byte(pems(other))}
		mine[at] = &fstest.MapFile{Mode: fs.ModeSymlink | 0o777, Data: []byte("libpq.so.5." + release)}
		mine[at+"."+release] = libpq
		root, verify := written(t, mine), func(status int, option string, args ...string) heard {
			return verified(t, status, append([]string{"--root", written(t, mine), "--servername", c.Host, "postgres://me@" + address + "/app?sslmode=verify-full" + option}, args...)...)
		}
		verify(5, "")
		verify(0, "&sslrootcert=/etc/corp.pem")
		verify(0, "&sslrootcert=%2Fetc%2Fcorp.pem")
		verify(0, "&sslrootcert=/etc/corp.pem", "--as", "libpq")
		verify(5, "&sslrootcert=/etc/corp.pem", "--as", "openssl")
		h := verify(5, "&sslrootcert=/etc/other.pem")
		h.wants(t, "unknown-issuer", "libpq", "certgraft bundle --output NEW.pem ", "/etc/other.pem ./ROOT.pem")
		if text := fmt.Sprint(h); strings.Contains(text, "sslrootcert") {
			t.Errorf("the option is given: %s", text)
		}
		h = verify(5, "&sslrootcert=/etc/missing.pem")
		h.says(t, "libpq (/usr/lib/x86_64-linux-gnu/libpq.so.5."+release+") reads nothing of /etc/missing.pem: it cannot be read: ")
		h.wants(t, "unknown-issuer", "certgraft bundle --output ", "/etc/missing.pem ./ROOT.pem")
		out, _ := run(t, 0, "verify", "--root", root, "--servername", c.Host, "postgres://"+address+"/app?sslrootcert=/etc/corp.pem")
		if want := "asked: libpq (/usr/lib/x86_64-linux-gnu/libpq.so.5." + release + ") with sslrootcert=/etc/corp.pem\n"; !strings.Contains(out, want) {
			t.Errorf("%q is not in: %s", want, out)
		}
	}
	tree := debian(t, c.Trust...) // the CA of the server is in the stores
	tree[at+".17"] = libpq
	tree[at] = &fstest.MapFile{Mode: fs.ModeSymlink | 0o777, Data: []byte("libpq.so.5.17")}
	system := "postgres://" + address + "/app?sslrootcert=system"
	verified(t, 0, "--root", written(t, tree), "--servername", c.Host, system)
	verified(t, 0, "--image", imageOf(t, tree, "PGSSLROOTCERT=system"), "--as", "libpq", "--servername", c.Host, "--starttls", "postgres", address)
	verified(t, 0, "--image", imageOf(t, mine, "PGSSLROOTCERT=/etc/corp.pem"), "--as", "libpq", "--servername", c.Host, "--starttls", "postgres", address)
	verified(t, 5, "--root", written(t, mine), "--servername", c.Host, system).wants(t, "unknown-issuer", "certgraft install --root")
	delete(tree, at+".17")
	tree[at+".15"] = libpq
	tree[at] = &fstest.MapFile{Mode: fs.ModeSymlink | 0o777, Data: []byte("libpq.so.5.15")}
	verified(t, 1, "--root", written(t, tree), "--servername", c.Host, system).wants(t, "no-store", "from version 16 on")
}

// On the running system a path of libpq begins in the working directory.
func TestVerifyReadsRootCertWhereItRuns(t *testing.T) {
	c, address := servePostgres(t, "plain")
	t.Chdir(t.TempDir())
	if err := writeFile("corp.pem", pems(c.Trust...)); err != nil {
		t.Fatal(err)
	}
	verified(t, 0, "--servername", c.Host, "host=127.0.0.1 port="+address[len("127.0.0.1:"):]+" sslrootcert=corp.pem")
	t.Setenv("PGSSLROOTCERT", "corp.pem")
	verified(t, 0, "--as", "libpq", "--servername", c.Host, "--starttls", "postgres", address)
}

// A bundle that the default reader cannot load is not trusted, although other
// programs can load it. The printed cure repairs it.
func TestR2DamagedBundle(t *testing.T) {
	c, address := serveCase(t, "plain")
	tree := debian(t, odd()["intermediate"].Trust[0])
	bundle := tree["etc/ssl/certs/ca-certificates.crt"]
	bundle.Data = append([]byte(strings.TrimSuffix(string(bundle.Data), "\n")), pems(c.Trust...)...) // glued
	root := written(t, tree)
	h := verified(t, 5, "--root", root, "--servername", c.Host, address)
	h.wants(t, "damaged-store", "OpenSSL reads nothing of /etc/ssl/certs/ca-certificates.crt: line ", "certgraft install --root "+root)
	anchor := filepath.Join(t.TempDir(), "any.pem")
	if err := writeFile(anchor, pems(c.Trust...)); err != nil {
		t.Fatal(err)
	}
	args := strings.Fields(strings.Replace(h.Verdict.Cure, "./ROOT.pem", anchor, 1))
	run(t, 0, args[1:]...)
	verified(t, 0, "--root", root, "--servername", c.Host, address)
}

// Some readers trust a server that is its own CA once it is installed, and others
// never do.
func TestR3SelfSignedServer(t *testing.T) {
	c, address := serveCase(t, "self-signed")
	root := written(t, debian(t, c.Trust...))
	h := verified(t, 0, "--root", root, "--servername", c.Host, address)
	h.says(t, "Erlang 27 (/usr/lib/erlang) refuses: the server's certificate names itself as its issuer", "make a CA")
	h = verified(t, 5, "--root", root, "--as", "erlang", "--servername", c.Host, address)
	h.wants(t, "self-signed", "make a CA")
	c, address = serveCase(t, "leaf-ca")
	verified(t, 0, "--root", written(t, debian(t, c.Trust...)), "--servername", c.Host, address)
	h = verified(t, 5, "--root", written(t, debian(t, c.Trust...)), "--as", "deno", "--with", caFile(t, c), "--servername", c.Host, address)
	h.wants(t, "purpose", "the server's certificate is a CA's", "make a CA")
}

func caFile(t *testing.T, c cases.Chain) string {
	t.Helper()
	name := filepath.Join(t.TempDir(), "ca.pem")
	if err := writeFile(name, pems(c.Trust...)); err != nil {
		t.Fatal(err)
	}
	return name
}

// verify says what Python from 3.13 on requires beyond other readers, and what to
// add.
func TestR4StrictPython(t *testing.T) {
	for id, cure := range map[string]string{"leaf-no-aki": "authorityKeyIdentifier=keyid", "root-no-usage": "keyUsage=critical,keyCertSign,cRLSign", "root-no-ski": "subjectKeyIdentifier=hash"} {
		c, address := serveCase(t, id)
		root := written(t, debian(t, c.Trust...))
		verified(t, 0, "--root", root, "--servername", c.Host, address).says(t, "Python's ssl 3.13 (/usr/bin/python3.13) refuses: ", cure, "VERIFY_X509_STRICT")
		verified(t, 0, "--root", root, "--as", "python/3.11", "--servername", c.Host, address)
		verified(t, 5, "--root", root, "--as", "python/3.13", "--servername", c.Host, address).wants(t, "purpose", cure)
	}
}

// Name constraints are judged as each reader judges them.
func TestR5NameConstraints(t *testing.T) {
	c, address := serveCase(t, "directory-permitted")
	h := verified(t, 0, "--root", written(t, debian(t, c.Trust...)), "--servername", c.Host, address)
	h.says(t, "Go (/usr/bin/go) refuses: ", "name constraints")
	c, address = serveCase(t, "cn-not-permitted")
	verified(t, 5, "--root", written(t, debian(t, c.Trust...)), "--servername", c.Host, address).wants(t, "purpose", "may not issue for the names")
}

// The readers that accept a certificate with only a common name are the measured
// ones.
func TestR6CommonNameOnly(t *testing.T) {
	c, address := serveCase(t, "cn-only")
	root := written(t, debian(t, c.Trust...))
	h := verified(t, 0, "--root", root, "--servername", c.Host, address)
	h.says(t, "Go (/usr/bin/go); ", "Erlang 27", "subjectAltName")
	for id, status := range map[string]int{"curl": 0, "python": 0, "ruby": 0, "go": 5, "requests": 5, "erlang": 5} {
		verified(t, status, "--root", root, "--as", id, "--servername", c.Host, address)
	}
	for _, line := range h.Caveats {
		if strings.Contains(line, "curl") {
			t.Errorf("curl takes it: %s", line)
		}
	}
}

// A star with Erlang, version 1 with rustls, an underscore with Java.
func TestR7OddNamesAndVersions(t *testing.T) {
	for id, line := range map[string][2]string{
		"wildcard":       {"Erlang 27 (/usr/lib/erlang) refuses: ", "customize_hostname_check"},
		"leaf-version-1": {"Deno (/usr/bin/deno) refuses: ", "version 3"},
		"underscore":     {"Java 21.0.5 (/usr/lib/jvm/java-21) refuses: ", "letters, digits and hyphens"},
	} {
		c, address := serveCase(t, id)
		h := verified(t, 0, "--root", written(t, debian(t, c.Trust...)), "--with", caFile(t, c), "--servername", c.Host, address)
		h.says(t, line[0], line[1])
	}
	c, address := serveCase(t, "wildcard")
	h := verified(t, 5, "--root", written(t, debian(t, c.Trust...)), "--with", caFile(t, c), "--servername", c.Host, "--as", "erlang", address)
	h.wants(t, "wrong-name", "customize_hostname_check")
}

// If the issuer of a server has a provider's name, verify names the provider.
func TestR9ProviderByItsName(t *testing.T) {
	for name, provider := range map[string]string{"0a1b2c3d Project CA": "aiven", "Google Cloud SQL Server CA": "gcp-cloudsql"} {
		ca := roottest.NewCA(t, name)
		address := serveTLS(t, &tls.Config{Certificates: []tls.Certificate{ca.Issue(t, "127.0.0.1")}})
		h := verified(t, 5, "--root", written(t, debian(t, odd()["plain"].Trust...)), address)
		h.wants(t, "unknown-issuer", "it looks like "+provider)
	}
}

// A chain through a blocked CA is refused, even if readers trust it.
func TestVerifyRefusesAListedCA(t *testing.T) {
	c, address := serveCase(t, "plain")
	list := filepath.Join(t.TempDir(), "mine.json")
	if err := writeFile(list, fmt.Sprintf(`{"version":1,"distrust":[{"name":"acme","title":"The old CA","since":"2026-11-01","why":"its key was stolen","certificates":[{"name":"Old","sha256":"%x","notAfter":"2030-01-01"}]}]}`, sha256.Sum256(c.Trust[0]))); err != nil {
		t.Fatal(err)
	}
	root := written(t, debian(t, c.Trust...))
	verified(t, 0, "--root", root, "--servername", c.Host, address)
	h := verified(t, 5, "--root", root, "--catalog", list, "--servername", c.Host, address)
	h.wants(t, "distrusted", "which is distrusted", "its key was stolen", "another CA")
}

// If trust is not the fault, verify tells the user to install nothing.
func TestR16Placeholder(t *testing.T) {
	for name, product := range map[string]string{"Kubernetes Ingress Controller Fake Certificate": "ingress-nginx", "TRAEFIK DEFAULT CERT": "Traefik"} {
		ca := roottest.NewCA(t, name, func(c *x509.Certificate) {
			c.Subject, c.DNSNames = pkix.Name{CommonName: name}, []string{"ingress.local"}
			roottest.Leaf(c)
		})
		pair, err := tls.X509KeyPair([]byte(ca.PEM()), []byte(ca.KeyPEM(t)))
		if err != nil {
			t.Fatal(err)
		}
		address := serveTLS(t, &tls.Config{Certificates: []tls.Certificate{pair}})
		h := verified(t, 5, "--root", written(t, debian(t, odd()["plain"].Trust...)), "--servername", "shop.example.com", address)
		h.wants(t, "placeholder", product+" answers with its placeholder", "shop.example.com", "--servername")
		if strings.Contains(h.Verdict.Cure, "install") {
			t.Errorf("cure: %s", h.Verdict.Cure)
		}
	}
}

func TestR16AddressAsDNSName(t *testing.T) {
	c, address := serveCase(t, "ip-as-dns")
	h := verified(t, 5, "--root", written(t, debian(t, c.Trust...)), address)
	h.wants(t, "wrong-name", "has 127.0.0.1 as a DNS name", "subjectAltName=IP:127.0.0.1")
}

// verify finds the CA in the directory of the distribution's tool, and the cure
// installs it.
func TestR16CAWaits(t *testing.T) {
	c, address := serveCase(t, "plain")
	for name, why := range map[string]string{"corp.pem": "takes only files whose names end in .crt", "corp.crt": "was not run since", "deep/corp.crt": "was not run since"} {
		tree := debian(t, odd()["intermediate"].Trust[0])
		tree["usr/local/share/ca-certificates/"+name] = &fstest.MapFile{Data: []byte(pems(c.Trust...)), Mode: 0o644}
		root := written(t, tree)
		h := verified(t, 5, "--root", root, "--servername", c.Host, address)
		h.wants(t, "unknown-issuer", "the CA waits in /usr/local/share/ca-certificates/"+name, why, "certgraft install --root ")
		run(t, 0, strings.Fields(h.Verdict.Cure)[1:]...)
		verified(t, 0, "--root", root, "--servername", c.Host, address)
	}
}

func TestR16ClientCertificate(t *testing.T) {
	c := odd()["plain"]
	address := serveTLS(t, &tls.Config{Certificates: []tls.Certificate{{Certificate: c.Sent, PrivateKey: c.Key}}, ClientAuth: tls.RequireAnyClientCert})
	h := verified(t, 0, "--root", written(t, debian(t, c.Trust...)), "--servername", c.Host, address)
	h.says(t, "the server asks for a client certificate")
}

func TestR16Alert80(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	go func() {
		for {
			c, err := listener.Accept()
			if err != nil {
				return
			}
			_, _ = c.Read(make([]byte, 4096))
			_, _ = c.Write([]byte{21, 3, 3, 0, 2, 2, 80})
			_ = c.Close()
		}
	}()
	verified(t, 1, "--root", written(t, debian(t)), listener.Addr().String()).wants(t, "tls-fails", "internal error", "access list")
}

func TestR16Plurals(t *testing.T) {
	c, address := serveCase(t, "unrelated-sent")
	root := written(t, debian(t, c.Trust...))
	verified(t, 0, "--root", root, "--servername", c.Host, address).says(t, "the server sends 1 certificate that")
	out, _ := run(t, 0, "verify", "--root", root, "--servername", c.Host, address)
	if strings.Contains(out, "1 certificates") || strings.Contains(out, "1 days") {
		t.Error(out)
	}
}

// A server with a hundred certificates or ten thousand names is judged by every
// reader within seconds, and the text fits a page.
func TestVerifyIsBounded(t *testing.T) {
	ca := roottest.NewCA(t, "Loop")
	many := ca.Issue(t, "127.0.0.1")
	for range 99 {
		many.Certificate = append(many.Certificate, ca.Intermediate(t, "Loop").DER)
	}
	names := []string{"127.0.0.1"}
	for n := range 10000 {
		names = append(names, fmt.Sprintf("host-%d.example.com", n))
	}
	root := written(t, debian(t, ca.DER))
	for what, server := range map[string]tls.Certificate{"a hundred certificates": many, "ten thousand names": ca.Issue(t, names...)} {
		address := serveTLS(t, &tls.Config{Certificates: []tls.Certificate{server}})
		start := time.Now()
		out, _ := run(t, 0, "verify", "--root", root, "--timeout", "60s", address)
		if took := time.Since(start); took > 20*time.Second || len(out) > 10000 {
			t.Errorf("%s: %v, %d bytes", what, took, len(out))
		}
	}
}
