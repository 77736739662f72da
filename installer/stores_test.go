package installer_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/certgraft/certgraft/certs"
	"github.com/certgraft/certgraft/installer"
	"github.com/certgraft/certgraft/internal/roottest"
	"github.com/certgraft/certgraft/rootfs"
)

// tree reads a txtar archive in which a line CA1, CA2 … stands for the PEM of a
// generated CA.
func tree(t *testing.T, archive string, cas ...*roottest.CA) fstest.MapFS {
	t.Helper()
	out := roottest.Tree(t, []byte(archive))
	for name, f := range out {
		if f.Mode&fs.ModeSymlink != 0 {
			continue
		}
		text := string(f.Data)
		for i, ca := range cas {
			// The base64 of another CA may contain these letters too.
			text = regexp.MustCompile(`(^|[\s"])CA`+string(rune('1'+i))+`\b`).ReplaceAllString(text, "${1}"+strings.TrimSpace(ca.PEM()))
		}
		out[name] = &fstest.MapFile{Data: []byte(text), Mode: f.Mode}
	}
	return out
}

func TestDetect(t *testing.T) {
	for _, test := range []struct{ name, archive, family, rule string }{
		{"Debian", "-- etc/os-release --\nID=debian\n-- var/lib/dpkg/status --\n", "debian", "ID=debian"},
		{"Mint", "-- etc/os-release --\nID=linuxmint2\nID_LIKE=\"ubuntu debian\"\n-- usr/sbin/update-ca-certificates --\n", "debian", "ID_LIKE=ubuntu"},
		{"link", "-- etc/os-release -> ../usr/lib/os-release --\n-- usr/lib/os-release --\nID='alpine'\n", "alpine", "ID=alpine"},
		{"only in usr/lib", "-- usr/lib/os-release --\n# x\nID=wolfi\n", "alpine", "ID=wolfi"},
		{"distroless", "-- etc/os-release --\nID=debian\nPRETTY_NAME=\"Distroless\"\n-- var/lib/dpkg/status --\n", "bundle", "Distroless"},
		{"chisel", "-- etc/os-release --\nID=ubuntu\n", "bundle", "neither dpkg nor"},
		{"scratch", "-- app --\n", "bundle", "no os-release"},
		{"unknown", "-- etc/os-release --\nID=plan9\n", "bundle", "ID=plan9, which is unknown"},
		{"unknown with apk", "-- etc/os-release --\nID=mine\n-- lib/apk/db/installed --\n", "alpine", "apk"},
		{"unknown with the tool", "-- usr/sbin/update-ca-certificates --\n-- usr/share/ca-certificates/x --\n", "debian", "update-ca-certificates and "},
		{"Photon", "-- etc/os-release --\nID=photon\n", "photon", "ID=photon"},
		{"Flatcar", "-- usr/lib/os-release --\nID=flatcar\nID_LIKE=coreos\n", "flatcar", "ID=flatcar"},
		{"Clear Linux", "-- usr/lib/os-release --\nID=clear-linux-os\n", "clear", "ID=clear-linux-os"},
		{"OpenWrt", "-- etc/os-release --\nID=\"openwrt\"\n", "openwrt", "ID=openwrt"},
		{"Gentoo", "-- etc/os-release --\nID=gentoo\n-- usr/sbin/update-ca-certificates --\n", "debian", "ID=gentoo"},
		{"Rocky", "-- etc/os-release --\nID=rocky\nID_LIKE=\"rhel fedora\"\n", "p11-kit", "ID=rocky"},
		{"a clone of RHEL", "-- etc/os-release --\nID=mine\nID_LIKE=\"rhel fedora\"\n", "p11-kit", "ID_LIKE=rhel"},
		{"Manjaro", "-- etc/os-release --\nID=manjaro\nID_LIKE=arch\n", "arch", "ID=manjaro"},
		{"Tumbleweed", "-- etc/os-release --\nID=opensuse-tumbleweed\nID_LIKE=\"opensuse suse\"\n", "suse", "ID=opensuse-tumbleweed"},
		{"Ubuntu with a directory of RHEL", "-- etc/os-release --\nID=ubuntu\n-- var/lib/dpkg/status --\n-- etc/pki/ca-trust/source/anchors/x --\n", "debian", "ID=ubuntu"},
		{"RHEL without os-release", "-- etc/pki/ca-trust/source/anchors/x --\n-- etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem --\n", "p11-kit", "update-ca-trust"},
		{"a bundle where RHEL has it", "-- etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem --\n", "bundle", "no known tool"},
	} {
		d, err := installer.Detect(roottest.Tree(t, []byte(test.archive)))
		if err != nil || d.Family != test.family || !strings.Contains(d.Rule, test.rule) {
			t.Errorf("%s: %+v %v", test.name, d, err)
		}
	}
	for _, id := range []string{"nixos", "bottlerocket"} {
		_, err := installer.Detect(fstest.MapFS{"etc/os-release": {Data: []byte("ID=" + id)}})
		if err == nil || hint(err) == "" || errors.Is(err, installer.ErrRefused) {
			t.Errorf("%s: %v", id, err)
		}
	}
	if _, err := installer.Detect(fstest.MapFS{"etc/os-release/x": {}}); err == nil {
		t.Error("a directory in place of os-release is no error")
	}
}

