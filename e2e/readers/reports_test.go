//go:build e2e

package readers

import (
	"crypto"
	"crypto/tls"
	"encoding/pem"
	"fmt"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/certgraft/certgraft/certs"
	"github.com/certgraft/certgraft/e2e/rig"
	"github.com/certgraft/certgraft/internal/cases"
	"github.com/certgraft/certgraft/internal/roottest"
)

// A report is what somebody met: a client that refuses a server. What verify prints of it,
// pasted where it says, makes the client connect.
type report struct {
	name   string // repository and number
	chain  string // of internal/cases, that the server sends
	client string // a column of the matrix, or one of reportClients
	as     string // whom verify is asked about; "" is the default reader
	state  func(t *testing.T, p *patient)
	prints string // regular expression: the line that is the cure. What it captures is pasted
	paste  func(t *testing.T, p *patient, cure string)
	here   bool // with this machine's program, and without SLOW=1 too
}

// reports are those that facts of the field named; each is a fault that verify did not see, or whose
// cure did not work as printed.
var reports = []report{
	// The CA is known to other programs, and not to this one.
	{"microsoft/vscode-remote-release#6092", "plain", "curl/8.14", "", namedForNode, `(certgraft install [^\s;]+)`, command, true},
	{"docker-library/openjdk#127", "plain", "java/21", "java", withoutJava, `(certgraft install [^\s;]+)`, command, false},
	{"gradle/gradle#29027", "plain", "java in /home/u/.gradle/jdks/21", "java", javaAt("/home/u/.gradle/jdks/21"), `(certgraft install [^\s;]+)`, command, false},
	{"sdkman/sdkman-cli#1024", "plain", "java in /home/u/.sdkman/candidates/java/21", "java", javaAt("/home/u/.sdkman/candidates/java/21"), `(certgraft install [^\s;]+)`, command, false},
	{"paketo-buildpacks/libjvm#272", "plain", "java in /layers/paketo/jre", "java", javaAt("/layers/paketo/jre"), `(certgraft install [^\s;]+)`, command, false},
	{"SAP/jenkins-library#1942", "plain", "java/21", "java", encrypted, `(certgraft install [^\s;]+)`, converted, false},
	// It is in the bundle, which is damaged.
	{"flatcar/Flatcar#1601", "plain", "curl/8.14", "", glued, `(certgraft install [^\s;]+)`, command, true},
	// Each account has its own, which the catalogue says how to get.
	{"digitalocean/terraform-provider-digitalocean#388", "database", "libpq/17", "", empty, `it looks like digitalocean-db: (certgraft list digitalocean-db)`, provider, true},
	// Trust cannot cure it.
	{"erlang/otp#8057", "self-signed", "erlang/27", "", everywhere, `Erlang \d+.* refuses?: .*(make a CA, install it, and have it issue)`, anew, true},
	{"teslamate-org/teslamate#3243", "self-signed-ca", "erlang/27", "", everywhere, `Erlang \d+.* refuses?: .*(make a CA, install it, and have it issue)`, anew, false},
	{"jbg/tokio-postgres-rustls#23", "self-signed-ca", "deno/2.9", "deno", everywhere, `(make a CA, install it, and have it issue)`, anew, false},
	{"launchbadge/sqlx#2886", "leaf-version-1", "deno/2.9", "deno", everywhere, `as version 3: (openssl x509 -req).* with (-extfile)`, anew, false},
	// Rules of RFC 5280.
	{"python/cpython#133564", "leaf-no-aki", "python/3.13", "", everywhere, `Python's ssl 3.13.* refuses?: .*(context\.verify_flags &= .*)`, statement, false},
	{"python/cpython#138193", "root-no-usage", "python/3.13", "", everywhere, `Python's ssl 3.13.* refuses?: .*have it issued anew with ([^\s;]+)`, extension, false},
	{"OpenVPN/easy-rsa#1418", "root-constraints-not-critical", "python/3.13", "", everywhere, `Python's ssl 3.13.* refuses?: .*have it issued anew with ([^\s;]+)`, extension, false},
	{"eclipse-mosquitto/mosquitto#3201", "root-no-ski", "python/3.13", "python", everywhere, `have it issued anew with ([^\s;]+)`, extension, false},
	{"python-poetry/install.python-poetry.org#145", "leaf-no-aki", "httpx/0.28", "httpx", everywhere, `have it issued anew with ([^\s;]+)`, extension, false},
	// Names and name constraints.
	{"debops/debops#728", "directory-permitted", "go/1.26", "go", everywhere, `(have it issued anew without that extension)`, anew, true},
	{"openssl/openssl#13758", "cn-not-permitted", "openssl/3.5", "", everywhere, `(certificate for names that the CA may issue for, or of another CA)`, anew, true},
	{"golang/go#39568", "cn-only", "go/1.26", "go", everywhere, `(have the certificate issued with the host itself as subjectAltName)`, anew, true},
	{"hexpm/hex#1637", "cn-only", "erlang/27", "", everywhere, `Erlang \d+.* refuses?: .*(have the certificate issued with the host itself as subjectAltName)`, anew, false},
	{"a wildcard, with Erlang", "wildcard", "erlang/27", "", everywhere, `Erlang \d+.* refuses?: .*add (\{customize_hostname_check.*\}) to the options`, option, false},
	{"docker/docs#21918", "ip-as-dns", "curl/8.14", "", everywhere, `have it issued with (subjectAltName=\S+\w)`, extension, true},
	{"kubernetes/ingress-nginx#1374", "placeholder", "curl/8.14", "", empty, `(have one issued for this name)`, anew, true},
}

