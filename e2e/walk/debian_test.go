//go:build e2e

package walk

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/certgraft/certgraft/e2e/rig"
)

var (
	bookworm = debianKind("bookworm")
	trixie   = debianKind("trixie")
)

// debianKind is a root of Debian, with few of Mozilla's CAs so that its tool, run
// for real, is fast.
func debianKind(suite string) *kind {
	k := &kind{
		name: suite, suite: suite, view: viewCertDir, bundle: "bundle", tool: debianTool, appends: true,
		brings: []string{"m1", "m2", "m3"}, generated: []string{"etc/ssl/certs"}, refuses: deselects,
	}
	k.lay = func(t *testing.T, root string) {
		layDebian(t, suite, root)
		must(debianTool(&world{kind: k}, root, true))
	}
	k.verbs = merged(bundleVerbs(toolsBundle), anchorVerbs(localDir, ".crt", later), confVerbs(), toolVerbs(debianTool),
		straightVerbs(func(root string) error {
			return inRoot(debianRoot(suite), root, debianDirs, "openssl rehash /etc/ssl/certs || true")
		}))
	return k
}

const (
	toolsBundle = "etc/ssl/certs/ca-certificates.crt"
	localDir    = "usr/local/share/ca-certificates"
)

// debianDirs are what the package's tool reads and writes.
var debianDirs = []string{"etc/ssl/certs", "etc/ca-certificates.conf", localDir, "usr/share/ca-certificates"}

func debianRoot(suite string) string { return filepath.Join(scratch, suite+"-") }

// layDebian lays the part of a Debian root that anything here reads, before its
// tool was run.
func layDebian(t *testing.T, suite, root string) {
	t.Helper()
	from := whole(t, suite, "", "ca-certificates")
	conf := strings.Builder{}
	conf.WriteString("# few of them\n")
	for _, name := range mozilla {
		file := "usr/share/ca-certificates/mozilla/" + name + ".crt"
		rig.Write(t, filepath.Join(root, file), rig.Read(t, filepath.Join(from, file)))
		conf.WriteString("mozilla/" + name + ".crt\n")
	}
	rig.Write(t, filepath.Join(root, "etc/ca-certificates.conf"), conf.String())
	rig.Write(t, filepath.Join(root, "etc/os-release"), rig.Read(t, filepath.Join(from, "usr/lib/os-release")))
	rig.Write(t, filepath.Join(root, "var/lib/dpkg/status"), "")
	rig.Write(t, filepath.Join(root, "usr/sbin/update-ca-certificates"), rig.Read(t, filepath.Join(from, "usr/sbin/update-ca-certificates")))
	for _, dir := range []string{"etc/ssl/certs", localDir} {
		must(os.MkdirAll(filepath.Join(root, dir), 0o755))
	}
}

func debianTool(w *world, root string, fresh bool) error {
	script := "update-ca-certificates"
	if fresh {
		script += " --fresh"
	}
	return inRoot(debianRoot(w.kind.suite), root, debianDirs, script)
}

// viewCertDir is what programs trust by the bundle and by hash in /etc/ssl/certs.
func viewCertDir(root string) (map[string]trusted, error) {
	return map[string]trusted{"bundle": held(filepath.Join(root, toolsBundle)), "hash": hashed(root, "etc/ssl/certs")}, nil
}
