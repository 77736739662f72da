package installer_test

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/certgraft/certgraft/certs"
	"github.com/certgraft/certgraft/installer"
	"github.com/certgraft/certgraft/internal/roottest"
	"github.com/certgraft/certgraft/rootfs"
)

// source returns a source of certificates.
func source(t testing.TB, name, pem string) installer.Source {
	t.Helper()
	taken, _, err := certs.ParseAll([]byte(pem))
	if err != nil {
		t.Fatal(err)
	}
	set := &certs.Set{}
	for _, c := range taken {
		set.Add(c, name)
	}
	return installer.Source{Name: name, Anchor: strings.TrimSuffix(name, ".pem"), SetDigest: set.Digest(), Certs: set}
}

// install runs Install on tree and returns the changed tree.
func install(t testing.TB, tree fstest.MapFS, opt installer.Options, sources ...installer.Source) (fstest.MapFS, *installer.Report) {
	t.Helper()
	o := rootfs.NewOverlay(tree)
	report, err := installer.Install(o, sources, opt)
	if err != nil {
		t.Fatal(err)
	}
	return apply(tree, o), report
}

func remove(t testing.TB, tree fstest.MapFS, selection installer.Selection, opt installer.Options) (fstest.MapFS, *installer.Report) {
	t.Helper()
	o := rootfs.NewOverlay(tree)
	report, err := installer.Remove(o, selection, opt)
	if err != nil {
		t.Fatal(err)
	}
	return apply(tree, o), report
}

// apply returns tree with the changes of o.
func apply(tree fstest.MapFS, o *rootfs.Overlay) fstest.MapFS {
	out := maps.Clone(tree)
	for c := range o.Changes() {
		switch {
		case c.Removed:
			delete(out, c.Name)
		case c.Mode&fs.ModeSymlink != 0:
			out[c.Name] = &fstest.MapFile{Mode: c.Mode, Data: []byte(c.Target)}
		default:
			out[c.Name] = &fstest.MapFile{Mode: c.Mode, Data: c.Data}
		}
	}
	return out
}

// dump describes a tree without the record and the directories, which MapFS adds.
func dump(t testing.TB, tree fstest.MapFS) map[string]string {
	t.Helper()
	lines := roottest.Dump(t, tree)
	maps.DeleteFunc(lines, func(name, line string) bool {
		return name == installer.RecordPath || strings.HasPrefix(line, "d")
	})
	return lines
}

// roundTrip installs, installs again, and removes. The second install changes nothing,
// and the removal restores everything. It returns the tree after install.
func roundTrip(t *testing.T, before fstest.MapFS, opt installer.Options, sources ...installer.Source) (fstest.MapFS, *installer.Report) {
	t.Helper()
	anywhere := opt
	anywhere.Stores = nil
	after, report := install(t, before, opt, sources...)
	again, _ := install(t, after, opt, sources...)
	roottest.Same(t, "the second install", roottest.Dump(t, after), roottest.Dump(t, again))
	restored, _ := remove(t, after, installer.Selection{All: true}, anywhere)
	roottest.Same(t, "remove --all", roottest.Dump(t, before), roottest.Dump(t, restored))
	return after, report
}

func corp(t testing.TB) installer.Source {
	t.Helper()
	data, err := os.ReadFile("../testdata/bundles/corp.pem")
	if err != nil {
		t.Fatal(err)
	}
	return source(t, "corp.pem", string(data))
}

// On Debian, install makes what update-ca-certificates makes, to the byte.
func TestDebianGolden(t *testing.T) {
	for _, suite := range []string{"bookworm", "trixie"} {
		t.Run(suite, func(t *testing.T) {
			before := roottest.TreeFile(t, "../testdata/roots/"+suite+".before.txtar")
			want := roottest.TreeFile(t, "../testdata/roots/"+suite+".after.txtar")
			after, report := roundTrip(t, before, installer.Options{}, corp(t))
			roottest.Same(t, "install", dump(t, want), dump(t, after))
			if s := report.Stores[0]; s.Name != "debian" || s.Added != 2 || s.Present != 1 || s.Total != 6 {
				t.Errorf("%+v", s)
			}
			if len(report.Warnings) > 0 {
				t.Errorf("warnings %q", report.Warnings)
			}
		})
	}
}