// reported are servers that no case is about.
func reported(t *testing.T) []cases.Chain {
	t.Helper()
	project := roottest.NewCA(t, "9d7f0e4c-0000-4000-8000-000000000000 Project CA")
	database := project.Issue(t, "db-1-do-user-1.b.db.ondigitalocean.com")
	fake := roottest.NewCA(t, "Acme Co").Issue(t, "ingress.local")
	return []cases.Chain{
		{ID: "database", Host: "db-1-do-user-1.b.db.ondigitalocean.com", Sent: [][]byte{database.Certificate[0], project.DER}, Key: database.PrivateKey.(crypto.Signer), Trust: [][]byte{project.DER}},
		{ID: "placeholder", Host: "app.certgraft.test", Sent: fake.Certificate, Key: fake.PrivateKey.(crypto.Signer)},
	}
}

// patient is the root of a report, and what is pasted into it.
type patient struct {
	root   string
	chain  cases.Chain
	port   int
	client client
	env    []string
	said   string // by commands that were pasted
}

// The clients of the reports connect after what verify prints of each is done, and not
// before.
func TestReports(t *testing.T) {
	rig.Slow(t)
	chains := append(cases.Chains(t, time.Now()), reported(t)...)
	root := newRoot(t, "trixie")
	nameHosts(t, root, chains)
	for _, r := range reports {
		t.Run(r.name, func(t *testing.T) { r.try(t, root, chains, clientNamed(t, r.client)) })
	}
}

// TestReportsHere does this with programs of this machine.
func TestReportsHere(t *testing.T) {
	chains := append(cases.Chains(t, time.Now()), reported(t)...)
	root := hostRoot(t)
	nameHosts(t, root, chains)
	for _, r := range reports {
		if !r.here {
			continue
		}
		t.Run(r.name, func(t *testing.T) {
			id, _, _ := strings.Cut(r.client, "/")
			i := slices.IndexFunc(hostClients, func(c hostClient) bool { return c.reader == id })
			if out, err := tryInside(t, root, "sh", "-c", hostClients[i].release); err != nil {
				t.Skipf("this machine does not have %s: %v\n%s", id, err, out)
			}
			r.try(t, root, chains, client{reader: id, run: hostClients[i].run, trust: hostClients[i].trust})
		})
	}
}

// try has a client refuse the server, and connect after the cure.
func (r report) try(t *testing.T, root string, chains []cases.Chain, c client) {
	t.Helper()
	rig.Run(t, "cp", rig.Certgraft, filepath.Join(root, "usr/local/bin/certgraft"))
	chain := chains[slices.IndexFunc(chains, func(c cases.Chain) bool { return c.ID == r.chain })]
	p := &patient{root: root, chain: chain, client: c, port: serve(t, chain)}
	p.blank(t)
	r.state(t, p)
	if said := p.connects(t); said == "" || said == "hello" {
		t.Fatalf("%s does not refuse the server, it says %q", r.client, said)
	}
	printed := p.verify(t, r.as)
	cure := regexp.MustCompile(r.prints).FindStringSubmatch(printed)
	if cure == nil {
		t.Fatalf("verify prints nothing like %q:\n%s", r.prints, printed)
	}
	r.paste(t, p, strings.Join(cure[1:], " "))
	if said := p.connects(t); said != "hello" {
		t.Errorf("%s after %q: %s\n%s\n%s", r.client, cure[1:], said, printed, p.said)
	}
}

// clientNamed returns a client of the matrix, or a Java that lies elsewhere.
func clientNamed(t *testing.T, name string) client {
	t.Helper()
	if home, ok := strings.CutPrefix(name, "java in "); ok {
		return client{reader: name, run: home + `/bin/java -cp /opt Readers`}
	}
	i := slices.IndexFunc(clients, func(c client) bool { return c.reader == name })
	if i < 0 {
		t.Fatalf("no client is %s", name)
	}
	return clients[i]
}

