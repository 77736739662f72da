package installer_test

import (
	"strings"
	"testing"
	"testing/fstest"

	"github.com/certgraft/certgraft/installer"
	"github.com/certgraft/certgraft/internal/roottest"
)

// Removing says how many are left, of every store and as installing does.
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

// The record says how the root is, not what was there once.
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