// debianTree returns a Debian root with files.
func debianTree(files map[string]string) fstest.MapFS {
	tree := fstest.MapFS{
		"etc/os-release":                  {Data: []byte("ID=debian\nPRETTY_NAME=\"Debian GNU/Linux\"\n"), Mode: 0o644},
		"usr/sbin/update-ca-certificates": {Mode: 0o755},
		"var/lib/dpkg/status":             {Mode: 0o644},
	}
	for name, content := range files {
		tree[name] = &fstest.MapFile{Data: []byte(content), Mode: 0o644}
	}
	return tree
}

// Without the package, install makes its layout, and a warning says what the root now
// trusts.
func TestDebianSlim(t *testing.T) {
	slim := debianTree(nil)
	after, report := roundTrip(t, slim, installer.Options{}, corp(t))
	if !strings.Contains(strings.Join(report.Warnings, "\n"), "trusts only these 3") {
		t.Errorf("warnings %q", report.Warnings)
	}
	links := 0
	for name := range after {
		if strings.HasSuffix(name, ".0") || strings.HasSuffix(name, ".1") {
			links++
		}
	}
	if links != 3 {
		t.Errorf("%d hash links", links)
	}
	_, report = roundTrip(t, slim, installer.Options{WithMozilla: true}, corp(t))
	if report.Stores[0].Total < 110 || len(report.Warnings) > 0 {
		t.Errorf("%+v %q", report.Stores, report.Warnings)
	}
}

// A bundle that the tool did not write keeps all its content.
func TestDebianKeepsUnexplainedCertificates(t *testing.T) {
	stranger := roottest.NewCA(t, "Stranger").PEM()
	for what, bundle := range map[string]string{
		"with comments":          "# from a script\n" + stranger,
		"no final line feed":     strings.TrimSpace(stranger),
		"twice":                  stranger + stranger,
		"with a poisonous block": stranger + "-----BEGIN CERTIFICATE-----\n@\n-----END CERTIFICATE-----\n# end\n",
	} {
		t.Run(what, func(t *testing.T) {
			after, report := roundTrip(t, debianTree(map[string]string{"etc/ssl/certs/ca-certificates.crt": bundle}), installer.Options{}, corp(t))
			got := string(after["etc/ssl/certs/ca-certificates.crt"].Data)
			if !strings.HasPrefix(got, strings.Split(bundle, "-----BEGIN CERTIFICATE-----\n@")[0]) {
				t.Errorf("the bundle starts with %.200q", got)
			}
			text := strings.Join(report.Warnings, "\n")
			if !strings.Contains(text, "CN=Stranger") || !strings.Contains(text, "will be lost") {
				t.Errorf("warnings %q", text)
			}
			if poison := strings.Contains(bundle, "@"); poison != strings.Contains(text, "keeps programs from reading") || strings.Contains(got, "@") {
				t.Errorf("poison: warnings %q", text)
			}
		})
	}
}

// A user's anchor that damages the bundle stays, and its block is not in the bundle.
func TestDebianPoisonousAnchor(t *testing.T) {
	bad := "-----BEGIN CERTIFICATE-----\n@\n-----END CERTIFICATE-----\n"
	good := roottest.NewCA(t, "Good").PEM()
	before := debianTree(map[string]string{
		"usr/local/share/ca-certificates/a.crt": good, "usr/local/share/ca-certificates/bad.crt": bad,
		"etc/ssl/certs/ca-certificates.crt": good + bad,
	})
	after, report := roundTrip(t, before, installer.Options{}, corp(t))
	if strings.Contains(string(after["etc/ssl/certs/ca-certificates.crt"].Data), "@") || string(after["usr/local/share/ca-certificates/bad.crt"].Data) != bad {
		t.Error("the block is still in the bundle, or the anchor was changed")
	}
	if !strings.Contains(strings.Join(report.Warnings, "\n"), "keeps programs from reading") {
		t.Errorf("warnings %q", report.Warnings)
	}
}

func TestDebianDeselected(t *testing.T) {
	ca := roottest.NewCA(t, "Deselected")
	before := debianTree(map[string]string{"etc/ca-certificates.conf": "!mozilla/x.crt\n", "usr/share/ca-certificates/mozilla/x.crt": ca.PEM()})
	_, err := installer.Install(rootfs.NewOverlay(before), []installer.Source{source(t, "x", ca.PEM())}, installer.Options{})
	if !errors.Is(err, installer.ErrRefused) || !strings.Contains(err.Error(), "!mozilla/x.crt") || !strings.Contains(err.Error(), "CN=Deselected") {
		t.Error(err)
	}
	roundTrip(t, before, installer.Options{OverrideBlocklist: true}, source(t, "x", ca.PEM()))
}