// in returns the path of a file of the root.
func (p *patient) in(name string) string { return filepath.Join(p.root, name) }

// blank leaves a root that trusts somebody, and not the CA of the server. That is ./ca.pem of
// /opt/work, where commands are pasted.
func (p *patient) blank(t *testing.T) {
	t.Helper()
	rig.Run(t, "rm", "-rf", p.in("opt/work"), p.in("usr/local/share/ca-certificates"), p.in("home/u"), p.in("layers"))
	rig.Run(t, "mkdir", "-p", p.in("usr/local/share/ca-certificates"))
	trustAll(t, p.root, p.stranger(t))
	for _, name := range []string{"ca.pem", "ROOT.pem", "CA.pem"} {
		rig.Write(t, p.in("opt/work/"+name), pems(p.chain.Trust))
	}
}

// stranger is a CA that has nothing to do with the server.
func (p *patient) stranger(t *testing.T) *certs.Set {
	t.Helper()
	file := rig.NewAuthority(t, "Some Other Root").CAFile
	rig.Write(t, p.in("opt/work/stranger.pem"), rig.Read(t, file))
	all := &certs.Set{}
	for c, err := range certs.Parse([]byte(rig.Read(t, file))) {
		if err != nil {
			t.Fatal(err)
		}
		all.Add(c, file)
	}
	return all
}

// connects returns what the client says of the server.
func (p *patient) connects(t *testing.T) string {
	t.Helper()
	rig.Write(t, p.in("opt/cases.txt"), fmt.Sprintf("it %s %d\n", p.chain.Host, p.port))
	return answers(t, p.client, p.root, slices.Concat(p.client.trust, p.env)...)["it"]
}

// verify returns what it prints.
func (p *patient) verify(t *testing.T, as string) string {
	t.Helper()
	args := []string{p.root, "env", "-i", "PATH=/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "HOME=/home/u"}
	args = slices.Concat(args, p.client.trust, p.env, []string{"certgraft", "verify"})
	if as != "" {
		args = append(args, "--as", as)
	}
	out, _ := rig.Try(t, "chroot", append(args, fmt.Sprintf("%s:%d", p.chain.Host, p.port))...)
	return out
}

func pems(ders [][]byte) (text string) {
	for _, der := range ders {
		text += string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}))
	}
	return text
}

// States of the root.

// empty changes nothing.
func empty(*testing.T, *patient) {}

// everywhere has every store trust the CA.
func everywhere(t *testing.T, p *patient) {
	t.Helper()
	trustAll(t, p.root, set(t, []cases.Chain{p.chain}))
}

// namedForNode has the CA in a file that a variable of Node names.
func namedForNode(t *testing.T, p *patient) {
	t.Helper()
	p.env = append(p.env, "NODE_EXTRA_CA_CERTS=/opt/work/ca.pem")
}

// withoutJava has every store but Java's trust the CA.
func withoutJava(t *testing.T, p *patient) {
	t.Helper()
	cacerts := rig.Read(t, p.in("etc/ssl/certs/java/cacerts"))
	everywhere(t, p)
	rig.Write(t, p.in("etc/ssl/certs/java/cacerts"), cacerts)
}

// javaAt has a runtime of Java in a place, with a trust store of its own.
func javaAt(home string) func(t *testing.T, p *patient) {
	return func(t *testing.T, p *patient) {
		t.Helper()
		inside(t, p.root, "sh", "-ec", `mkdir -p "$(dirname "$1")" && cp -al /usr/lib/jvm/java-21-openjdk-amd64 "$1" && cd "$1"
find . -type l ! -path ./lib/security/cacerts | while read -r link; do [ -e "$link" ] || continue; to=$(readlink -f "$link") && rm "$link" && cp -R "$to" "$link"; done
rm lib/security/cacerts && cp /etc/ssl/certs/java/cacerts lib/security/cacerts`, "sh", home)
	}
}

// encrypted gives Java a trust store that it cannot read without a password.
func encrypted(t *testing.T, p *patient) {
	t.Helper()
	everywhere(t, p)
	inside(t, p.root, "openssl", "pkcs12", "-export", "-nokeys", "-in", "/opt/work/ca.pem", "-out", "/etc/ssl/certs/java/cacerts", "-passout", "pass:changeit", "-jdktrust", "anyExtendedKeyUsage")
}

// glued has the CA appended to a bundle that does not end in a line feed.
func glued(t *testing.T, p *patient) {
	t.Helper()
	bundle := p.in("etc/ssl/certs/ca-certificates.crt")
	rig.Write(t, bundle, strings.TrimSpace(rig.Read(t, bundle))+pems(p.chain.Trust))
	rig.Write(t, p.in("usr/local/share/ca-certificates/corp.crt"), pems(p.chain.Trust))
}

