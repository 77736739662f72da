package installer_test

import (
	"crypto/rand"
	"crypto/x509"
	"encoding/asn1"
	"encoding/hex"
	"encoding/pem"
	"regexp"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/certgraft/certgraft/installer"
	"github.com/certgraft/certgraft/internal/roottest"
	"github.com/certgraft/certgraft/rootfs"
)

// The golden trees of distributions with p11-kit: e2e makes and checks them with the
// real tool.
func TestP11KitGolden(t *testing.T) {
	for _, name := range []string{"fedora", "fedora44", "el10", "azurelinux", "azurelinux4", "arch", "suse"} {
		t.Run(name, func(t *testing.T) {
			before := roottest.TreeFile(t, "../testdata/roots/"+name+".before.txtar")
			want := roottest.TreeFile(t, "../testdata/roots/"+name+".after.txtar")
			after, report := roundTrip(t, before, installer.Options{}, corp(t))
			roottest.Same(t, "install", dump(t, want), dump(t, after))
			if s := report.Stores[0]; s.Added != 2 || s.Present != 1 || !strings.HasSuffix(s.Path, "/anchors") {
				t.Errorf("%+v", s)
			}
			if len(report.Warnings) > 0 {
				t.Errorf("warnings %q", report.Warnings)
			}
		})
	}
}

const fedora = "-- etc/os-release --\nID=fedora\n"

// A root without any store gets an anchor, the bundle, and the links that its OpenSSL
// follows.
func TestP11KitFirstBundle(t *testing.T) {
	after, report := roundTrip(t, tree(t, fedora), installer.Options{}, corp(t))
	bundle := string(after["etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem"].Data)
	if strings.Count(bundle, "\n\n# ") != 2 || !strings.HasPrefix(bundle, "# Corp Root CA\n-----BEGIN") {
		t.Error(bundle)
	}
	for _, link := range []string{"etc/pki/tls/cert.pem", "etc/pki/tls/certs/ca-bundle.crt"} {
		if f := after[link]; f == nil || string(f.Data) != "/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem" {
			t.Errorf("%s: %v", link, f)
		}
	}
	if !strings.Contains(strings.Join(report.Warnings, "\n"), "trusts only these 3") {
		t.Errorf("%q", report.Warnings)
	}
}

// A warning names certificates that p11-kit drops silently, and install does not write
// them to files where p11-kit would not.
func TestP11KitDropped(t *testing.T) {
	leaf := roottest.NewCA(t, "Leaf", roottest.Leaf)
	after, report := roundTrip(t, tree(t, fedora+"-- etc/pki/tls/cert.pem -> /etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem --\n-- etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem 0444 --\n-- etc/pki/ca-trust/extracted/openssl/ca-bundle.trust.crt 0444 --\n"),
		installer.Options{}, source(t, "s", leaf.PEM()))
	if data := after["etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem"].Data; len(data) > 0 {
		t.Errorf("a leaf in the bundle: %s", data)
	}
	if text := string(after["etc/pki/ca-trust/extracted/openssl/ca-bundle.trust.crt"].Data); !strings.HasPrefix(text, "# Leaf\n-----BEGIN TRUSTED CERTIFICATE-----\n") {
		t.Error(text)
	}
	if !strings.Contains(strings.Join(report.Warnings, "\n"), "is not a CA") {
		t.Errorf("%q", report.Warnings)
	}
}

