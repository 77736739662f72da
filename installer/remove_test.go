package installer_test

import (
	"bytes"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/certgraft/certgraft/installer"
	"github.com/certgraft/certgraft/internal/roottest"
)

// Removing reports the number of certificates left in every store, as installing does.
func TestRemoveSaysWhatIsLeft(t *testing.T) {
	trees := map[string]fstest.MapFS{
		"photon":                             tree(t, "-- etc/os-release --\nID=photon\n-- etc/ssl/certs/x --\n"),
		"debian without a bundle of its own": debianTree(map[string]string{"etc/ssl/cert.pem": roottest.NewCA(t, "Old").PEM()}),
	}
	for _, name := range []string{"fedora", "arch", "suse", "bookworm"} {
		trees[name] = roottest.TreeFile(t, "../testdata/roots/"+name+".before.txtar")
	}
	for name, before := range trees {
		t.Run(name, func(t *testing.T) {
			one, _ := install(t, before, installer.Options{}, corp(t))
			_, installed := install(t, one, installer.Options{}, corp(t))
			want := map[string]int{}
			for _, s := range installed.Stores {
				want[s.Path] = s.Total
			}
			two, _ := install(t, one, installer.Options{}, source(t, "other", roottest.NewCA(t, "Other").PEM()))
			_, removed := remove(t, two, installer.Selection{Sources: []string{"other"}}, installer.Options{})
			for _, s := range removed.Stores {
				if s.Removed != 1 || s.Total != want[s.Path] {
					t.Errorf("%s: %d removed, %d left, want %d", s.Path, s.Removed, s.Total, want[s.Path])
				}
			}
		})
	}
}

// The record describes the present root, not an earlier one.
func TestRecordIsReproducible(t *testing.T) {
	trees := map[string]fstest.MapFS{"empty": {}, "slim": debianTree(nil),
		"repaired": debianTree(map[string]string{"etc/ssl/certs/ca-certificates.crt": strings.TrimSpace(roottest.NewCA(t, "Old").PEM())})}
	for _, name := range []string{"fedora", "arch", "suse", "bookworm"} {
		trees[name] = roottest.TreeFile(t, "../testdata/roots/"+name+".before.txtar")
	}
	for name, before := range trees {
		t.Run(name, func(t *testing.T) {
			once, _ := install(t, before, installer.Options{}, corp(t))
			again, _ := install(t, once, installer.Options{}, source(t, "other", roottest.NewCA(t, "Other").PEM()))
			again, _ = remove(t, again, installer.Selection{Sources: []string{"other"}}, installer.Options{})
			want, got := string(once[installer.RecordPath].Data), string(again[installer.RecordPath].Data)
			if got != want || strings.Contains(got, `"stores": null`) {
				t.Errorf("the record is\n%s\nnot\n%s", got, want)
			}
		})
	}
}

// A certificate that was added behind someone's copy is found there, when the copy that
// this program put before it is gone.
func TestRemoveBehindTheOtherCopy(t *testing.T) {
	old, a, c := roottest.NewCA(t, "Old").PEM(), roottest.NewCA(t, "A").PEM(), roottest.NewCA(t, "C").PEM()
	for name, before := range map[string]fstest.MapFS{
		"bundle": {"etc/ssl/cert.pem": {Data: []byte(old), Mode: 0o644}},
		"debian": model(t, debianTree(map[string]string{"etc/ca-certificates.conf": "x.crt\n", "usr/share/ca-certificates/x.crt": old})),
	} {
		t.Run(name, func(t *testing.T) {
			path := map[string]string{"bundle": "etc/ssl/cert.pem", "debian": bundlePath}[name]
			after, _ := install(t, before, installer.Options{}, source(t, "s1", a))
			after[path] = &fstest.MapFile{Data: append(slices.Clone(after[path].Data), "# by hand\n"+a...), Mode: 0o644}
			after, _ = install(t, after, installer.Options{}, source(t, "s2", c))
			after, _ = remove(t, after, installer.Selection{Sources: []string{"s1"}}, installer.Options{})
			after, report := remove(t, after, installer.Selection{All: true}, installer.Options{})
			if got, want := string(after[path].Data), old+"# by hand\n"+a; got != want || len(report.Stays) > 0 {
				t.Errorf("the bundle is %q, and %v stays", got, report.Stays)
			}
		})
	}
}

// A certificate behind one that someone removed goes, though that person added theirs
// again at the end.
func TestRemoveBehindOneThatMoved(t *testing.T) {
	old, b, c := roottest.NewCA(t, "Old").PEM(), roottest.NewCA(t, "B").PEM(), roottest.NewCA(t, "C").PEM()
	const path = "etc/ssl/cert.pem"
	after, _ := install(t, fstest.MapFS{path: {Data: []byte(old), Mode: 0o644}}, installer.Options{}, source(t, "s1", b))
	after, _ = install(t, after, installer.Options{}, source(t, "s2", c))
	after[path] = &fstest.MapFile{Data: []byte(old + c + "# by hand\n" + b), Mode: 0o644}
	after, report := remove(t, after, installer.Selection{All: true}, installer.Options{})
	if got := string(after[path].Data); got != old+"# by hand\n"+b || len(report.Stays) != 1 {
		t.Errorf("the bundle is %q, and %v stays", got, report.Stays)
	}
}