// A certificate from the package gets its own anchor. So does one in a user's file with
// others, because OpenSSL does not find it in the directory.
func TestDebianAlreadyTrusted(t *testing.T) {
	a, b := roottest.NewCA(t, "A").PEM(), roottest.NewCA(t, "B").PEM()
	before := model(t, debianTree(map[string]string{
		"etc/ca-certificates.conf": "x.crt\n", "usr/share/ca-certificates/x.crt": a, "usr/local/share/ca-certificates/two.crt": b + a,
	}))
	after, report := roundTrip(t, before, installer.Options{}, source(t, "x", a+b))
	if report.Stores[0].Added != 0 || report.Stores[0].Present != 2 { // the bundle held both, and now has each twice
		t.Errorf("%+v", report.Stores)
	}
	if n := strings.Count(string(after["etc/ssl/certs/ca-certificates.crt"].Data), "BEGIN"); n != 5 {
		t.Errorf("%d blocks in the bundle, the tool writes 5", n)
	}
}

// On random Debian roots, install has the same result as a second, simple model of
// update-ca-certificates and openssl rehash.
func TestDebianModel(t *testing.T) {
	pool := make([]*roottest.CA, 12)
	for i := range pool {
		pool[i] = roottest.NewCA(t, fmt.Sprint("CA ", i/3)) // three share a name
	}
	for seed := range 40 {
		files := map[string]string{}
		conf, bundle := "", ""
		for i, ca := range pool {
			switch (seed*7 + i*i*(seed+3)) % 5 {
			case 0:
				name := fmt.Sprintf("m/%d, x.crt", i)
				conf += name + "\n"
				bundle += ca.PEM()
				files["usr/share/ca-certificates/"+name] = ca.PEM()
			case 1:
				conf += "!m/absent.crt\n# comment\n\n"
			}
		}
		files["etc/ca-certificates.conf"] = conf
		before := model(t, debianTree(files))
		var want []string
		for i := range pool {
			if (seed+i)%4 == 0 {
				want = append(want, pool[i].PEM())
			}
		}
		if len(want) == 0 {
			continue
		}
		after, _ := roundTrip(t, before, installer.Options{}, source(t, "s", strings.Join(want, "")))
		roottest.Same(t, fmt.Sprint("seed ", seed), dump(t, model(t, after)), dump(t, after))
		if t.Failed() {
			return
		}
	}
}

