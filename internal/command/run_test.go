package command

import (
	"bytes"
	"maps"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/certgraft/certgraft/certs"
	"github.com/certgraft/certgraft/installer"
	"github.com/certgraft/certgraft/internal/hint"
	"github.com/certgraft/certgraft/internal/roottest"
	"github.com/certgraft/certgraft/keystore"
)

// testPrinter returns a printer, and the buffer of its standard error.
func testPrinter(env environ) (*printer, *bytes.Buffer) {
	var said bytes.Buffer
	return newPrinter(nil, nil, &said, env), &said
}

func testSet(t *testing.T, cas ...*roottest.CA) *certs.Set {
	t.Helper()
	set := &certs.Set{}
	for _, ca := range cas {
		c, err := certs.ParseCertificate(ca.DER)
		if err != nil {
			t.Fatal(err)
		}
		set.Add(c, "corp")
	}
	return set
}

func holds(t *testing.T, set *certs.Set, ca *roottest.CA) bool {
	t.Helper()
	for c := range set.All() {
		if bytes.Equal(c.Raw, ca.DER) {
			return true
		}
	}
	return false
}

func testFile(t *testing.T, name string, data []byte) string {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(name, data, 0o644); err != nil {
		t.Fatal(err)
	}
	return name
}

// The system's CAs are kept. Without any, the Mozilla roots are used, and a
// message says so.
func TestRunSetSystem(t *testing.T) {
	root, system := t.TempDir(), roottest.NewCA(t, "System")
	p, said := testPrinter(environ{})
	if set := runSet(t.Context(), p, root, nil); set.Len() < 100 || !strings.Contains(said.String(), "note: this system has no CAs") {
		t.Errorf("%d certificates, said %q", set.Len(), said)
	}
	said.Reset()
	testFile(t, filepath.Join(root, "etc/ssl/cert.pem"), []byte(system.PEM()))
	if set := runSet(t.Context(), p, root, nil); set.Len() != 1 || !holds(t, set, system) || said.Len() != 0 {
		t.Errorf("%d certificates, said %q", set.Len(), said)
	}
}

// The command still trusts every CA that it trusted before by any variable.
func TestRunSetMerges(t *testing.T) {
	dir := t.TempDir()
	file, inDir, java, later := roottest.NewCA(t, "File"), roottest.NewCA(t, "In a directory"), roottest.NewCA(t, "Java"), roottest.NewCA(t, "Later")
	testFile(t, filepath.Join(dir, "d/a.pem"), []byte(inDir.PEM()))
	testFile(t, filepath.Join(dir, "d/README"), []byte("nothing\n"))
	store := func(name, password string, ca *roottest.CA) string {
		s := keystore.NewJKS(password)
		for c := range testSet(t, ca).All() {
			if err := s.Add(keystore.Entry{Alias: "x", Cert: c}); err != nil {
				t.Fatal(err)
			}
		}
		data, err := s.Encode()
		if err != nil {
			t.Fatal(err)
		}
		return testFile(t, filepath.Join(dir, name), data)
	}
	p, said := testPrinter(environ{
		"CURL_CA_BUNDLE":     testFile(t, filepath.Join(dir, "corp.pem"), []byte(file.PEM())),
		"REQUESTS_CA_BUNDLE": filepath.Join(dir, "d"),
		"PIP_CERT":           filepath.Join(dir, "nowhere"),
		"JAVA_TOOL_OPTIONS":  "-Xmx1g '-Djavax.net.ssl.trustStore=" + store("a store", "changeit", java) + "'",
		"_JAVA_OPTIONS":      "-Djavax.net.ssl.trustStorePassword=secret -Djavax.net.ssl.trustStore=" + store("later", "secret", later),
	})
	set := runSet(t.Context(), p, t.TempDir(), nil)
	for _, ca := range []*roottest.CA{file, inDir, java, later} {
		if !holds(t, set, ca) {
			t.Errorf("%s is not in the set", ca.Cert.Subject.CommonName)
		}
	}
	if strings.Count(said.String(), "warning") != 1 || !strings.Contains(said.String(), "PIP_CERT names") {
		t.Errorf("said %q", said)
	}
	if strings.Contains(said.String(), "secret") {
		t.Error("a password was printed")
	}
}

// The command still trusts the CAs in the configuration of git, npm or pip,
// although a variable replaces it.
func TestR13RunKeepsConfiguration(t *testing.T) {
	root, own := t.TempDir(), roottest.NewCA(t, "Own")
	testFile(t, filepath.Join(root, "etc/gitconfig"), []byte("[http]\nsslCAInfo = /opt/own.pem\n"))
	testFile(t, filepath.Join(root, "root/.npmrc"), []byte("cafile=/opt/none.pem\n"))
	testFile(t, filepath.Join(root, "opt/own.pem"), []byte(own.PEM()))
	p, said := testPrinter(environ{})
	if set := runSet(t.Context(), p, root, nil); !holds(t, set, own) {
		t.Error("what git trusts is not in the set")
	}
	if strings.Count(said.String(), "cafile in /root/.npmrc, line 1, names /opt/none.pem, whose certificates are left out") != 1 {
		t.Errorf("said %q", said)
	}
}

// The later of two variables with a trust store wins, so it must name ours.
func TestJavaOverrides(t *testing.T) {
	got := javaOverrides(environ{"_JAVA_OPTIONS": "-Djavax.net.ssl.trustStore=/x -Xmx1g", "JDK_JAVA_OPTIONS": "-Xmx2g"}, "-O")
	if len(got) != 1 || got["_JAVA_OPTIONS"] != "-Djavax.net.ssl.trustStore=/x -Xmx1g -O" {
		t.Errorf("%q", got)
	}
}

