package installer_test

import (
	"bytes"
	"encoding/base64"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/certgraft/certgraft/certs"
	"github.com/certgraft/certgraft/installer"
	"github.com/certgraft/certgraft/internal/roottest"
	"github.com/certgraft/certgraft/keystore"
	"github.com/certgraft/certgraft/rootfs"
)

// goldens are roots that the tools of distributions have made.
var goldens = []string{"bookworm", "trixie", "fedora", "azurelinux", "arch", "suse"}

func distrust(t testing.TB, tree fstest.MapFS, opt installer.Options, unwanted ...installer.Unwanted) (fstest.MapFS, *installer.Report) {
	t.Helper()
	o := rootfs.NewOverlay(tree)
	report, err := installer.Distrust(o, unwanted, opt)
	if err != nil {
		t.Fatal(err)
	}
	return apply(tree, o), report
}

func trustAgain(t testing.TB, tree fstest.MapFS, unwanted ...installer.Unwanted) (fstest.MapFS, *installer.Report) {
	t.Helper()
	o := rootfs.NewOverlay(tree)
	report, err := installer.TrustAgain(o, unwanted, installer.Options{})
	if err != nil {
		t.Fatal(err)
	}
	return apply(tree, o), report
}

// files describes a tree without its directories, which MapFS adds.
func files(t testing.TB, tree fstest.MapFS) map[string]string {
	t.Helper()
	lines := roottest.Dump(t, tree)
	maps.DeleteFunc(lines, func(_, line string) bool { return strings.HasPrefix(line, "d") })
	return lines
}

func unwanted(c *certs.Certificate) installer.Unwanted {
	return installer.Unwanted{Certificate: c.Fingerprint().String(), Name: c.Subject(), Cert: c}
}

// trusted returns every certificate in the stores of a tree.
func trusted(t testing.TB, tree fstest.MapFS) *certs.Set {
	t.Helper()
	found, err := installer.Inspect(tree, time.Now(), installer.Options{})
	if err != nil {
		t.Fatal(err)
	}
	return found.Held()
}

// goneFrom fails if a file still has a certificate, other than a blocklist or another
// file that rejects it.
func goneFrom(t *testing.T, tree fstest.MapFS, c *certs.Certificate) {
	t.Helper()
	for name, f := range tree {
		if strings.HasPrefix(name, "usr/share/") || strings.HasPrefix(name, "opt/") || strings.Contains(name, "/blocklist/") || strings.Contains(name, "/policies/") || name == installer.DistrustPath || name == installer.RecordPath {
			continue // packaged anchors, and files that keep the CA out
		}
		held, _, _ := certs.ParseAll(f.Data)
		if s, err := keystore.Open(f.Data, keystore.DefaultPassword); err == nil {
			for _, e := range s.Entries() {
				held = append(held, e.Cert)
			}
		}
		if bytes.Contains(f.Data, c.Raw) && len(held) == 0 {
			t.Errorf("%s is in %s", c.Subject(), name)
		}
		if strings.HasSuffix(name, ".trust.crt") {
			continue // the entry there rejects the CA
		}
		if slices.ContainsFunc(held, func(h *certs.Certificate) bool { return h.Fingerprint() == c.Fingerprint() }) {
			t.Errorf("%s is in %s", c.Subject(), name)
		}
	}
}

// A distrusted CA is in no store of a root that a distribution's tool has made. Nothing
// else is missing, and --undo restores every byte.
func TestDistrustGolden(t *testing.T) {
	for _, name := range goldens {
		for _, state := range []string{"before", "after"} {
			t.Run(name+" "+state, func(t *testing.T) {
				was := roottest.TreeFile(t, "../testdata/roots/"+name+"."+state+".txtar")
				if state == "after" {
					was, _ = install(t, roottest.TreeFile(t, "../testdata/roots/"+name+".before.txtar"), installer.Options{}, corp(t))
				}
				all := slices.Collect(trusted(t, was).All())
				if len(all) < 3 {
					t.Fatalf("only %d CAs", len(all))
				}
				for i, c := range all {
					some := []*certs.Certificate{c, all[(i+1)%len(all)]}[:1+i%2]
					without(t, was, some...)
				}
				without(t, was, all...)
			})
		}
	}
}

