package installer_test

import (
	"fmt"
	"io/fs"
	"maps"
	"slices"
	"testing"
	"testing/fstest"

	"github.com/certgraft/certgraft/installer"
	"github.com/certgraft/certgraft/internal/roottest"
	"github.com/certgraft/certgraft/rootfs"
)

// On Alpine, c_rehash makes the hash links. The links of CAs with one subject have no
// gap, whichever CA is removed.
func TestAlpineRemoveOneOfASubject(t *testing.T) {
	old := roottest.NewCA(t, "Same")
	before := debianTree(map[string]string{
		"etc/ca-certificates.conf": "x.crt\n", "usr/share/ca-certificates/x.crt": old.PEM(), bundlePath: old.PEM() + "\n",
	})
	before["etc/os-release"] = &fstest.MapFile{Data: []byte("ID=alpine\n"), Mode: 0o644}
	before["etc/ssl/certs/ca-cert-x.pem"] = link("/usr/share/ca-certificates/x.crt")
	before["etc/ssl/certs/"+hash(t, old)+".0"] = link("ca-cert-x.pem")
	removeEither(t, before, old)
}

// If a hash link before ours was missing or led nowhere, OpenSSL finds our CAs until
// the last one is removed. Then the directory is as it was.
func TestDebianRemoveOneOfASubjectBehindAHole(t *testing.T) {
	packaged, old := roottest.NewCA(t, "Packaged").PEM(), roottest.NewCA(t, "Same")
	for name, first := range map[string]*fstest.MapFile{"a hole": nil, "a link into nothing": link("gone.pem")} {
		t.Run(name, func(t *testing.T) {
			before := model(t, debianTree(map[string]string{"etc/ca-certificates.conf": "x.crt\n", "usr/share/ca-certificates/x.crt": packaged}))
			before["etc/ssl/certs/mine.pem"] = &fstest.MapFile{Data: []byte(old.PEM()), Mode: 0o644}
			before["etc/ssl/certs/"+hash(t, old)+".1"] = link("mine.pem")
			if first != nil {
				before["etc/ssl/certs/"+hash(t, old)+".0"] = first
			}
			removeEither(t, before)
		})
	}
}

// removeEither installs two CAs with one subject and removes them in both orders.
func removeEither(t *testing.T, before fstest.MapFS, others ...*roottest.CA) {
	t.Helper()
	a, b := roottest.NewCA(t, "Same"), roottest.NewCA(t, "Same")
	for _, order := range [][]*roottest.CA{{a, b}, {b, a}} {
		tree := before
		tree, _ = install(t, tree, installer.Options{}, source(t, "s1", a.PEM()))
		tree, _ = install(t, tree, installer.Options{}, source(t, "s2", b.PEM()))
		names := map[*roottest.CA]string{a: "s1", b: "s2"}
		tree, _ = remove(t, tree, installer.Selection{Sources: []string{names[order[0]]}}, installer.Options{})
		foundByHash(t, tree, append(others, order[1])...)
		tree, _ = remove(t, tree, installer.Selection{Sources: []string{names[order[1]]}}, installer.Options{})
		roottest.Same(t, "all removed", dump(t, before), dump(t, tree))
	}
}

func link(target string) *fstest.MapFile {
	return &fstest.MapFile{Data: []byte(target), Mode: fs.ModeSymlink | 0o777}
}

// foundByHash checks that OpenSSL finds the CAs in /etc/ssl/certs. OpenSSL stops at the
// first number that is missing or leads nowhere.
func foundByHash(t *testing.T, tree fstest.MapFS, cas ...*roottest.CA) {
	t.Helper()
	for _, ca := range cas {
		if !isFoundByHash(t, tree, ca) {
			t.Errorf("%s is not found by its hash", ca.Cert.Subject)
		}
	}
}

func isFoundByHash(t *testing.T, tree fstest.MapFS, ca *roottest.CA) bool {
	t.Helper()
	root := rootfs.NewOverlay(tree) // the overlay follows links from the root
	for id := 0; ; id++ {
		data, err := fs.ReadFile(root, fmt.Sprintf("etc/ssl/certs/%s.%d", hash(t, ca), id))
		if err != nil {
			return false
		}
		if string(data) == ca.PEM() {
			return true
		}
	}
}