// model is update-ca-certificates --fresh for a root whose directory only holds the
// tool's own links.
func model(t *testing.T, tree fstest.MapFS) fstest.MapFS {
	t.Helper()
	out := maps.Clone(tree)
	old := out["etc/ssl/certs/ca-certificates.crt"]
	maps.DeleteFunc(out, func(name string, _ *fstest.MapFile) bool { return strings.HasPrefix(name, "etc/ssl/certs/") })
	var anchors []string
	for line := range strings.Lines(string(tree["etc/ca-certificates.conf"].Data)) {
		if name := strings.TrimSpace(line); name != "" && name[0] != '#' && name[0] != '!' {
			anchors = append(anchors, "usr/share/ca-certificates/"+name)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(tree)) {
		if strings.HasPrefix(name, "usr/local/share/ca-certificates/") && strings.HasSuffix(name, ".crt") {
			anchors = append(anchors, name)
		}
	}
	var bundle []byte
	links := map[string]string{} // link to the anchor -> its content
	for _, name := range anchors {
		bundle = append(bundle, tree[name].Data...)
		base := name[strings.LastIndex(name, "/")+1:]
		link := strings.NewReplacer(" ", "_", ",", "_", "(", "=", ")", "=").Replace(strings.TrimSuffix(base, ".crt")) + ".pem"
		links[link] = string(tree[name].Data)
		out["etc/ssl/certs/"+link] = &fstest.MapFile{Mode: fs.ModeSymlink | 0o777, Data: []byte("/" + name)}
	}
	if len(anchors) == 0 {
		return out
	}
	if old != nil { // hashed like any other file
		links["ca-certificates.crt"] = string(bundle)
	}
	seen, next := map[string]bool{}, map[uint32]int{}
	for _, link := range slices.Sorted(maps.Keys(links)) {
		taken, _, err := certs.ParseAll([]byte(links[link]))
		if err != nil {
			t.Fatal(err)
		}
		if len(taken) != 1 || seen[taken[0].Fingerprint().String()] {
			continue
		}
		seen[taken[0].Fingerprint().String()] = true
		hash := taken[0].SubjectHash()
		out[fmt.Sprintf("etc/ssl/certs/%08x.%d", hash, next[hash])] = &fstest.MapFile{Mode: fs.ModeSymlink | 0o777, Data: []byte(link)}
		next[hash]++
	}
	out["etc/ssl/certs/ca-certificates.crt"] = &fstest.MapFile{Mode: 0o644, Data: bundle}
	if old == nil && len(anchors) > 0 {
		return model(t, out) // the bundle itself is hashed the next time
	}
	return out
}

func TestInspect(t *testing.T) {
	before := roottest.TreeFile(t, "../testdata/roots/bookworm.before.txtar")
	after, _ := install(t, before, installer.Options{}, corp(t))
	now := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	got, err := installer.Inspect(after, now, installer.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if len(got.Stores) != 2 || got.Stores[0].Certificates != 6 || got.Stores[1].Certificates != 6 || got.Stores[0].Certgraft != 3 {
		t.Errorf("%+v", got.Stores)
	}
	if len(got.Differences) > 0 || len(got.Installed) != 1 || got.Installed[0].Certificates != 3 || got.Installed[0].Source != "corp.pem" {
		t.Errorf("%+v %+v", got.Differences, got.Installed)
	}
	late, err := installer.Inspect(after, now.AddDate(20, 0, 0), installer.Options{})
	if err != nil || late.Stores[0].Expired == 0 {
		t.Errorf("%+v %v", late, err)
	}
	after["etc/ssl/certs/ca-certificates.crt"] = &fstest.MapFile{Data: []byte("-----BEGIN CERTIFICATE-----\n@\n-----END CERTIFICATE-----\n"), Mode: 0o644}
	after["etc/ssl/certs/00000000.1"] = &fstest.MapFile{Data: []byte("nowhere"), Mode: fs.ModeSymlink | 0o777}
	after["etc/ssl/certs/00000000.3"] = &fstest.MapFile{Data: []byte("Amazon_Root_CA_3.pem"), Mode: fs.ModeSymlink | 0o777}
	broken, err := installer.Inspect(after, now, installer.Options{})
	if err != nil {
		t.Fatal(err)
	}
	text := fmt.Sprintf("%v", broken.Stores)
	for _, want := range []string{"strict readers lose the whole file", "00000000.1 leads nowhere", "another hash", "is missing before"} {
		if !strings.Contains(text, want) {
			t.Errorf("no %q in %s", want, text)
		}
	}
	if len(broken.Differences) == 0 {
		t.Error("the stores do not disagree")
	}
}

func BenchmarkInstallDebian(b *testing.B) {
	tree, s := benchmarked(b)
	for b.Loop() {
		if _, err := installer.Install(rootfs.NewOverlay(tree), []installer.Source{s}, installer.Options{}); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkRemoveDebian(b *testing.B) {
	tree, s := benchmarked(b)
	tree, _ = install(b, tree, installer.Options{}, s)
	for b.Loop() {
		if _, err := installer.Remove(rootfs.NewOverlay(tree), installer.Selection{All: true}, installer.Options{}); err != nil {
			b.Fatal(err)
		}
	}
}

// benchmarked returns a Debian root of usual size, and as many CAs as the largest
// providers have.
func benchmarked(b *testing.B) (fstest.MapFS, installer.Source) {
	b.Helper()
	var pem strings.Builder
	for i := range 110 {
		pem.WriteString(roottest.NewCA(b, fmt.Sprint("Root ", i)).PEM())
	}
	files, conf := map[string]string{}, ""
	for i := range 140 {
		name := fmt.Sprintf("m/%d.crt", i)
		conf += name + "\n"
		files["usr/share/ca-certificates/"+name] = roottest.NewCA(b, fmt.Sprint("System ", i)).PEM()
	}
	files["etc/ca-certificates.conf"] = conf
	tree, _ := install(b, debianTree(files), installer.Options{}, source(b, "x", roottest.NewCA(b, "x").PEM()))
	return tree, source(b, "rds", pem.String())
}

func tryInstall(tree fstest.MapFS, opt installer.Options, sources ...installer.Source) (*installer.Report, error) {
	return installer.Install(rootfs.NewOverlay(tree), sources, opt)
}