// Ways to paste.

// command runs it in /opt/work.
func command(t *testing.T, p *patient, cure string) {
	t.Helper()
	out, err := rig.Try(t, "chroot", append([]string{p.root, "env", "-i", "PATH=/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "HOME=/home/u"}, append(p.env, "sh", "-c", "cd /opt/work && "+cure)...)...)
	if err != nil {
		t.Fatalf("%s: %v\n%s", cure, err, out)
	}
	p.said += out
}

// provider runs the last command that the catalogue has for a provider, which installs.
func provider(t *testing.T, p *patient, cure string) {
	t.Helper()
	listed, err := rig.Try(t, rig.Certgraft, strings.Fields(cure)[1:]...)
	install := regexp.MustCompile(`certgraft install \S+`).FindString(listed)
	if err != nil || install == "" {
		t.Fatalf("%s: %v\n%s", cure, err, listed)
	}
	_, file, _ := strings.Cut(install, "install ")
	rig.Write(t, p.in(filepath.Join("opt/work", file)), pems(p.chain.Trust))
	command(t, p, install)
}

// converted does what install says of an encrypted trust store, with names in the place of FILE and
// NEW.
func converted(t *testing.T, p *patient, cure string) {
	t.Helper()
	command(t, p, cure)
	keytool := regexp.MustCompile(`keytool -importkeystore .* JKS`).FindString(p.said)
	if keytool == "" {
		t.Fatalf("install does not say how:\n%s", p.said)
	}
	const store = "/etc/ssl/certs/java/cacerts"
	command(t, p, `printf 'changeit\nchangeit\nchangeit\n' | `+strings.NewReplacer("FILE", store, "NEW", "./new").Replace(keytool)+` && cp ./new `+store)
}

// statement is a line of Python.
func statement(_ *testing.T, p *patient, cure string) { p.env = append(p.env, "PASTED="+cure) }

// option is one of Erlang's ssl.
func option(_ *testing.T, p *patient, cure string) {
	p.client.run += " '" + cure + "'"
}

// anew does what the advice says: a CA that is made for it is installed, and the server gets a
// certificate from it for the host.
func anew(t *testing.T, p *patient, _ string) {
	t.Helper()
	p.issue(t, "", "")
}

// extension has the CA or the certificate issued anew with it.
func extension(t *testing.T, p *patient, cure string) {
	t.Helper()
	if strings.HasPrefix(cure, "authorityKeyIdentifier") || strings.HasPrefix(cure, "subjectAltName") {
		p.issue(t, "", cure)
	} else {
		p.issue(t, cure, "")
	}
}

// issue makes a CA and a certificate with openssl, with an extension each, installs the CA
// and gives the server the certificate.
func (p *patient) issue(t *testing.T, ofCA, ofLeaf string) {
	t.Helper()
	kind := "DNS"
	if strings.Trim(p.chain.Host, "0123456789.") == "" {
		kind = "IP"
	}
	lines := func(all ...string) string {
		return strings.Join(slices.DeleteFunc(all, func(l string) bool { return l == "" }), "\n") + "\n"
	}
	unless := func(extension, given string) string {
		if strings.HasPrefix(given, strings.SplitN(extension, "=", 2)[0]) {
			return given
		}
		return extension
	}
	rig.Write(t, p.in("opt/work/ca.cnf"), lines("[req]", "distinguished_name=dn", "x509_extensions=ca", "prompt=no", "[dn]", "CN=Our CA", "[ca]",
		unless("basicConstraints=critical,CA:TRUE", ofCA), unless("keyUsage=critical,keyCertSign,cRLSign", ofCA), unless("subjectKeyIdentifier=hash", ofCA)))
	rig.Write(t, p.in("opt/work/leaf.cnf"), lines(unless("subjectAltName="+kind+":"+p.chain.Host, ofLeaf), "extendedKeyUsage=serverAuth", unless("authorityKeyIdentifier=keyid", ofLeaf)))
	command(t, p, `openssl req -x509 -new -nodes -newkey rsa:2048 -days 30 -config ca.cnf -keyout new.key -out new.pem &&
openssl req -new -nodes -newkey rsa:2048 -subj /CN=server -keyout leaf.key -out leaf.csr && openssl x509 -req -days 30 -in leaf.csr -CA new.pem -CAkey new.key -extfile leaf.cnf -out leaf.pem &&
certgraft install ./new.pem`)
	pair, err := tls.LoadX509KeyPair(p.in("opt/work/leaf.pem"), p.in("opt/work/leaf.key"))
	if err != nil {
		t.Fatal(err)
	}
	p.chain.Sent, p.chain.Key = pair.Certificate, pair.PrivateKey.(crypto.Signer)
	p.port = serve(t, p.chain)
}