func hint(err error) string {
	for ; err != nil; err = errors.Unwrap(err) {
		if h, ok := err.(interface{ Hint() string }); ok {
			return h.Hint()
		}
	}
	return ""
}

// In roots with bundles and without a tool, each real file is extended once and keeps
// its content.
func TestBundleStore(t *testing.T) {
	ca := roottest.NewCA(t, "Old")
	for _, test := range []struct{ name, archive, file, want string }{
		{"distroless", "-- etc/ssl/certs/ca-certificates.crt --\n# x\nCA1\n", "etc/ssl/certs/ca-certificates.crt", "# x\nCA1\nNEW"},
		{"no final line feed", "-- etc/ssl/certs/ca-certificates.crt\\ --\nCA1\n", "etc/ssl/certs/ca-certificates.crt", "CA1\nNEW"},
		{"only cert.pem", "-- etc/ssl/cert.pem --\nCA1\n", "etc/ssl/cert.pem", "CA1\nNEW"},
		{"a bundle where RHEL has it", "-- etc/ssl/certs -> /etc/pki/tls/certs --\n-- etc/pki/tls/certs/ca-bundle.crt -> /etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem --\n-- etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem 0444 --\nCA1\n", "etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem", "CA1\nNEW"},
		{"empty bundle", "-- etc/ssl/certs/ca-certificates.crt --\n", "etc/ssl/certs/ca-certificates.crt", "NEW"},
		{"poison", "-- etc/ssl/cert.pem --\n-----BEGIN CERTIFICATE-----\n@\n-----END CERTIFICATE-----\n# y\nCA1\n", "etc/ssl/cert.pem", "# y\nCA1\nNEW"},
		{"dangling link", "-- etc/ssl/cert.pem -> /nowhere --\n", "etc/ssl/certs/ca-certificates.crt", "NEW"},
		{"nothing", "-- app --\n", "etc/ssl/certs/ca-certificates.crt", "NEW"},
	} {
		t.Run(test.name, func(t *testing.T) {
			s := corp(t)
			before := tree(t, test.archive, ca)
			after, report := roundTrip(t, before, installer.Options{}, s)
			want := strings.ReplaceAll(strings.ReplaceAll(test.want, "CA1\n", ca.PEM()), "NEW", string(s.Certs.AppendPEM(nil)))
			if got := string(after[test.file].Data); got != want {
				t.Errorf("%s is\n%q\nwant\n%q", test.file, got, want)
			}
			if r := report.Stores[0]; r.Path != "/"+test.file || r.Added != 3 {
				t.Errorf("%+v", r)
			}
			if first := test.name == "nothing" || test.name == "dangling link" || test.name == "empty bundle"; first != strings.Contains(strings.Join(report.Warnings, "\n"), "trusts only these 3") {
				t.Errorf("warnings %q", report.Warnings)
			}
		})
	}
	after, _ := roundTrip(t, fstest.MapFS{}, installer.Options{WithMozilla: true}, corp(t))
	if n := strings.Count(string(after["etc/ssl/certs/ca-certificates.crt"].Data), "BEGIN"); n < 110 || string(after["etc/ssl/cert.pem"].Data) != "certs/ca-certificates.crt" {
		t.Errorf("%d certificates with Mozilla's", n)
	}
}