// without distrusts certificates and trusts them again.
func without(t *testing.T, was fstest.MapFS, some ...*certs.Certificate) {
	t.Helper()
	var asked []installer.Unwanted
	for _, c := range some {
		asked = append(asked, unwanted(c))
	}
	now, report := distrust(t, was, installer.Options{}, asked...)
	if len(report.Taken) != len(some) || len(report.Missing) > 0 {
		t.Errorf("%+v taken, %+v missing", report.Taken, report.Missing)
	}
	held := trusted(t, now)
	for c := range trusted(t, was).All() {
		gone := slices.Contains(some, c) || slices.ContainsFunc(some, func(s *certs.Certificate) bool { return s.Fingerprint() == c.Fingerprint() })
		if held.Has(c.Fingerprint()) == gone {
			t.Errorf("%s is trusted: %v", c.Subject(), !gone)
		}
	}
	for _, c := range some {
		goneFrom(t, now, c)
	}
	again, report := distrust(t, now, installer.Options{}, asked...)
	if len(report.Taken) > 0 || len(report.Already) != len(some) || len(report.Missing) > 0 {
		t.Errorf("the second time: %+v taken, %+v already out, %+v missing", report.Taken, report.Already, report.Missing)
	}
	for _, s := range report.Stores {
		if s.Removed+s.Added > 0 {
			t.Errorf("the second time: %+v", s)
		}
	}
	roottest.Same(t, "the second time", files(t, now), files(t, again))
	for i := range asked { // one by one, in another order
		again, _ = distrust(t, again, installer.Options{}, asked[len(asked)-1-i])
	}
	roottest.Same(t, "one by one", files(t, now), files(t, again))
	back, report := trustAgain(t, now)
	if len(report.Returned) != len(some) {
		t.Errorf("%+v came back", report.Returned)
	}
	roottest.Same(t, "given back", files(t, was), files(t, back))
	if len(some) > 1 {
		part, _ := trustAgain(t, now, asked[1:]...)
		only, _ := distrust(t, was, installer.Options{}, asked[0])
		roottest.Same(t, "but one given back", files(t, only), files(t, part))
	}
}

// On Debian the tool then has nothing to do, and other people's changes stay.
func TestDistrustIsWhatTheToolLeaves(t *testing.T) {
	pool := make([]*roottest.CA, 12)
	for i := range pool {
		pool[i] = roottest.NewCA(t, fmt.Sprint("CA ", i/3)) // three share a name
	}
	for seed := range 30 {
		files, conf := map[string]string{}, ""
		for i, ca := range pool {
			switch (seed*7 + i*i*(seed+3)) % 3 {
			case 0:
				name := fmt.Sprintf("m/%d, x.crt", i)
				conf += name + "\n"
				files["usr/share/ca-certificates/"+name] = ca.PEM()
			case 1:
				files[fmt.Sprintf("usr/local/share/ca-certificates/sub/%d.crt", i)] = ca.PEM()
			}
		}
		files["etc/ca-certificates.conf"] = conf
		was := model(t, debianTree(files))
		more := source(t, "s", pool[seed%12].PEM()+pool[(seed+5)%12].PEM())
		var asked []installer.Unwanted
		for i := range pool {
			if (seed+i)%4 == 0 && i != seed%12 && i != (seed+5)%12 {
				asked = append(asked, unwanted(parse(t, pool[i])))
			}
		}
		now, _ := distrust(t, was, installer.Options{}, asked...)
		roottest.Same(t, fmt.Sprint("seed ", seed), dump(t, model(t, now)), dump(t, now))
		now, _ = install(t, now, installer.Options{}, more)
		roottest.Same(t, fmt.Sprint("installed, seed ", seed), dump(t, model(t, now)), dump(t, now))
		back, _ := trustAgain(t, now)
		shadow, _ := install(t, was, installer.Options{}, more)
		roottest.Same(t, fmt.Sprint("given back, seed ", seed), dump(t, shadow), dump(t, back))
		back, _ = remove(t, back, installer.Selection{All: true}, installer.Options{})
		roottest.Same(t, fmt.Sprint("removed, seed ", seed), dump(t, was), dump(t, back))
		if t.Failed() {
			return
		}
	}
}

