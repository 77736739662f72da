package installer_test

import (
	"fmt"
	"io/fs"
	"path/filepath"
	"slices"
	"testing"
	"testing/fstest"
	"time"

	"github.com/certgraft/certgraft/installer"
	"github.com/certgraft/certgraft/internal/roottest"
)

// Inspect reports no problem in a root that the real tool made: p11-kit also makes
// links by OpenSSL's old hash (S10).
func TestS10RealTools(t *testing.T) {
	trees, err := filepath.Glob("../testdata/roots/*.txtar")
	if err != nil || len(trees) < 12 {
		t.Fatalf("%q %v", trees, err)
	}
	for _, name := range trees {
		got, err := installer.Inspect(roottest.TreeFile(t, name), time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC), installer.Options{})
		if err != nil {
			t.Fatal(err)
		}
		for _, s := range got.Stores {
			if len(s.Problems) > 0 || s.Certificates == 0 {
				t.Errorf("%s: %s has %d certificates: %q", name, s.Path, s.Certificates, s.Problems)
			}
		}
	}
}

// Many links that lead nowhere are one finding (S9).
func TestS9LinksThatLeadNowhere(t *testing.T) {
	root := roottest.TreeFile(t, "../testdata/roots/trixie.before.txtar")
	for i := range 151 {
		root[fmt.Sprintf("etc/ssl/certs/%08x.0", i)] = &fstest.MapFile{Data: []byte("gone.pem"), Mode: fs.ModeSymlink | 0o777}
	}
	got, err := installer.Inspect(root, time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC), installer.Options{})
	if err != nil {
		t.Fatal(err)
	}
	links := got.Stores[len(got.Stores)-1]
	if want := []string{"00000000.0 and 150 more lead nowhere"}; !slices.Equal(links.Problems, want) || links.Certificates == 0 {
		t.Errorf("%d certificates, %q, want %q", links.Certificates, links.Problems, want)
	}
}