func TestBundleThatIsADirectory(t *testing.T) {
	_, err := installer.Install(rootfs.NewOverlay(fstest.MapFS{"etc/ssl/cert.pem/x": {}}), []installer.Source{corp(t)}, installer.Options{})
	if err == nil || !strings.Contains(err.Error(), "/etc/ssl/cert.pem is not a file") || hint(err) == "" {
		t.Error(err)
	}
}

// The layouts of Alpine and its relatives.
func TestAlpineStore(t *testing.T) {
	ca := roottest.NewCA(t, "Old")
	const release = "-- etc/os-release --\nID=alpine\n"
	for _, test := range []struct {
		name, archive string
		files         map[string]bool // and whether they must hold all
	}{
		{"3.20 base", release + "-- etc/ssl/certs/ca-certificates.crt --\nCA1\n\n-- etc/ssl/cert.pem -> certs/ca-certificates.crt --\n-- etc/ssl1.1/cert.pem -> /etc/ssl/cert.pem --\n-- etc/ssl1.1/certs -> /etc/ssl/certs --\n",
			map[string]bool{"etc/ssl/certs/ca-certificates.crt": true}},
		{"3.8 base", release + "-- etc/ssl/cert.pem --\nCA1\n-- etc/ssl/certs/ --\n",
			map[string]bool{"etc/ssl/cert.pem": true, "etc/ssl/certs/ca-certificates.crt": false}},
		{"with the tool", release + "-- etc/ssl/certs/ca-certificates.crt --\nCA1\n\n-- etc/ca-certificates.conf --\nm/x.crt\n-- usr/share/ca-certificates/m/x.crt --\nCA1\n-- usr/sbin/update-ca-certificates --\n-- etc/ssl/certs/ca-cert-x.pem -> /usr/share/ca-certificates/m/x.crt --\n-- etc/ssl/certs/HASH.0 -> ca-cert-x.pem --\n",
			map[string]bool{"etc/ssl/certs/ca-certificates.crt": true, "etc/ssl/certs/ca-cert-certgraft-corp-corp-root-ca-FP.pem": true}},
		{"Wolfi", "-- etc/os-release --\nID=wolfi\n-- etc/ssl/certs/ca-certificates.crt --\nCA1\n\n-- etc/pki/tls/certs/ca-bundle.crt -> ../../../ssl/certs/ca-certificates.crt --\n-- var/lib/ecs/deps/execute-command/certs/tls-ca-bundle.pem --\nCA1\n\n-- kaniko/ssl/certs/ca-certificates.crt --\nCA1\n\n",
			map[string]bool{"etc/ssl/certs/ca-certificates.crt": true, "var/lib/ecs/deps/execute-command/certs/tls-ca-bundle.pem": true, "kaniko/ssl/certs/ca-certificates.crt": true}},
		{"without any bundle", release, map[string]bool{"etc/ssl/certs/ca-certificates.crt": true}},
	} {
		t.Run(test.name, func(t *testing.T) {
			s := corp(t)
			before := tree(t, strings.ReplaceAll(test.archive, "HASH", hash(t, ca)), ca)
			after, _ := roundTrip(t, before, installer.Options{}, s)
			for name, holds := range test.files {
				if strings.Contains(name, "FP") {
					continue
				}
				data := ""
				if f := after[name]; f != nil {
					data = string(f.Data)
				}
				for c := range s.Certs.All() {
					if strings.Contains(data, string(c.AppendPEM(nil))+"\n") != holds {
						t.Errorf("%s: %s: holds is not %v", name, c.Subject(), holds)
					}
				}
				if holds && before[name] != nil && !strings.HasPrefix(data, string(before[name].Data)) {
					t.Errorf("%s does not begin with what it was", name)
				}
			}
			links := 0
			for name := range after {
				if strings.Contains(name, "ca-cert-certgraft-corp-") {
					links++
				}
			}
			if tool := test.name == "with the tool"; tool && links != 3 || !tool && links != 0 {
				t.Errorf("%d links to anchors", links)
			}
		})
	}
}