// After a removal the links behind ours have the numbers that they would have without
// ours.
func TestDebianRemoveBeforeOthersOfASubject(t *testing.T) {
	packaged := roottest.NewCA(t, "Packaged").PEM()
	ours, x, y := roottest.NewCA(t, "Same"), roottest.NewCA(t, "Same"), roottest.NewCA(t, "Same")
	name := func(n int) string { return fmt.Sprintf("etc/ssl/certs/%s.%d", hash(t, ours), n) }
	for what, bundle := range map[string]string{"the tool's": "", "someone's": "# by hand\n"} {
		t.Run(what, func(t *testing.T) {
			before := model(t, debianTree(map[string]string{"etc/ca-certificates.conf": "x.crt\n", "usr/share/ca-certificates/x.crt": packaged}))
			after, _ := install(t, before, installer.Options{}, source(t, "s", ours.PEM()))
			for n, ca := range []*roottest.CA{x, y} {
				file := fmt.Sprintf("own%d.pem", n)
				after["etc/ssl/certs/"+file], after[name(1+n)] = &fstest.MapFile{Data: []byte(ca.PEM()), Mode: 0o644}, link(file)
			}
			after[bundlePath] = &fstest.MapFile{Data: append(slices.Clone(after[bundlePath].Data), bundle...), Mode: 0o644}
			after, _ = remove(t, after, installer.Selection{All: true}, installer.Options{})
			if a, b := after[name(0)], after[name(1)]; a == nil || b == nil || string(a.Data) != "own0.pem" || string(b.Data) != "own1.pem" || after[name(2)] != nil {
				t.Errorf("the links are %v, %v, %v", a, b, after[name(2)])
			}
		})
	}
}

// Someone deletes a file whose hash link is before ours. openssl rehash keeps the link
// where another link needs its number. remove deletes it together with ours.
func TestDebianRemoveBehindALinkThatIsLeft(t *testing.T) {
	own, ours := roottest.NewCA(t, "Same"), roottest.NewCA(t, "Same")
	before := model(t, debianTree(map[string]string{
		"etc/ca-certificates.conf": "x.crt\ny.crt\n", "usr/share/ca-certificates/x.crt": roottest.NewCA(t, "X").PEM(), "usr/share/ca-certificates/y.crt": roottest.NewCA(t, "Y").PEM(),
	}))
	with := maps.Clone(before)
	with["etc/ssl/certs/own.pem"], with["etc/ssl/certs/"+hash(t, own)+".0"] = &fstest.MapFile{Data: []byte(own.PEM()), Mode: 0o644}, link("own.pem")
	after, _ := install(t, with, installer.Options{}, source(t, "s", ours.PEM()))
	delete(after, "etc/ssl/certs/own.pem")
	after, _ = remove(t, after, installer.Selection{All: true}, installer.Options{})
	roottest.Same(t, "all removed", dump(t, before), dump(t, after))
}

// The CA was another's anchor too, and install made its links as the tool would have
// made them. After that anchor was deleted, remove leaves no link to nothing.
func TestDebianRemoveAfterAnothersAnchorWent(t *testing.T) {
	ca := roottest.NewCA(t, "Same")
	before := model(t, debianTree(map[string]string{"etc/ca-certificates.conf": "x.crt\n", "usr/share/ca-certificates/x.crt": roottest.NewCA(t, "X").PEM()}))
	with := maps.Clone(before)
	with["usr/local/share/ca-certificates/local.crt"] = &fstest.MapFile{Data: []byte(ca.PEM()), Mode: 0o644}
	after, _ := install(t, with, installer.Options{}, source(t, "s", ca.PEM()))
	if after["etc/ssl/certs/local.pem"] == nil || after["etc/ssl/certs/"+hash(t, ca)+".0"] == nil {
		t.Fatal("the anchor is not linked")
	}
	delete(after, "usr/local/share/ca-certificates/local.crt")
	after, _ = remove(t, after, installer.Selection{All: true}, installer.Options{})
	roottest.Same(t, "all removed", dump(t, before), dump(t, after))
}