// A file in the blocklist, or an object in p11-kit's own format, distrusts a
// certificate.
func TestP11KitDistrusted(t *testing.T) {
	ca := roottest.NewCA(t, "Old")
	c := only(t, ca)
	serial, err := asn1.Marshal(c.SerialNumber)
	if err != nil {
		t.Fatal(err)
	}
	object := "[p11-kit-object-v1]\nlabel: \"x\"\nclass: certificate\n" + ca.PEM() + "\n[p11-kit-object-v1]\nclass: nss-trust\nissuer: \"" +
		percent(c.RawIssuer) + "\"\nserial-number: \"" + percent(serial) + "\"\nx-distrusted: true\n"
	for name, archive := range map[string]string{
		"file among the blocked": "-- etc/pki/ca-trust/source/blocklist/x --\nCA1\n",
		"older name":             "-- usr/share/pki/ca-trust-source/blacklist/x --\nCA1\n",
		"object with it":         "-- etc/pki/ca-trust/source/x.p11-kit --\n[p11-kit-object-v1]\nx-distrusted: true\nCA1\n",
		"issuer and serial":      "-- usr/share/pki/ca-trust-source/ca-bundle.trust.p11-kit --\n" + object,
		"object among anchors":   "-- etc/pki/ca-trust/source/anchors/x.p11-kit --\n[p11-kit-object-v1]\nx-distrusted: true\nCA1\n",
		"object, not marked":     "-- etc/pki/ca-trust/source/blocklist/x.p11-kit --\n" + strings.NewReplacer("nss-trust", "certificate", "x-distrusted: true\n", "", ca.PEM(), "").Replace(object),
		"public key":             "-- etc/pki/ca-trust/source/x.p11-kit --\n[p11-kit-object-v1]\nclass: certificate\npublic-key-info: \"" + percent(c.RawSubjectPublicKeyInfo) + "\"\nx-distrusted: true\n",
		"public key, in PEM":     "-- etc/pki/ca-trust/source/x.p11-kit --\n[p11-kit-object-v1]\nclass: certificate\nx-distrusted: true\n" + string(pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: c.RawSubjectPublicKeyInfo})),
		"the same key":           "-- etc/pki/ca-trust/source/blocklist/x --\n" + reissued(t, ca),
		"rejected, blocked":      "-- etc/pki/ca-trust/source/blocklist/x --\n" + trustedPEM(ca, "300c a00a 06082b06010505070301"),
		"rejected":               "-- etc/pki/ca-trust/source/x --\n" + trustedPEM(ca, "300c a00a 06082b06010505070301"),
		"rejected among anchors": "-- etc/pki/ca-trust/source/anchors/x --\n" + trustedPEM(ca, "300c a00a 06082b06010505070304"),
		"trusted and rejected":   "-- etc/pki/ca-trust/source/anchors/x --\n" + trustedPEM(ca, "3018 300a 06082b06010505070304 a00a 06082b06010505070304"),
		"an alias alone":         "-- etc/pki/ca-trust/source/anchors/x --\n" + trustedPEM(ca, "3003 0c0178"),
	} {
		root := tree(t, fedora+archive, ca)
		_, err := installer.Install(rootfs.NewOverlay(root), []installer.Source{source(t, "s", ca.PEM())}, installer.Options{})
		if err == nil || !strings.Contains(err.Error(), "blocks it") || hint(err) == "" {
			t.Errorf("%s: %v", name, err)
		}
		if _, report := install(t, root, installer.Options{OverrideBlocklist: true}, source(t, "s", ca.PEM())); !strings.Contains(strings.Join(report.Warnings, "\n"), "update-ca-trust next runs") {
			t.Errorf("%s: %q", name, report.Warnings)
		}
	}
	trusted := tree(t, fedora+"-- etc/pki/ca-trust/source/x.p11-kit --\n"+strings.Replace(object, "x-distrusted: true", "x-distrusted: false", 1))
	if _, err := installer.Install(rootfs.NewOverlay(trusted), []installer.Source{source(t, "s", ca.PEM())}, installer.Options{}); err != nil {
		t.Errorf("not distrusted: %v", err)
	}
	for _, settings := range []string{"", "300c 300a 06082b06010505070301", "300c 300a 06082b06010505070304", "3008 3006 0604551d2500", "3018 300a 06082b06010505070301 a00a 06082b06010505070304"} {
		root := tree(t, fedora+"-- etc/pki/ca-trust/source/anchors/x --\n"+trustedPEM(ca, settings))
		if _, err := installer.Install(rootfs.NewOverlay(root), []installer.Source{source(t, "s", ca.PEM())}, installer.Options{}); err != nil {
			t.Errorf("trusted by settings %q: %v", settings, err)
		}
	}
}

// reissued returns another certificate with the key of ca.
func reissued(t *testing.T, ca *roottest.CA) string {
	t.Helper()
	block, _ := pem.Decode([]byte(ca.KeyPEM(t)))
	key, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	if err != nil {
		t.Fatal(err)
	}
	again := only(t, roottest.NewCA(t, "Reissued"))
	der, err := x509.CreateCertificate(rand.Reader, again, only(t, ca), only(t, ca).PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}))
}

// trustedPEM returns a certificate with OpenSSL's trust settings, in hexadecimal.
func trustedPEM(ca *roottest.CA, settings string) string {
	aux, _ := hex.DecodeString(strings.ReplaceAll(settings, " ", ""))
	return string(pem.EncodeToMemory(&pem.Block{Type: "TRUSTED CERTIFICATE", Bytes: slices.Concat(ca.DER, aux)}))
}

// A file that p11-kit cannot read is no anchor.
func TestP11KitAnchorNotRead(t *testing.T) {
	ca := roottest.NewCA(t, "Ours")
	old := strings.ReplaceAll(ca.PEM(), "CERTIFICATE", "X509 CERTIFICATE")
	for name, data := range map[string]string{"old label": old, "base64 alone": regexp.MustCompile("-----.*-----\n").ReplaceAllString(ca.PEM(), ""), "DER and more": string(ca.DER) + "\n"} {
		root := fstest.MapFS{"etc/os-release": {Data: []byte("ID=fedora")}, "etc/pki/ca-trust/source/anchors/x.crt": {Data: []byte(data)}}
		if _, report := install(t, root, installer.Options{}, source(t, "s", ca.PEM())); report.Stores[0].Added != 1 {
			t.Errorf("%s: %+v", name, report.Stores[0])
		}
	}
	for name, data := range map[string]string{"PEM": ca.PEM(), "DER": string(ca.DER), "settings": trustedPEM(ca, "300c 300a 06082b06010505070301")} {
		root := fstest.MapFS{"etc/os-release": {Data: []byte("ID=fedora")}, "etc/pki/ca-trust/source/anchors/x.crt": {Data: []byte(data)}}
		if _, report := install(t, root, installer.Options{}, source(t, "s", ca.PEM())); report.Stores[0].Present != 1 {
			t.Errorf("%s: %+v", name, report.Stores[0])
		}
	}
}