func hash(t *testing.T, ca *roottest.CA) string {
	t.Helper()
	for c := range source(t, "x", ca.PEM()).Certs.All() {
		return strings.ToLower(hex8(c.SubjectHash()))
	}
	return ""
}

func hex8(h uint32) string {
	const digits = "0123456789abcdef"
	out := make([]byte, 8)
	for i := range out {
		out[i] = digits[h>>(28-4*i)&15]
	}
	return string(out)
}

// --append extends the bundle and nothing else, on any distribution.
func TestAppend(t *testing.T) {
	before := roottest.TreeFile(t, "../testdata/roots/bookworm.before.txtar")
	after, report := roundTrip(t, before, installer.Options{Append: true}, corp(t))
	changed := 0
	for name, f := range after {
		if !f.Mode.IsDir() && (before[name] == nil || string(before[name].Data) != string(f.Data)) {
			changed++
		}
	}
	if changed != 2 || report.Stores[0].Name != "bundle" || report.Stores[0].Added != 2 {
		t.Errorf("%d names changed: %+v", changed, report.Stores)
	}
}

// Files that the environment names in place of the bundle are extended too.
func TestEnvStore(t *testing.T) {
	ca := roottest.NewCA(t, "Old")
	before := tree(t, "-- etc/ssl/cert.pem --\nCA1\n-- opt/corp.pem\\ --\nCA1\n-- opt/link -> /opt/corp.pem --\n", ca)
	opt := installer.Options{Environ: map[string]string{
		"SSL_CERT_FILE": "/opt/link", "NODE_EXTRA_CA_CERTS": "/opt/corp.pem", "CURL_CA_BUNDLE": "/etc/ssl/cert.pem", "PIP_CERT": "/nowhere", "AWS_CA_BUNDLE": "relative", "HOME": "/etc/ssl/cert.pem",
	}}
	after, report := roundTrip(t, before, opt, corp(t))
	if len(report.Stores) != 2 || report.Stores[1].Name != "env" || report.Stores[1].Path != "/opt/corp.pem" || strings.Count(string(after["opt/corp.pem"].Data), "BEGIN") != 4 {
		t.Errorf("%+v", report.Stores)
	}
}

func TestSelectStores(t *testing.T) {
	before := tree(t, "-- etc/ssl/cert.pem --\nCA1\n-- opt/corp.pem --\nCA1\n", roottest.NewCA(t, "Old"))
	opt := installer.Options{Environ: map[string]string{"SSL_CERT_FILE": "/opt/corp.pem"}, Stores: []string{"system", "bundle"}}
	after, report := install(t, before, opt, corp(t))
	if len(report.Stores) != 1 {
		t.Errorf("%+v", report.Stores)
	}
	_, err := installer.Remove(rootfs.NewOverlay(after), installer.Selection{All: true}, opt)
	if err == nil || !strings.Contains(hint(err), "leave --stores out") {
		t.Error(err)
	}
	opt.Stores = []string{"java"}
	_, err = installer.Install(rootfs.NewOverlay(before), []installer.Source{corp(t)}, opt)
	if err == nil || !strings.Contains(err.Error(), `no store "java"`) || !strings.Contains(hint(err), "bundle") {
		t.Error(err)
	}
}

