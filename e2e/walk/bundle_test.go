//go:build e2e

package walk

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/certgraft/certgraft/e2e/rig"
)

// bundleOnly is a root without a tool and without anchors, as distroless images
// are.
var bundleOnly = &kind{
	name: "bundle-only", suite: "bookworm", lay: layBundleOnly, bundle: "bundle", view: viewBundle, appends: true,
	brings: []string{"m1", "m2", "m3"}, generated: []string{toolsBundle}, verbs: bundleVerbs(toolsBundle),
}

func layBundleOnly(t *testing.T, root string) {
	rig.Write(t, filepath.Join(root, "etc/os-release"), "PRETTY_NAME=\"Distroless\"\nNAME=\"Debian GNU/Linux\"\nID=\"debian\"\nVERSION_ID=\"12\"\n")
	layBundle(t, root)
}

// layBundle lays a bundle of Mozilla's CAs.
func layBundle(t *testing.T, root string) {
	t.Helper()
	var all []byte
	for _, name := range mozilla {
		data, err := os.ReadFile(filepath.Join(whole(t, "bookworm", "", "ca-certificates"), "usr/share/ca-certificates/mozilla", name+".crt"))
		must(err)
		all = append(all, data...)
	}
	rig.Write(t, filepath.Join(root, toolsBundle), string(all))
}

func viewBundle(root string) (map[string]trusted, error) {
	return map[string]trusted{"bundle": held(filepath.Join(root, toolsBundle))}, nil
}