func parse(t testing.TB, ca *roottest.CA) *certs.Certificate {
	t.Helper()
	c, err := certs.ParseCertificate(ca.DER)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// A CA is found in each of its roles, and nothing else is removed.
func TestDistrustRoles(t *testing.T) {
	a, b, d, e := roottest.NewCA(t, "A"), roottest.NewCA(t, "B"), roottest.NewCA(t, "D"), roottest.NewCA(t, "E")
	const deb, bundle = "-- etc/os-release --\nID=debian\n-- var/lib/dpkg/status --\n", "-- etc/ssl/certs/ca-certificates.crt --\n"
	hashOf, odd := hash(t, d), map[string]bool{"damaged": true, "distroless, last, without a line feed": true}
	for _, test := range []struct{ name, archive string }{
		{"distroless", bundle + "# head\n\nCA1\nCA2\nCA3\nCA4\n"},
		{"distroless, first", bundle + "CA3\nCA1\nCA2\n"},
		{"distroless, last, without a line feed", "-- etc/ssl/certs/ca-certificates.crt\\ --\nCA1\nCA3\n"},
		{"distroless, alone", bundle + "CA3\n"},
		{"twice", bundle + "CA3\nCA1\nCA3\nCA2\n"},
		{"with text", bundle + "# what it is\n\n# Issuer: A\nCA1\n\n# Issuer: D\n# Label: D\nCA3\n\n# Issuer: B\nCA2\n"},
		{"damaged", bundle + "CA1\n-----BEGIN CERTIFICATE-----\n@\n-----END CERTIFICATE-----\nCA3\nCA2\n"},
		{"by hand in Debian's bundle", deb + bundle + "CA1\nCA3\n-- etc/ca-certificates.conf --\nm/a.crt\n-- usr/share/ca-certificates/m/a.crt --\nCA1\n-- etc/ssl/certs/a.pem -> /usr/share/ca-certificates/m/a.crt --\n"},
		{"by hand in Debian's directory", deb + bundle + "CA1\n-- etc/ssl/certs/mine.pem --\nCA3\n-- etc/ssl/certs/" + hashOf + ".0 -> mine.pem --\n-- etc/ssl/certs/two.txt --\nCA3\nCA2\n"},
		{"a link from Debian's directory", deb + bundle + "CA1\n-- opt/mine.pem --\nCA3\n-- etc/ssl/certs/mine.pem -> /opt/mine.pem --\n-- etc/ssl/certs/" + hashOf + ".0 -> mine.pem --\n"},
		{"a package's on Debian, not as the tool leaves it", deb + bundle + "# mine\nCA1\nCA3\nCA2\n-- etc/ca-certificates.conf --\nm/a.crt\nm/d.crt\n-- usr/share/ca-certificates/m/a.crt --\nCA1\n-- usr/share/ca-certificates/m/d.crt --\nCA3\n-- etc/ssl/certs/d.pem -> /usr/share/ca-certificates/m/d.crt --\n-- etc/ssl/certs/" + hashOf + ".1 -> d.pem --\n-- etc/ssl/certs/" + hashOf + ".0 -> a.pem --\n"},
		{"an anchor of several", deb + bundle + "CA1\nCA3\nCA2\n-- usr/local/share/ca-certificates/all.crt --\n# A\nCA1\n# D\nCA3\n# B\nCA2\n"},
		{"an anchor that is a link", deb + bundle + "CA3\n-- opt/d.crt --\nCA3\n-- usr/local/share/ca-certificates/d.crt -> /opt/d.crt --\n"},
		{"Alpine without the tool", "-- etc/os-release --\nID=alpine\n" + bundle + "CA1\n\nCA3\n\nCA2\n\n"},
		{"Alpine with the tool", "-- etc/os-release --\nID=alpine\n" + bundle + "CA1\n\nCA3\n\n-- etc/ca-certificates.conf --\nm/a.crt\nm/d.crt\n-- usr/share/ca-certificates/m/a.crt --\nCA1\n-- usr/share/ca-certificates/m/d.crt --\nCA3\n-- usr/sbin/update-ca-certificates --\n-- etc/ssl/certs/ca-cert-d.pem -> /usr/share/ca-certificates/m/d.crt --\n-- etc/ssl/certs/ca-cert-a.pem -> /usr/share/ca-certificates/m/a.crt --\n-- etc/ssl/certs/" + hashOf + ".0 -> ca-cert-d.pem --\n-- etc/ssl/certs/" + hash(t, a) + ".0 -> ca-cert-a.pem --\n"},
		{"Photon", "-- etc/os-release --\nID=photon\n-- etc/ssl/certs/a.pem --\nCA1\n-- etc/ssl/certs/d.pem --\nCA3\n-- etc/ssl/certs/" + hashOf + ".0 -> d.pem --\n-- etc/pki/tls/certs/ca-bundle.crt --\nCA1\nCA3\n"},
		{"Photon by hand", "-- etc/os-release --\nID=photon\n-- etc/ssl/certs/d.pem --\nCA3\n-- etc/ssl/certs/" + hashOf + ".0 -> d.pem --\n-- etc/pki/tls/certs/ca-bundle.crt --\n# mine\nCA3\nCA1\n"},
		{"Flatcar", "-- etc/os-release --\nID=flatcar\n-- etc/ssl/certs/d.pem --\nCA3\n-- etc/ssl/certs/" + hashOf + ".0 -> d.pem --\n-- etc/ssl/certs/ca-certificates.crt --\nCA3\n"},
		{"certifi", bundle + "CA1\n-- usr/lib/python3/dist-packages/certifi/cacert.pem --\n\n# Label: A\nCA1\n\n# Label: D\nCA3\n\n# Label: B\nCA2\n"},
		{"Fedora, by hand", "-- etc/os-release --\nID=fedora\n-- etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem 0444 --\n# A\nCA1\n\n# D\nCA3\n\n# B\nCA2\n"},
		{"Fedora, an anchor", "-- etc/os-release --\nID=fedora\n-- etc/pki/ca-trust/source/anchors/d.pem --\nCA3\n-- etc/pki/ca-trust/source/anchors/more.pem --\nCA1\nCA3\n-- etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem 0444 --\n# D\nCA3\n\n# A\nCA1\n"},
	} {
		t.Run(test.name, func(t *testing.T) {
			was := tree(t, test.archive, a, b, d, e)
			without(t, was, parse(t, d))
			if trusted(t, was).Has(parse(t, a).Fingerprint()) {
				without(t, was, parse(t, d), parse(t, a))
			}
			installed, _ := install(t, was, installer.Options{}, corp(t))
			without(t, installed, parse(t, d))
			now, _ := distrust(t, was, installer.Options{}, unwanted(parse(t, d)))
			now, _ = install(t, now, installer.Options{}, corp(t))
			now, _ = trustAgain(t, now)
			if got, want := trusted(t, now).Digest(), trusted(t, installed).Digest(); got != want {
				t.Errorf("with an install in between the root trusts %s, want %s", got, want)
			}
			if odd[test.name] {
				return // install repairs the file, and remove undoes the repair only if no other program edits it
			}
			now, _ = remove(t, now, installer.Selection{All: true}, installer.Options{})
			roottest.Same(t, "all removed after an install in between", files(t, was), files(t, now))
		})
	}
}

// Homebrew's bundle loses a distrusted CA, as the bundles of packages do.
func TestDistrustInHomebrew(t *testing.T) {
	const name = "home/linuxbrew/.linuxbrew/etc/ca-certificates/cert.pem"
	gone, stays := roottest.NewCA(t, "Gone"), roottest.NewCA(t, "Stays")
	was := tree(t, "-- etc/ssl/cert.pem --\nCA1\nCA2\n-- "+name+" --\nCA1\nCA2\n", gone, stays)
	for c := range source(t, "x", gone.PEM()).Certs.All() {
		now, _ := distrust(t, was, installer.Options{}, unwanted(c))
		if got := string(now[name].Data); got != stays.PEM() {
			t.Errorf("/%s is\n%s", name, got)
		}
		without(t, was, c)
	}
}

// A CA that remove takes out while it is distrusted does not come back.
func TestDistrustWhatWasInstalled(t *testing.T) {
	for _, name := range goldens {
		was := roottest.TreeFile(t, "../testdata/roots/"+name+".before.txtar")
		now, _ := install(t, was, installer.Options{}, corp(t))
		for c := range corp(t).Certs.All() {
			now, _ = distrust(t, now, installer.Options{}, unwanted(c))
		}
		o := rootfs.NewOverlay(now)
		if _, err := installer.Install(o, []installer.Source{corp(t)}, installer.Options{}); !errors.Is(err, installer.ErrRefused) || hint(err) == "" {
			t.Errorf("%s: %v", name, err)
		}
		if len(slices.Collect(o.Changes())) > 0 {
			t.Errorf("%s: a refused install changes something", name)
		}
		gone, _ := remove(t, now, installer.Selection{All: true}, installer.Options{})
		gone, _ = trustAgain(t, gone)
		shadow, _ := install(t, was, installer.Options{}, corp(t))
		shadow, _ = remove(t, shadow, installer.Selection{All: true}, installer.Options{})
		roottest.Same(t, name, files(t, shadow), files(t, gone))
	}
}

// If a package maintains the public CAs, the Mozilla roots add nothing: their own
// anchors would keep roots that the package removes (T4).
func TestT4MozillaBesideAPackage(t *testing.T) {
	roots, _ := certs.MozillaRoots()
	mozilla := source(t, "mozilla", string(roots.AppendPEM(nil)))
	var conf, bundle string
	files := map[string]string{}
	for c := range roots.All() {
		name := "mozilla/" + c.Fingerprint().String()[:8] + ".crt"
		conf += name + "\n"
		bundle += string(c.AppendPEM(nil))
		files["usr/share/ca-certificates/"+name] = string(c.AppendPEM(nil))
	}
	files["etc/ca-certificates.conf"], files["etc/ssl/certs/ca-certificates.crt"] = conf, bundle
	was := debianTree(files)
	now, report := install(t, was, installer.Options{}, mozilla)
	roottest.Same(t, "mozilla beside the package", roottest.Dump(t, was), roottest.Dump(t, now))
	if !strings.Contains(strings.Join(report.Notes, "\n"), "a package of this distribution looks after the public CAs in /etc/ssl/certs/ca-certificates.crt") {
		t.Errorf("notes %q", report.Notes)
	}
	if _, report = install(t, was, installer.Options{}, mozilla, corp(t)); report.Stores[0].Added != 3 {
		t.Errorf("the other sources: %+v", report.Stores)
	}
	slim, _ := install(t, debianTree(nil), installer.Options{}, mozilla)
	if n := trusted(t, slim).Len(); n != roots.Len() {
		t.Errorf("without the package the root trusts %d, want %d", n, roots.Len())
	}
}

// Chromium has its own roots, so its policy distrusts the CA.
func TestDistrustInPolicies(t *testing.T) {
	d := roottest.NewCA(t, "D")
	for _, policy := range []string{"", "{\n  \"CADistrustedCertificates\": [\"AAAA\"],\n  \"HomepageLocation\": \"x\"\n}\n"} {
		was := tree(t, "-- etc/ssl/certs/ca-certificates.crt --\nCA1\n-- usr/lib/chromium/chromium 0755 --\n", d)
		if policy != "" {
			was["etc/chromium/policies/managed/mine.json"] = &fstest.MapFile{Data: []byte(policy), Mode: 0o644}
		}
		without(t, was, parse(t, d))
		now, _ := distrust(t, was, installer.Options{}, unwanted(parse(t, d)))
		found := 0
		for name, f := range now {
			if strings.HasPrefix(name, "etc/chromium/policies/managed/") && strings.Contains(string(f.Data), `"CADistrustedCertificates"`) && strings.Contains(string(f.Data), base64.StdEncoding.EncodeToString(d.DER)) {
				found++
			}
		}
		if found != 1 {
			t.Errorf("%d policies distrust it", found)
		}
	}
}
