//go:build e2e

package walk

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/certgraft/certgraft/e2e/rig"
)

// Sixty installs by four processes, on roots of their own that share one
// /etc/ssl/certs as a volume, all end up installed: G5.
func TestSharedDirectories(t *testing.T) {
	for _, k := range []*kind{bundleOnly, trixie} {
		t.Run(k.name, func(t *testing.T) { installShared(t, k) })
	}
}

func installShared(t *testing.T, k *kind) {
	t.Helper()
	const processes, each = 4, 15
	shared := fresh(t, k)
	dir := t.TempDir()
	bundle := filepath.Join(shared, toolsBundle)
	p := pool(t, k.suite)
	var script strings.Builder
	var want []ca
	for i := range processes {
		root := filepath.Join(dir, fmt.Sprint("root", i))
		ok(t, os.MkdirAll(filepath.Join(root, "etc/ssl/certs"), 0o755))
		rig.Write(t, filepath.Join(root, "etc/os-release"), rig.Read(t, filepath.Join(shared, "etc/os-release")))
		fmt.Fprintf(&script, "mount --bind %s/etc/ssl/certs %s/etc/ssl/certs\n", shared, root)
	}
	for i := range processes {
		script.WriteString("(status=0\n")
		for j := range each {
			name := fmt.Sprintf("Shared %d %d", i, j)
			c := madeCA(name, name)
			want = append(want, c)
			file := rig.Write(t, filepath.Join(dir, fmt.Sprintf("%d-%d.pem", i, j)), c.pem)
			fmt.Fprintf(&script, "%s install -q --root %s/root%d %s || status=1\n", certgraft, dir, i, file)
		}
		script.WriteString("exit $status) & pids=\"$pids $!\"\n")
	}
	script.WriteString("status=0; for p in $pids; do wait $p || status=1; done; exit $status\n")
	if out, err := rig.Try(t, "unshare", "-m", "sh", "-e", rig.Write(t, filepath.Join(dir, "script"), script.String())); err != nil {
		t.Errorf("an install failed: %v\n%s", err, out)
	}
	have := held(bundle)
	lost := 0
	for _, c := range want {
		if !have[c.print] {
			lost++
		}
	}
	if lost > 0 {
		t.Errorf("%d of %d installs are not in the bundle", lost, len(want))
	}
	for name := range theirs {
		if !have[p[name].print] {
			t.Errorf("%s was lost", name)
		}
	}
	list, err := os.ReadDir(filepath.Join(shared, "etc/ssl/certs"))
	ok(t, err)
	for _, entry := range list {
		if strings.HasPrefix(entry.Name(), ".certgraft-") {
			t.Errorf("%s was left", entry.Name())
		}
	}
}