// Someone restores the base's bundle. Another copy there stands behind a certificate
// that ours stood behind: this copy is not ours.
func TestRemoveFromABundleThatIsBack(t *testing.T) {
	one, two, three := roottest.NewCA(t, "One").PEM(), roottest.NewCA(t, "Two").PEM(), roottest.NewCA(t, "Three").PEM()
	const path = "etc/ssl/cert.pem"
	after, _ := install(t, fstest.MapFS{path: {Data: []byte(one + three), Mode: 0o644}}, installer.Options{}, source(t, "s", two))
	after[path] = &fstest.MapFile{Data: []byte(one + two + three), Mode: 0o644}
	after, report := remove(t, after, installer.Selection{All: true}, installer.Options{})
	if got := string(after[path].Data); got != one+two+three || len(report.Stays) != 1 {
		t.Errorf("the bundle is %q, and %v stays", got, report.Stays)
	}
}

// The comment of a removed certificate does not belong to the certificate behind it,
// but another comment does.
func TestRemoveBehindAComment(t *testing.T) {
	old, b, c := roottest.NewCA(t, "Old").PEM(), roottest.NewCA(t, "B").PEM(), roottest.NewCA(t, "C").PEM()
	const path = "etc/ssl/cert.pem"
	for comment, left := range map[string]string{"# B\n": old + "# B\n", "# C\n": old + "# C\n" + c} {
		after, _ := install(t, fstest.MapFS{path: {Data: []byte(old + "# B\n" + b), Mode: 0o644}}, installer.Options{}, source(t, "s", c))
		after[path] = &fstest.MapFile{Data: []byte(old + comment + c), Mode: 0o644}
		after, _ = remove(t, after, installer.Selection{All: true}, installer.Options{})
		if got := string(after[path].Data); got != left {
			t.Errorf("behind %q: the bundle is %q", comment, got)
		}
	}
}

// A certificate is found behind more removed certificates than the record lists.
func TestRemoveBehindManyThatWent(t *testing.T) {
	old, last := roottest.NewCA(t, "Old").PEM(), roottest.NewCA(t, "Z").PEM()
	var many strings.Builder
	for _, name := range []string{"A", "B", "C", "D", "E"} {
		many.WriteString(roottest.NewCA(t, name).PEM())
	}
	before := model(t, debianTree(map[string]string{"etc/ca-certificates.conf": "x.crt\n", "usr/share/ca-certificates/x.crt": old}))
	after, _ := install(t, before, installer.Options{}, source(t, "many", many.String()))
	after, _ = install(t, after, installer.Options{}, source(t, "one", last))
	after, _ = remove(t, after, installer.Selection{Sources: []string{"many"}}, installer.Options{})
	after[bundlePath] = &fstest.MapFile{Data: bytes.TrimSpace(after[bundlePath].Data), Mode: 0o644}
	after, report := remove(t, after, installer.Selection{All: true}, installer.Options{})
	if got := string(after[bundlePath].Data); got != old || len(report.Stays) > 0 {
		t.Errorf("the bundle is %q, and %v stays", got, report.Stays)
	}
}

// A deselected anchor explains nothing. The report says that its link still exists
// because the tool has not run since.
func TestRemoveNamesDeselected(t *testing.T) {
	ca, other := roottest.NewCA(t, "Deselected").PEM(), roottest.NewCA(t, "Other").PEM()
	before := model(t, debianTree(map[string]string{
		"etc/ca-certificates.conf": "x.crt\ny.crt\n", "usr/share/ca-certificates/x.crt": ca, "usr/share/ca-certificates/y.crt": other,
	}))
	after, _ := install(t, before, installer.Options{}, source(t, "s", ca))
	after["etc/ca-certificates.conf"] = &fstest.MapFile{Data: []byte("!x.crt\ny.crt\n"), Mode: 0o644}
	after[bundlePath] = &fstest.MapFile{Data: []byte(other), Mode: 0o644}
	_, report := remove(t, after, installer.Selection{All: true}, installer.Options{})
	if len(report.Stays) != 1 || report.Stays[0].Because != "someone else put it into /etc/ssl/certs/x.pem" {
		t.Errorf("what stays: %v", report.Stays)
	}
}

// Someone removes the first certificate from a bundle and leaves its comment. This does
// not begin the file anew, so ours goes.
func TestRemoveAfterTheFirstWasTakenOut(t *testing.T) {
	alpine := debianTree(map[string]string{bundlePath: roottest.NewCA(t, "A").PEM() + "\n" + roottest.NewCA(t, "B").PEM() + "\n"})
	alpine["etc/os-release"] = &fstest.MapFile{Data: []byte("ID=alpine\n"), Mode: 0o644}
	fedora := roottest.TreeFile(t, "../testdata/roots/fedora.before.txtar")
	for path, before := range map[string]fstest.MapFS{bundlePath: alpine, "etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem": fedora} {
		t.Run(path, func(t *testing.T) {
			after, _ := install(t, before, installer.Options{}, source(t, "s", roottest.NewCA(t, "Ours").PEM()))
			for _, tree := range []fstest.MapFS{before, after} {
				data := string(tree[path].Data)
				head, rest, _ := strings.Cut(data, "-----BEGIN CERTIFICATE-----\n")
				_, rest, _ = strings.Cut(rest, "-----END CERTIFICATE-----\n")
				tree[path] = &fstest.MapFile{Data: []byte(head + rest), Mode: tree[path].Mode}
			}
			after, report := remove(t, after, installer.Selection{All: true}, installer.Options{})
			if got, want := string(after[path].Data), string(before[path].Data); got != want || len(report.Stays) > 0 {
				t.Errorf("the bundle is %.300q, not %.300q, and %v stays", got, want, report.Stays)
			}
		})
	}
}