// A certificate is removed with its last source, and not before. One that the root had
// before stays.
func TestRemoveBySource(t *testing.T) {
	a, b, own := roottest.NewCA(t, "A"), roottest.NewCA(t, "B"), roottest.NewCA(t, "Own")
	before := tree(t, "-- etc/ssl/cert.pem --\nCA1\n", own)
	both, _ := install(t, before, installer.Options{}, source(t, "one.pem", a.PEM()+own.PEM()), source(t, "two.pem", a.PEM()+b.PEM()))
	holds := func(tr fstest.MapFS) string {
		var out strings.Builder
		for name, ca := range map[string]*roottest.CA{"A": a, "B": b, "O": own} {
			if strings.Contains(string(tr["etc/ssl/cert.pem"].Data), ca.PEM()) {
				out.WriteString(name)
			}
		}
		return sorted(out.String())
	}
	if got := holds(both); got != "ABO" {
		t.Fatal(got)
	}
	first, _ := remove(t, both, installer.Selection{Sources: []string{"two.pem"}}, installer.Options{})
	if got := holds(first); got != "AO" {
		t.Errorf("without two.pem: %s", got)
	}
	bySet, _ := remove(t, both, installer.Selection{Sets: []string{source(t, "", a.PEM()+b.PEM()).SetDigest}}, installer.Options{})
	roottest.Same(t, "by set", roottest.Dump(t, first), roottest.Dump(t, bySet))
	second, _ := remove(t, first, installer.Selection{Sources: []string{"one.pem"}}, installer.Options{})
	roottest.Same(t, "without both", roottest.Dump(t, before), roottest.Dump(t, second))
	prints := installer.Selection{Sources: []string{"b.pem"}, Files: map[string][]certs.Fingerprint{"b.pem": {sha256.Sum256(b.DER)}}}
	byPrint, _ := remove(t, both, prints, installer.Options{})
	if got := holds(byPrint); got != "AO" {
		t.Errorf("by fingerprint: %s", got)
	}
	same, report := remove(t, both, installer.Selection{Sources: []string{"three.pem"}}, installer.Options{})
	roottest.Same(t, "unknown source", roottest.Dump(t, both), roottest.Dump(t, same))
	if !strings.Contains(strings.Join(report.Notes, ""), "one.pem, two.pem") {
		t.Errorf("notes %q", report.Notes)
	}
	_, report = remove(t, before, installer.Selection{All: true}, installer.Options{})
	if !strings.Contains(strings.Join(report.Notes, ""), "no record") {
		t.Errorf("notes %q", report.Notes)
	}
	ours := both["etc/ssl/cert.pem"].Data
	both["etc/ssl/cert.pem"] = &fstest.MapFile{Data: append(slices.Clone(ours), "# mine\n"...), Mode: 0o644}
	changed, _ := remove(t, both, installer.Selection{All: true}, installer.Options{})
	if got := string(changed["etc/ssl/cert.pem"].Data); got != own.PEM()+"# mine\n" {
		t.Errorf("a file that someone changed: %q", got)
	}
	both["etc/ssl/cert.pem"] = &fstest.MapFile{Data: append([]byte("# each once\n"), ours...), Mode: 0o644}
	changed, report = remove(t, both, installer.Selection{All: true}, installer.Options{})
	if got := changed["etc/ssl/cert.pem"].Data; !bytes.Equal(got, both["etc/ssl/cert.pem"].Data) || len(report.Stays) == 0 {
		t.Errorf("a file that someone began anew: %q, stays %v", got, report.Stays)
	}
}

func sorted(s string) string {
	var out strings.Builder
	for _, c := range "ABO" {
		if strings.ContainsRune(s, c) {
			out.WriteString(string(c))
		}
	}
	return out.String()
}