// A damaged file gives an error with its name. With KeepGoing the other files are
// written.
func TestP11KitDamaged(t *testing.T) {
	root := tree(t, fedora+"-- etc/pki/ca-trust/extracted/edk2/cacerts.bin --\nnonsense\n-- etc/pki/java/cacerts --\nnonsense\n")
	_, err := installer.Install(rootfs.NewOverlay(root), []installer.Source{corp(t)}, installer.Options{})
	if err == nil || !strings.Contains(err.Error(), "/etc/pki/ca-trust/extracted/edk2/cacerts.bin") || !strings.Contains(hint(err), "--keep-going") {
		t.Errorf("%v: %s", err, hint(err))
	}
	delete(root, "etc/pki/ca-trust/extracted/edk2/cacerts.bin")
	_, err = installer.Install(rootfs.NewOverlay(root), []installer.Source{corp(t)}, installer.Options{})
	if err == nil || !strings.Contains(err.Error(), "/etc/pki/java/cacerts is no Java trust store") {
		t.Error(err)
	}
	after, report := install(t, root, installer.Options{KeepGoing: true}, corp(t))
	if after["etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem"] == nil || !strings.Contains(strings.Join(report.Warnings, "\n"), "store java was left as it is") {
		t.Errorf("%q", report.Warnings)
	}
}

// Install learns from existing links how the tool copies links.
func TestHashDirectoryCopies(t *testing.T) {
	const dir = "etc/pki/ca-trust/extracted/pem/directory-hash"
	for name, archive := range map[string]struct{ links, hash, file string }{
		"none":             {"", "", ""},
		"to the hash link": {"-- etc/pki/tls/certs/01234567.0 -> /" + dir + "/01234567.0 --\n", "/" + dir + "/HASH.0", ""},
		"to the file":      {"-- etc/pki/tls/certs/01234567.0 -> ../../ca-trust/extracted/pem/directory-hash/x.pem --\n", "../../ca-trust/extracted/pem/directory-hash/New_Root.pem", ""},
		"files too":        {"-- etc/pki/tls/certs/01234567.0 -> /" + dir + "/01234567.0 --\n-- etc/pki/tls/certs/x.pem -> /" + dir + "/x.pem --\n", "/" + dir + "/HASH.0", "/" + dir + "/New_Root.pem"},
	} {
		ca := roottest.NewCA(t, "New Root")
		after, _ := roundTrip(t, tree(t, fedora+"-- "+dir+"/ --\n"+archive.links), installer.Options{}, source(t, "s", ca.PEM()))
		link := func(name string) string {
			if f := after["etc/pki/tls/certs/"+name]; f != nil {
				return string(f.Data)
			}
			return ""
		}
		if got := link(hash(t, ca) + ".0"); got != strings.ReplaceAll(archive.hash, "HASH", hash(t, ca)) {
			t.Errorf("%s: hash link to %q", name, got)
		}
		if got := link("New_Root.pem"); got != archive.file {
			t.Errorf("%s: file link to %q", name, got)
		}
	}
}

// A script of openSUSE's package makes the directories. In a root where it has not run,
// install makes the files that OpenSSL reads.
func TestSUSEUnmade(t *testing.T) {
	ca := roottest.NewCA(t, "Corp")
	after, _ := roundTrip(t, tree(t, "-- etc/os-release --\nID=opensuse-tumbleweed\n-- usr/sbin/update-ca-certificates --\n"), installer.Options{}, source(t, "s", ca.PEM()))
	for _, dir := range []string{"var/lib/ca-certificates/pem", "var/lib/ca-certificates/openssl"} {
		if found := behindHash(after, dir, hash(t, ca)); !strings.Contains(found, " CERTIFICATE-----\nMII") {
			t.Errorf("/%s: %q", dir, found)
		}
	}
	if link := after["etc/ssl/certs"]; link == nil || string(link.Data) != "../../var/lib/ca-certificates/pem" {
		t.Errorf("%+v", link)
	}
}

// SUSE's tool puts anchors first, behind the head of its bundle. remove also deletes an
// anchor that was installed before the tool ran.
func TestSUSEToolAfterInstall(t *testing.T) {
	const name = "var/lib/ca-certificates/ca-bundle.pem"
	ca := roottest.NewCA(t, "Corp")
	before := roottest.TreeFile(t, "../testdata/roots/suse.before.txtar")
	after, _ := install(t, before, installer.Options{}, source(t, "s", ca.PEM()))
	was := string(before[name].Data)
	made := strings.Replace(was, "-----BEGIN", ca.PEM()+"-----BEGIN", 1)
	after[name] = &fstest.MapFile{Data: []byte(made), Mode: 0o444}
	after, report := remove(t, after, installer.Selection{All: true}, installer.Options{})
	if got := string(after[name].Data); got != was || len(report.Stays) > 0 {
		t.Errorf("the bundle is %q, and %v stays", got, report.Stays)
	}
}
