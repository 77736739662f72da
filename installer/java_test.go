package installer_test

import (
	"bytes"
	"io/fs"
	"maps"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	pkcs12 "software.sslmate.com/src/go-pkcs12"

	"github.com/certgraft/certgraft/certs"
	"github.com/certgraft/certgraft/installer"
	"github.com/certgraft/certgraft/internal/roottest"
	"github.com/certgraft/certgraft/keystore"
)

// jks returns a store with the certificates of cas.
func jks(t testing.TB, password string, cas ...*roottest.CA) []byte {
	t.Helper()
	s := keystore.NewJKS(password)
	for _, ca := range cas {
		c, err := certs.ParseCertificate(ca.DER)
		if err == nil {
			err = s.Add(keystore.Entry{Alias: "theirs", Created: time.UnixMilli(1), Cert: c})
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	data, err := s.Encode()
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// aliases returns the aliases of a store.
func aliases(t testing.TB, data []byte, password string) []string {
	t.Helper()
	s, err := keystore.Open(data, password)
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	for _, e := range s.Entries() {
		out = append(out, e.Alias)
	}
	return out
}

// Every Java trust store is found, wherever its runtime is, and gets the aliases that
// its own tool would choose.
func TestJavaStore(t *testing.T) {
	old, ca := roottest.NewCA(t, "Old"), roottest.NewCA(t, "New Root")
	own := "certgraft-s-new-root-"
	for _, test := range []struct{ release, file, alias string }{
		{"ID=debian\n-- var/lib/dpkg/status --\n", "etc/ssl/certs/java/cacerts", "debian:" + own},
		{"ID=fedora\n", "etc/pki/ca-trust/extracted/java/cacerts", "newroot"},
		{"ID=opensuse-leap\n", "var/lib/ca-certificates/java-cacerts", "newroot"},
		{"ID=alpine\n", "etc/ssl/certs/java/cacerts", "newroot"},
		{"ID=arch\n", "etc/ssl/certs/java/cacerts", "newroot"},
		{"ID=debian\nPRETTY_NAME=Distroless\n", "usr/lib/jvm/temurin-21-jre-amd64/lib/security/cacerts", own},
		{"ID=ubuntu\n-- var/lib/dpkg/status --\n", "opt/java/openjdk/lib/security/cacerts", own},
		{"ID=amzn\n", "usr/lib/jvm/java-8-amazon-corretto/jre/lib/security/cacerts", own},
		{"ID=ol\n", "usr/lib64/graalvm/graalvm-jdk21/lib/security/cacerts", own},
		{"ID=debian\n-- var/lib/dpkg/status --\n", "opt/zulu17-ca/lib/security/jssecacerts", own},
		{"ID=debian\n-- var/lib/dpkg/status --\n", "usr/local/openjdk-11/lib/security/cacerts", own},
		{"", "jre/lib/security/cacerts", own},
	} {
		root := tree(t, "-- etc/os-release --\n"+test.release)
		root[test.file] = &fstest.MapFile{Data: jks(t, "changeit", old), Mode: 0o444}
		after, report := roundTrip(t, root, installer.Options{}, source(t, "s", ca.PEM()))
		got := aliases(t, after[test.file].Data, "changeit")
		if len(got) != 2 || got[0] != "theirs" || !strings.HasPrefix(got[1], test.alias) {
			t.Errorf("%s: %q, want %s", test.file, got, test.alias)
		}
		if after[test.file].Mode.Perm() != 0o444 {
			t.Errorf("%s: mode %v", test.file, after[test.file].Mode)
		}
		if !slices.ContainsFunc(report.Stores, func(s installer.StoreReport) bool {
			return s.Name == "java" && s.Path == "/"+test.file && s.Added == 1 && s.Total == 2
		}) {
			t.Errorf("%s: %+v", test.file, report.Stores)
		}
		if !installer.Reads(test.file) {
			t.Errorf("%s is not kept of an image", test.file)
		}
	}
}

// A runtime that links to the system's store shares that store, which is edited once.
func TestJavaStoreOfLinks(t *testing.T) {
	root := tree(t, "-- etc/os-release --\nID=debian\n-- var/lib/dpkg/status --\n-- usr/lib/jvm/default-java -> java-17 --\n-- usr/lib/jvm/java-17/lib/security/cacerts -> /etc/ssl/certs/java/cacerts --\n")
	root["etc/ssl/certs/java/cacerts"] = &fstest.MapFile{Data: jks(t, "changeit"), Mode: 0o644}
	_, report := roundTrip(t, root, installer.Options{}, corp(t))
	if n := len(slices.DeleteFunc(report.Stores, func(s installer.StoreReport) bool { return s.Name != "java" })); n != 1 {
		t.Errorf("%d Java stores: %+v", n, report.Stores)
	}
}

// A directory that JAVA_HOME names is a runtime.
func TestJavaHome(t *testing.T) {
	root := fstest.MapFS{"srv/own/lib/security/cacerts": {Data: jks(t, "changeit"), Mode: 0o644}}
	after, _ := roundTrip(t, root, installer.Options{Environ: map[string]string{"JAVA_HOME": "/srv/own"}}, corp(t))
	if got := aliases(t, after["srv/own/lib/security/cacerts"].Data, "changeit"); len(got) != 3 {
		t.Errorf("%q", got)
	}
}

// javaPlaces are the usual places of Java. The first round's program missed 24 of these
// 33.
var javaPlaces = []string{
	"usr/lib/jvm/java-21-openjdk-amd64", "usr/lib64/jvm/jre-21", "usr/lib64/graalvm/graalvm-jdk21", "usr/java/jdk-21", "opt/java/openjdk", "opt/jvm/ibm-21",
	"opt/zulu21-ca", "usr/local/openjdk-21", "usr/lib/bellsoft-java21",
	"usr/share/elasticsearch/jdk", "usr/share/opensearch/jdk", "usr/share/logstash/jdk", "usr/share/metabase/jre",
	"layers/paketo-buildpacks_bellsoft-liberica/jre", "layers/paketo-buildpacks_adoptium/jdk",
	"home/app/.sdkman/candidates/java/21.0.5-tem", "root/.sdkman/candidates/java/21.0.5-tem", "usr/local/sdkman/candidates/java/21.0.5-ms",
	"home/app/.local/share/mise/installs/java/21.0.2", "root/.local/share/mise/installs/java/temurin-21", "home/app/.asdf/installs/java/temurin-21.0.5", "root/.asdf/installs/java/zulu-21",
	"home/app/.gradle/jdks/eclipse_adoptium-21-amd64-linux", "root/.gradle/jdks/eclipse_adoptium-21-amd64-linux.2", "home/app/.jdks/corretto-21.0.5",
	"opt/hostedtoolcache/Java_Temurin-Hotspot_jdk/21.0.5-11/x64", "opt/hostedtoolcache/Java_Zulu_jdk/17.0.9/x64",
	"opt/sonarqube/jre", "opt/idea/jbr", "opt/atlassian/jdk", "opt/bitnami/java", "home/linuxbrew/.linuxbrew/opt/openjdk@21/libexec", "opt/Amazon-Corretto-21",
}

// A runtime is edited in each of these places, and its readers then trust the CA.
func TestR11JavaPlaces(t *testing.T) {
	if len(javaPlaces) != 33 {
		t.Fatalf("%d places", len(javaPlaces))
	}
	for _, home := range javaPlaces {
		file := home + "/lib/security/cacerts"
		root := tree(t, "-- etc/os-release --\nID=debian\n-- var/lib/dpkg/status --\n-- "+home+"/release --\nJAVA_VERSION=\"21.0.5\"\n")
		root[file] = &fstest.MapFile{Data: jks(t, "changeit", roottest.NewCA(t, "Old")), Mode: 0o444}
		after, report := roundTrip(t, root, installer.Options{}, corp(t))
		if got := aliases(t, after[file].Data, "changeit"); len(got) != 4 {
			t.Errorf("%s: %q", file, got)
		}
		if got := installer.Trusting(report.Readers); !slices.Contains(got, "Java 21.0.5") {
			t.Errorf("%s: trusted by %q; %+v", home, got, report.Advice)
		}
		if !installer.Reads(file) || !installer.Reads(home+"/release") {
			t.Errorf("%s is not kept of an image", home)
		}
	}
}

// A runtime that no pattern matches is found through the program on PATH, and through
// any variable with a name like JAVA_HOME.
func TestR11JavaOnPath(t *testing.T) {
	const file = "srv/x/y/z/lib/security/cacerts"
	for name, environ := range map[string]map[string]string{
		"by PATH": {"PATH": "/nowhere:/own/bin"}, "by /usr/bin": nil, "JAVA_HOME": {"JAVA_HOME": "/srv/x/y/z"}, "GRAALVM_JAVA_HOME": {"GRAALVM_JAVA_HOME": "/srv/x/y/z/"}, "JRE_HOME": {"JRE_HOME": "/srv/x/y/z"},
	} {
		root := tree(t, "-- etc/os-release --\nID=debian\n-- srv/x/y/z/bin/java --\n")
		root[file] = &fstest.MapFile{Data: jks(t, "changeit"), Mode: 0o644}
		link := &fstest.MapFile{Mode: fs.ModeSymlink | 0o777, Data: []byte("/etc/alternatives/java")}
		root["etc/alternatives/java"] = &fstest.MapFile{Mode: fs.ModeSymlink | 0o777, Data: []byte("/srv/x/y/z/bin/java")}
		switch name {
		case "by PATH":
			root["own/bin/java"] = link
		case "by /usr/bin":
			root["usr/bin/java"] = link
		}
		after, report := roundTrip(t, root, installer.Options{Environ: environ}, corp(t))
		if got := aliases(t, after[file].Data, "changeit"); len(got) != 3 {
			t.Errorf("%s: %q, advice %+v", name, got, report.Advice)
		}
	}
}

// The same installation gives the same bytes.
func TestJavaStoreReproducible(t *testing.T) {
	root := fstest.MapFS{"opt/java/openjdk/lib/security/cacerts": {Data: jks(t, "changeit"), Mode: 0o644}}
	one, _ := install(t, root, installer.Options{}, corp(t))
	two, _ := install(t, maps.Clone(root), installer.Options{}, corp(t))
	if !bytes.Equal(one["opt/java/openjdk/lib/security/cacerts"].Data, two["opt/java/openjdk/lib/security/cacerts"].Data) {
		t.Error("the same edit gave other bytes")
	}
}

// A file that is no editable trust store gives an error with its name and a cure. The
// other stores are edited only with KeepGoing.
func TestJavaStoreThatIsNone(t *testing.T) {
	const file = "opt/java/openjdk/lib/security/cacerts"
	for name, test := range map[string]struct {
		entry *fstest.MapFile
		at    string
		want  string
	}{
		"damaged":         {&fstest.MapFile{Data: append(jks(t, "changeit"), 0)}, file, "the password is wrong, or the file is damaged"},
		"other password":  {&fstest.MapFile{Data: jks(t, "secret")}, file, "the password is wrong"},
		"text":            {&fstest.MapFile{Data: []byte("text")}, file, "neither a JKS nor a PKCS#12"},
		"empty":           {&fstest.MapFile{}, file, "neither a JKS nor a PKCS#12"},
		"a directory":     {&fstest.MapFile{}, file + "/x", "is neither a file"},
		"a dangling link": {&fstest.MapFile{Mode: fs.ModeSymlink | 0o777, Data: []byte("/nowhere")}, file, "is neither a file nor a link to one"},
	} {
		root := fstest.MapFS{test.at: test.entry}
		_, err := tryInstall(root, installer.Options{}, corp(t))
		if err == nil || !strings.Contains(err.Error(), "/"+file) || !strings.Contains(err.Error(), test.want) || !strings.Contains(hint(err), "--keep-going") {
			t.Errorf("%s: %v: %s", name, err, hint(err))
		}
		after, report := install(t, root, installer.Options{KeepGoing: true}, corp(t))
		if after["etc/ssl/cert.pem"] == nil || !strings.Contains(strings.Join(report.Warnings, "\n"), "store java was left as it is") {
			t.Errorf("%s: %q", name, report.Warnings)
		}
	}
	root := fstest.MapFS{file: {Data: jks(t, "secret"), Mode: 0o644}}
	after, _ := roundTrip(t, root, installer.Options{JavaPassword: "secret"}, corp(t))
	if got := aliases(t, after[file].Data, "secret"); len(got) != 3 {
		t.Errorf("%q", got)
	}
}

// Java loads nothing from an encrypted trust store without a password. It reads a store
// that only has a digest.
func TestR15EncryptedKeystore(t *testing.T) {
	ca := roottest.NewCA(t, "Old")
	const warning = "/opt/jre/lib/security/cacerts is encrypted: Java loads nothing from it without a password, and trusts no server"
	for what, c := range map[string]struct {
		data    []byte
		environ map[string]string
		warned  bool
	}{
		"encrypted":                  {encrypted(t, ca), nil, true},
		"encrypted, with a password": {encrypted(t, ca), map[string]string{"JAVA_TOOL_OPTIONS": "-Djavax.net.ssl.trustStorePassword=changeit"}, false},
		"JKS":                        {jks(t, "changeit", ca), nil, false},
	} {
		before := bundleTree(ca.PEM())
		before["opt/jre/lib/security/cacerts"] = &fstest.MapFile{Data: c.data, Mode: 0o644}
		opt := installer.Options{Environ: c.environ}
		after, report := roundTrip(t, before, opt, corp(t))
		seen, err := installer.Inspect(after, time.Now(), opt)
		if err != nil {
			t.Fatal(err)
		}
		var problems []string
		for _, s := range seen.Stores {
			problems = append(problems, s.Problems...)
		}
		if got := strings.Contains(strings.Join(report.Warnings, "\n"), warning); got != c.warned || len(problems) > 0 != c.warned || len(report.Stores) != 2 {
			t.Errorf("%s: %q %q", what, report.Warnings, problems)
		}
	}
}

// encrypted returns a PKCS#12 trust store as keytool -storetype PKCS12 makes it.
func encrypted(t testing.TB, cas ...*roottest.CA) []byte {
	t.Helper()
	var entries []pkcs12.TrustStoreEntry
	for _, ca := range cas {
		entries = append(entries, pkcs12.TrustStoreEntry{Cert: ca.Cert, FriendlyName: "theirs"})
	}
	data, err := pkcs12.Modern.EncodeTrustStoreEntries(entries, "changeit")
	if err != nil {
		t.Fatal(err)
	}
	return data
}