// A certificate that its source no longer has stays and is named. --sync takes it out.
func TestSync(t *testing.T) {
	a, b := roottest.NewCA(t, "A"), roottest.NewCA(t, "B")
	before, _ := install(t, fstest.MapFS{}, installer.Options{}, source(t, "s", a.PEM()+b.PEM()))
	kept, report := install(t, before, installer.Options{}, source(t, "s", a.PEM()))
	if !strings.Contains(strings.Join(report.Notes, ""), "CN=B") || !strings.Contains(string(kept["etc/ssl/certs/ca-certificates.crt"].Data), b.PEM()) {
		t.Errorf("notes %q", report.Notes)
	}
	synced, _ := install(t, before, installer.Options{Sync: true}, source(t, "s", a.PEM()))
	only, _ := install(t, fstest.MapFS{}, installer.Options{}, source(t, "s", a.PEM()))
	roottest.Same(t, "--sync", roottest.Dump(t, only), roottest.Dump(t, synced))
}

func TestRecord(t *testing.T) {
	after, _ := install(t, fstest.MapFS{}, installer.Options{}, corp(t))
	text := string(after[installer.RecordPath].Data)
	if !strings.HasPrefix(text, "{\n  \"version\": 2,\n  \"certificates\": [\n") || !strings.HasSuffix(text, "}\n") || after[installer.RecordPath].Mode != 0o644 {
		t.Errorf("the record is %s", text)
	}
	again, _ := install(t, fstest.MapFS{}, installer.Options{}, corp(t))
	if string(again[installer.RecordPath].Data) != text {
		t.Error("the record is not reproducible")
	}
	for content, want := range map[string]string{"{": "damaged", `{"version": 3}`: "version 3"} {
		_, err := installer.Install(rootfs.NewOverlay(fstest.MapFS{installer.RecordPath: {Data: []byte(content)}}), []installer.Source{corp(t)}, installer.Options{})
		if err == nil || !strings.Contains(err.Error(), want) || hint(err) == "" {
			t.Errorf("%s: %v", content, err)
		}
	}
}

func TestWarnings(t *testing.T) {
	ca := roottest.NewCA(t, "Root")
	sub := ca.Intermediate(t, "Sub")
	_, report := install(t, fstest.MapFS{}, installer.Options{}, source(t, "s", sub.PEM()))
	if !strings.Contains(strings.Join(report.Warnings, "\n"), "CN=Sub is no root, and its issuer CN=Root") {
		t.Errorf("%q", report.Warnings)
	}
	leaf := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: sub.Issue(t, "db.test").Certificate[0]})
	_, report = install(t, fstest.MapFS{}, installer.Options{WithMozilla: true}, source(t, "s", string(leaf)))
	if !strings.Contains(strings.Join(report.Warnings, "\n"), "is no root, and its issuer CN=Sub") {
		t.Errorf("%q", report.Warnings)
	}
	_, report = install(t, fstest.MapFS{}, installer.Options{WithMozilla: true}, source(t, "s", sub.PEM()+ca.PEM()))
	if len(report.Warnings) > 0 {
		t.Errorf("%q", report.Warnings)
	}
}

