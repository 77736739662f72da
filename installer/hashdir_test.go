package installer_test

import (
	"fmt"
	"io/fs"
	"path"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/certgraft/certgraft/installer"
	"github.com/certgraft/certgraft/internal/roottest"
	"github.com/certgraft/certgraft/rootfs"
)

// mirrored are roots whose OpenSSL reads links to the hash links of another directory.
var mirrored = map[string]string{"arch": "etc/ssl/certs", "fedora": "etc/pki/tls/certs"}

// When one of several CAs with the same subject is removed, OpenSSL still finds the
// others through the links to the hash links.
func TestRemoveOneOfASubjectFromMirrors(t *testing.T) {
	for name, dir := range mirrored {
		for first := range 3 {
			t.Run(fmt.Sprintf("%s, number %d", name, first), func(t *testing.T) {
				before := roottest.TreeFile(t, "../testdata/roots/"+name+".before.txtar")
				var cas []*roottest.CA
				tree := before
				for i := range 3 {
					cas = append(cas, roottest.NewCA(t, "Same"))
					tree, _ = install(t, tree, installer.Options{}, source(t, fmt.Sprint(i), cas[i].PEM()))
				}
				found(t, tree, dir, cas...)
				for i := range 3 {
					tree, _ = remove(t, tree, installer.Selection{Sources: []string{fmt.Sprint((first + i) % 3)}}, installer.Options{})
					cas[(first+i)%3] = nil
					found(t, tree, dir, cas...)
				}
				roottest.Same(t, "all removed", dump(t, before), dump(t, tree))
			})
		}
	}
}

// A foreign hash link behind ours stays, and OpenSSL finds it.
func TestRemoveFromMirrorWithOthersLinks(t *testing.T) {
	for name, dir := range mirrored {
		t.Run(name, func(t *testing.T) {
			tree := roottest.TreeFile(t, "../testdata/roots/"+name+".before.txtar")
			a, b, other := roottest.NewCA(t, "Same"), roottest.NewCA(t, "Same"), roottest.NewCA(t, "Same")
			tree, _ = install(t, tree, installer.Options{}, source(t, "a", a.PEM()))
			tree, _ = install(t, tree, installer.Options{}, source(t, "b", b.PEM()))
			tree["opt/other.pem"] = &fstest.MapFile{Data: []byte(other.PEM()), Mode: 0o644}
			tree[path.Join(dir, hash(t, other)+".2")] = &fstest.MapFile{Data: []byte("/opt/other.pem"), Mode: fs.ModeSymlink | 0o777}
			tree, _ = remove(t, tree, installer.Selection{Sources: []string{"a"}}, installer.Options{})
			found(t, tree, dir, b, other)
		})
	}
}

// A foreign file behind our link, which is no link, stays, and OpenSSL finds it.
func TestRemoveBeforeOthersHashFile(t *testing.T) {
	for name, dir := range map[string]string{"arch": "etc/ssl/certs", "fedora": "etc/pki/tls/certs", "suse": "var/lib/ca-certificates/pem", "bookworm": "etc/ssl/certs"} {
		t.Run(name, func(t *testing.T) {
			tree := roottest.TreeFile(t, "../testdata/roots/"+name+".before.txtar")
			a, other := roottest.NewCA(t, "Same"), roottest.NewCA(t, "Same")
			if name == "bookworm" { // the tool would remove this link, so the links are not as it left them
				tree[dir+"/odd.pem"] = &fstest.MapFile{Data: []byte("/usr/share/ca-certificates/mozilla/GTS_Root_R4.crt"), Mode: fs.ModeSymlink | 0o777}
			}
			tree, _ = install(t, tree, installer.Options{}, source(t, "a", a.PEM()))
			file := path.Join(dir, hash(t, other)+".1")
			tree[file] = &fstest.MapFile{Data: []byte(other.PEM()), Mode: 0o644}
			tree, _ = remove(t, tree, installer.Selection{Sources: []string{"a"}}, installer.Options{})
			if tree[file] == nil {
				t.Error("the file is gone")
			}
			found(t, tree, dir, other)
		})
	}
}

// found checks that OpenSSL finds the CAs, all with one subject, in dir: it opens
// HASH.0, HASH.1 and so on. No link there leads nowhere or follows a gap.
func found(t *testing.T, tree fstest.MapFS, dir string, cas ...*roottest.CA) {
	t.Helper()
	root := rootfs.NewOverlay(tree) // the overlay follows links from the root
	for _, ca := range cas {
		if ca != nil && !strings.Contains(behindHash(root, dir, hash(t, ca)), ca.PEM()) {
			t.Errorf("%s is not found in %s", ca.Cert.Subject, dir)
		}
	}
	for name, f := range tree {
		if f.Mode&fs.ModeSymlink == 0 || path.Dir(name) != dir {
			continue
		}
		if _, err := fs.Stat(root, name); err != nil {
			t.Errorf("%s leads nowhere: %s", name, f.Data)
		}
		if before, second := strings.CutSuffix(name, ".1"); second && tree[before+".0"] == nil {
			t.Errorf("%s is behind a gap", name)
		}
	}
}

func behindHash(root fs.FS, dir, hash string) string {
	var all strings.Builder
	for id := 0; ; id++ {
		data, err := fs.ReadFile(root, path.Join(dir, fmt.Sprintf("%s.%d", hash, id)))
		if err != nil {
			return all.String()
		}
		all.Write(data)
	}
}

// OpenSSL follows a hash link to a name that is not UTF-8: the link keeps its number,
// and ours is behind it.
func TestHashLinkToNameThatIsNotUTF8(t *testing.T) {
	ours, other := roottest.NewCA(t, "Same"), roottest.NewCA(t, "Same")
	link := "etc/ssl/certs/" + hash(t, other)
	before := debianTree(map[string]string{"etc/ssl/certs/f\xf6o.pem": other.PEM()})
	before[link+".0"] = &fstest.MapFile{Data: []byte("f\xf6o.pem"), Mode: fs.ModeSymlink | 0o777}
	after, report := install(t, before, installer.Options{}, source(t, "s", ours.PEM()))
	if string(after[link+".0"].Data) != "f\xf6o.pem" || after[link+".1"] == nil {
		t.Errorf("HASH.0 is %v, HASH.1 %v", after[link+".0"], after[link+".1"])
	}
	if !strings.Contains(strings.Join(report.Warnings, "\n"), `"f\xf6o.pem"`) {
		t.Errorf("warnings %q", report.Warnings)
	}
}