// The directory holds the bundle in every form, with the same bytes each time.
// Other users can read it, except the configuration that may hold passwords.
func TestFillRunDir(t *testing.T) {
	a, b := roottest.NewCA(t, "Same"), roottest.NewCA(t, "Same")
	set := testSet(t, a, b)
	home := t.TempDir()
	testFile(t, filepath.Join(home, ".wgetrc"), []byte("http_password = secret"))
	p, _ := testPrinter(environ{"HOME": home})
	dir := filepath.Join(t.TempDir(), "d")
	read := func() map[string]string {
		if err := os.RemoveAll(dir); err != nil {
			t.Fatal(err)
		}
		if err := os.Mkdir(dir, 0o755); err != nil {
			t.Fatal(err)
		}
		if err := fillRunDir(t.Context(), p, dir, set, writeMode); err != nil {
			t.Fatal(err)
		}
		files := map[string]string{}
		err := filepath.WalkDir(dir, func(name string, d os.DirEntry, err error) error {
			if err != nil || d.IsDir() {
				return err
			}
			info, err := d.Info()
			if want := os.FileMode(0o644); d.Name() != "wgetrc" && info.Mode() != want || d.Name() == "wgetrc" && info.Mode() != 0o600 {
				t.Errorf("%s has mode %v", name, info.Mode())
			}
			data, _ := os.ReadFile(name)
			files[strings.TrimPrefix(name, dir+"/")] = string(data)
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		return files
	}
	files := read()
	var c *certs.Certificate
	for c = range set.All() {
		break
	}
	hash := strings.TrimSuffix(filepath.Base(hashFile(nil, "", c)), ".0")
	if files["ca.pem"] != a.PEM()+b.PEM() || files["certs/"+hash+".0"] != a.PEM() || files["certs/"+hash+".1"] != b.PEM() {
		t.Errorf("the bundle or the hashes are wrong: %q", slices.Collect(func(yield func(string) bool) {
			for name := range files {
				yield(name)
			}
		}))
	}
	if want := "http_password = secret\nca_certificate = " + dir + "/ca.pem\n"; files["wgetrc"] != want {
		t.Errorf("wgetrc is %q", files["wgetrc"])
	}
	store, err := keystore.Open([]byte(files["cacerts"]), keystore.DefaultPassword)
	if err != nil || len(store.Entries()) != 2 {
		t.Errorf("the Java trust store: %v", err)
	}
	again := read()
	for name, data := range files {
		if again[name] != data {
			t.Errorf("%s differs the second time", name)
		}
	}
}

// An install within a run uses the variables from before the run. The files of the
// run are locked, and follow what is installed.
func TestWithoutRun(t *testing.T) {
	before := environ{"PATH": "/bin", "HOME": "/root", "EDITOR": "vi"}
	p, _ := testPrinter(before)
	if got := environ(environOf(runEnviron(p, "/dev/shm/certgraft-run-1"))).withoutRun(); !maps.Equal(got, before) {
		t.Errorf("in a run %v, before %v", got, before)
	}
	stays := environ{runBundle: "/etc/ssl/certs/ca-certificates.crt", "SSL_CERT_FILE": "/etc/ssl/certs/ca-certificates.crt"}
	if got := stays.withoutRun(); !maps.Equal(got, stays) {
		t.Errorf("%v became %v", stays, got)
	}
}

func TestMakeRunDirNowhere(t *testing.T) {
	p, _ := testPrinter(environ{})
	_, err := makeRunDir(t.Context(), p, []string{"/nowhere"}, testSet(t))
	if err == nil || !strings.Contains(strings.Join(hint.Of(err), ""), "TMPDIR=DIR") {
		t.Errorf("%v", err)
	}
}

// CAs that the command installs itself are in the files of its run.
func TestRunFollows(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("only Linux says who writes a file")
	}
	root, dir := t.TempDir(), t.TempDir()
	system, corp, own := roottest.NewCA(t, "System"), roottest.NewCA(t, "Corp"), roottest.NewCA(t, "Own")
	bundle := testFile(t, filepath.Join(root, "etc/ssl/certs/ca-certificates.crt"), []byte(system.PEM()))
	p, said := testPrinter(environ{})
	sources := []installer.Source{{Name: "./corp.pem", Anchor: "corp", Certs: testSet(t, corp)}}
	if err := fillRunDir(t.Context(), p, dir, runSet(t.Context(), p, root, sources), writeMode); err != nil {
		t.Fatal(err)
	}
	stop := follow(t.Context(), p, root, dir, sources)
	defer stop()
	for _, trusted := range []*certs.Set{testSet(t, system, own, corp), testSet(t, own, corp)} {
		var text []byte
		for c := range trusted.All() {
			if !bytes.Equal(c.Raw, corp.DER) {
				text = c.AppendPEM(text)
			}
		}
		testFile(t, bundle, text)
		want, links, got := trusted.AppendPEM(nil), 0, ""
		for end := time.Now().Add(10 * time.Second); time.Now().Before(end); time.Sleep(time.Millisecond) {
			all, _ := os.ReadDir(runPlaces(dir).Directory)
			if links, got = len(all), readText(t, runPlaces(dir).Bundle); links == trusted.Len() && len(got) == len(want) {
				break
			}
		}
		if links != trusted.Len() || strings.Contains(got, system.PEM()) != holds(t, trusted, system) || !strings.Contains(got, own.PEM()) || !strings.Contains(got, corp.PEM()) {
			t.Errorf("%d hash links, want %d; the bundle is\n%s", links, trusted.Len(), got)
		}
	}
	if said.Len() > 0 {
		t.Errorf("said %s", said)
	}
}
