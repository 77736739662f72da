//go:build e2e

package release

import (
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/certgraft/certgraft/e2e/rig"
)

// docs/release.md names the files that a release has, and its commands that need
// neither GitHub nor a registry hold for them. [TestReleaseIsReproducible] builds
// the source twice.
func TestReleasePage(t *testing.T) {
	dist, version := firstRelease(t)
	page := strings.NewReplacer("0.1.0", version, "OS_ARCH", "linux_amd64", "ARCH", "amd64").Replace(rig.Read(t, rig.File("docs/release.md")))
	rows := regexp.MustCompile("(?m)^\\| `[^|]*\\|").FindAllString(page, -1)
	named := 0
	for _, row := range rows {
		stem := ""
		for _, m := range regexp.MustCompile("`([^`]+)`").FindAllStringSubmatch(row, -1) {
			name := m[1]
			switch {
			case strings.HasPrefix(name, "ghcr.io/"):
				continue
			case strings.HasPrefix(name, "."):
				name = stem + name
			default:
				stem = strings.TrimSuffix(name, filepath.Ext(name))
			}
			named++
			rig.Run(t, "test", "-s", filepath.Join(dist, name))
		}
	}
	if named < 7 {
		t.Errorf("the table names only %d files", named)
	}
	local := 0
	for _, block := range regexp.MustCompile("(?ms)^```sh\n(.*?)^```").FindAllStringSubmatch(page, -1) {
		if strings.HasPrefix(block[1], "sha256sum ") {
			local++
			rig.Run(t, "sh", "-ec", "cd "+dist+"\n"+block[1])
		}
	}
	if local != 1 {
		t.Errorf("%d blocks are run here", local)
	}
	sbom := rig.Read(t, filepath.Join(dist, "certgraft_"+version+"_linux_amd64.cdx.json"))
	modules := regexp.MustCompile(`(?m)^\tdep\t(\S+)\t(\S+)`).FindAllStringSubmatch(rig.Run(t, "sh", "-ec", "go version -m "+dist+"/certgraft_linux_amd64*/certgraft"), -1)
	for _, m := range modules {
		name := m[1] + "@" + m[2] // escaped in an address or not
		if !strings.Contains(sbom, name) && !strings.Contains(sbom, strings.ReplaceAll(name, "+", "%2B")) {
			t.Errorf("the SBOM has no %s %s", m[1], m[2])
		}
	}
	if len(modules) < 10 {
		t.Errorf("the binary has only %d modules", len(modules))
	}
}
