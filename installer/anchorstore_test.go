package installer_test

import (
	"strings"
	"testing"
	"testing/fstest"

	"github.com/certgraft/certgraft/installer"
	"github.com/certgraft/certgraft/internal/roottest"
)

// A CA that someone added to the bundle by hand, and then installed as the warning
// says, is still there after remove.
func TestRemoveKeepsWhatWasInTheBundle(t *testing.T) {
	packaged, byHand, other := roottest.NewCA(t, "Packaged").PEM(), roottest.NewCA(t, "By hand").PEM(), roottest.NewCA(t, "Another").PEM()
	files := map[string]string{"etc/ca-certificates.conf": "x.crt\n", "usr/share/ca-certificates/x.crt": packaged}
	alpine := debianTree(files)
	alpine["etc/os-release"] = &fstest.MapFile{Data: []byte("ID=alpine\n"), Mode: 0o644}
	alpine[bundlePath] = &fstest.MapFile{Data: []byte(packaged + "\n"), Mode: 0o644}
	for name, tree := range map[string]fstest.MapFS{"debian": model(t, debianTree(files)), "alpine": alpine} {
		t.Run(name, func(t *testing.T) {
			with := *tree[bundlePath]
			with.Data = []byte(string(with.Data) + byHand + strings.Repeat("\n", strings.Count(name, "alpine")))
			tree[bundlePath] = &with
			roundTrip(t, tree, installer.Options{}, source(t, "by-hand", byHand))
			roundTrip(t, tree, installer.Options{}, source(t, "by-hand", byHand), source(t, "another", other))
			after, report := install(t, tree, installer.Options{}, source(t, "by-hand", byHand))
			if text := strings.Join(report.Warnings, "\n"); strings.Contains(text, "will be lost") {
				t.Errorf("it has an anchor now: %s", text)
			}
			after, _ = install(t, after, installer.Options{}, source(t, "another", other))
			after, _ = remove(t, after, installer.Selection{Sources: []string{"by-hand"}}, installer.Options{})
			if text := bundleOf(after); !strings.Contains(text, byHand) || !strings.Contains(text, other) {
				t.Error("removing one source took what was there, or what is of another")
			}
			after, _ = remove(t, after, installer.Selection{All: true}, installer.Options{})
			roottest.Same(t, "all removed", dump(t, tree), dump(t, after))
		})
	}
}
