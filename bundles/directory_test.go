package bundles

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/certgraft/certgraft/internal/roottest"
)

func symlink(t *testing.T, target, name string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(target, name); err != nil {
		t.Fatal(err)
	}
}

// The whole directory is read, except names that begin with a dot. A directory
// that links to itself is read once.
func TestS2DirectoriesRecurse(t *testing.T) {
	dir, elsewhere := t.TempDir(), t.TempDir()
	pem := func(name string) string { return roottest.NewCA(t, name).PEM() }
	write(t, filepath.Join(dir, "a.pem"), pem("A"))
	write(t, filepath.Join(dir, "b/c/d.crt"), pem("B"))
	write(t, filepath.Join(dir, "b/README"), "hello")
	write(t, filepath.Join(dir, "..2026_01_01/ca.crt"), pem("C"))
	write(t, filepath.Join(dir, "b/.git/x.pem"), roottest.NewCA(t, "K").KeyPEM(t))
	write(t, filepath.Join(elsewhere, "deep/e.pem"), pem("E"))
	symlink(t, "..2026_01_01", filepath.Join(dir, "..data"))
	symlink(t, "..data/ca.crt", filepath.Join(dir, "ca.crt"))
	symlink(t, elsewhere, filepath.Join(dir, "linked"))
	symlink(t, ".", filepath.Join(dir, "self"))
	symlink(t, "../..", filepath.Join(dir, "b/c/up"))
	symlink(t, "m", filepath.Join(dir, "n"))
	symlink(t, "n", filepath.Join(dir, "m"))
	loaded, err := Load(t.Context(), Options{}, dir)
	if err != nil {
		t.Fatal(err)
	}
	var found []string
	for _, f := range loaded[0].Findings {
		found = append(found, f.File+": "+f.Reason)
	}
	if got := commonNames(loaded[0]); got != "A B C E" {
		t.Error(got)
	}
	want := "b/c/up: it is a link to a directory above it\nm: it is a link that leads nowhere\nn: it is a link that leads nowhere\nself: it is a link to a directory above it\nb/README: no certificate: the content is not one that certificates come in"
	if got := strings.Join(found, "\n"); got != want {
		t.Error(got)
	}
}

// A key far below refuses the whole directory, and is named by its path.
func TestS2KeyBelow(t *testing.T) {
	dir := t.TempDir()
	write(t, filepath.Join(dir, "a.pem"), roottest.NewCA(t, "A").PEM())
	write(t, filepath.Join(dir, "b/c/key.pem"), roottest.NewCA(t, "A").KeyPEM(t))
	_, err := Load(t.Context(), Options{}, dir)
	says(t, err, ErrRefused, dir+": b/c/key.pem: line 1: it holds a private key")
}

func TestS2DirectoryBounds(t *testing.T) {
	deep, many, links, odd := t.TempDir(), t.TempDir(), t.TempDir(), t.TempDir()
	write(t, filepath.Join(deep, strings.Repeat("d/", maxNesting), "a.pem"), roottest.NewCA(t, "A").PEM())
	for i := range maxEntries + 1 {
		write(t, filepath.Join(many, fmt.Sprint(i)), "")
	}
	for i := range 20 { // 2^20 paths
		for _, name := range []string{"a", "b"} {
			symlink(t, fmt.Sprintf("../l%d", i+1), filepath.Join(links, fmt.Sprintf("l%d", i), name))
		}
	}
	for i := range 3 * mostSkipped {
		write(t, filepath.Join(odd, fmt.Sprint(i)), "hello")
	}
	write(t, filepath.Join(odd, "a.pem"), roottest.NewCA(t, "A").PEM())
	for dir, want := range map[string]string{
		deep: "directories are nested more than 32 deep", many: "it has more than 10000 files", filepath.Join(links, "l0"): "it has more than 10000 files",
	} {
		_, err := Load(t.Context(), Options{}, dir)
		says(t, err, ErrRefused, want)
		if hintOf(err) == "" {
			t.Error("it has no advice")
		}
	}
	loaded, err := Load(t.Context(), Options{}, odd)
	if err != nil {
		t.Fatal(err)
	}
	if found := loaded[0].Findings; len(found) != mostSkipped+1 || found[mostSkipped].Reason != fmt.Sprintf("%d more files without a certificate", 2*mostSkipped) {
		t.Errorf("%d findings: %v", len(found), found[len(found)-1])
	}
}