// Hooks get the links on standard input; one that fails is a warning.
func TestRunHooks(t *testing.T) {
	dir := t.TempDir()
	roottest.WriteTo(t, debianTree(nil), dir)
	hooks := filepath.Join(dir, "etc/ca-certificates/update.d")
	for name, body := range map[string]string{
		"good": "cat > " + dir + "/seen\n", "bad": "echo broken >&2; exit 3\n", "off": "touch " + dir + "/off\n",
		"ignored.sh": "touch " + dir + "/ignored\n", "certhash": "touch " + dir + "/certhash\n",
	} {
		roottest.Script(t, filepath.Join(hooks, name), body)
	}
	if err := os.Chmod(filepath.Join(hooks, "off"), 0o644); err != nil {
		t.Fatal(err)
	}
	var report, still *installer.Report
	err := rootfs.Update(dir, func(o *rootfs.Overlay) (err error) {
		if still, err = installer.Install(rootfs.NewOverlay(os.DirFS(dir).(fs.ReadLinkFS)), []installer.Source{corp(t)}, installer.Options{}); err != nil {
			return err
		}
		report, err = installer.Install(o, []installer.Source{corp(t)}, installer.Options{Live: true})
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	notRun := func(r *installer.Report) (names []string) {
		for _, note := range r.Notes {
			if hook, ok := strings.CutPrefix(note, "the hook /etc/ca-certificates/update.d/"); ok {
				names = append(names, strings.Fields(hook)[0])
			}
		}
		return names
	}
	if got := notRun(still); !slices.Equal(got, []string{"bad", "good"}) || len(notRun(report)) != 0 {
		t.Errorf("not run in a root that is not running: %q, and in one that is: %q", got, notRun(report))
	}
	warnings := installer.RunHooks(context.Background(), dir, report)
	if len(warnings) != 1 || !strings.Contains(warnings[0], "bad") || !strings.Contains(warnings[0], "status 3: broken") {
		t.Errorf("warnings %q", warnings)
	}
	seen, err := os.ReadFile(filepath.Join(dir, "seen"))
	if err != nil || strings.Count(string(seen), "+/etc/ssl/certs/certgraft-corp-") != 3 {
		t.Errorf("the hook read %q, %v", seen, err)
	}
	for _, name := range []string{"off", "ignored", "certhash"} {
		if _, err := os.Stat(filepath.Join(dir, name)); err == nil {
			t.Errorf("hook %s ran", name)
		}
	}
}

func TestReads(t *testing.T) {
	for name, want := range map[string]bool{
		"etc/os-release": true, "etc/ssl/certs/x.pem": true, "usr/local/share/certgraft/installed.json": true, "usr/share/ca-certificates/mozilla/x.crt": true,
		"opt/app/lib.so": false, "etc/passwd": false, "usr/bin/bash": false,
	} {
		if installer.Reads(name) != want {
			t.Errorf("%s: %v", name, !want)
		}
	}
}

// only returns the certificate of a CA as crypto/x509 parses it.
func only(t testing.TB, ca *roottest.CA) *x509.Certificate {
	t.Helper()
	c, err := x509.ParseCertificate(ca.DER)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// percent encodes each byte as p11-kit's own format does.
func percent(data []byte) string {
	var out strings.Builder
	for _, b := range data {
		fmt.Fprintf(&out, "%%%02x", b)
	}
	return out.String()
}

// Wolfi's tool is in /usr/bin, with or without a link from sbin, and its Mozilla roots
// are local anchors. Install makes hash links in all cases.
func TestWolfiMergedSbin(t *testing.T) {
	theirs, ca := roottest.NewCA(t, "Theirs"), roottest.NewCA(t, "Corp")
	const root = "-- etc/os-release --\nID=wolfi\n-- usr/local/share/ca-certificates/mozilla.crt --\nCA1\n-- etc/ssl/certs/ca-certificates.crt --\nCA1\n\n" +
		"-- etc/ssl/certs/ca-cert-mozilla.pem -> /usr/local/share/ca-certificates/mozilla.crt --\n"
	for _, tool := range []string{"-- usr/bin/update-ca-certificates 0755 --\n", "-- usr/bin/update-ca-certificates 0755 --\n-- usr/sbin -> bin --\n"} {
		after, _ := roundTrip(t, tree(t, root+tool+"-- etc/ssl/certs/"+hash(t, theirs)+".0 -> ca-cert-mozilla.pem --\n", theirs), installer.Options{}, source(t, "s", ca.PEM()))
		if found := behindHash(rootfs.NewOverlay(after), "etc/ssl/certs", hash(t, ca)); found != ca.PEM() {
			t.Errorf("%q: %q", tool, found)
		}
	}
}
