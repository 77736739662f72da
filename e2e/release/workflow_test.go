//go:build e2e

package release

import (
	"encoding/json"
	"path/filepath"
	"strings"
	"testing"

	"github.com/certgraft/certgraft/e2e/rig"
)

// The job of ci.yml that uses action.yml, run by act without containers: what
// GitHub's runner does with inputs, outputs and composite steps. The release is
// there already, and the runner's own stores are left alone.
func TestActionInWorkflow(t *testing.T) {
	dist, _ := firstRelease(t)
	var ci struct {
		Jobs map[string]struct {
			Steps []map[string]any `json:"steps"`
		}
	}
	document(t, ".github/workflows/ci.yml", &ci)
	root := t.TempDir()
	var steps []map[string]any
	calls := 0
	for _, step := range ci.Jobs["release"].Steps {
		with, _ := step["with"].(map[string]any)
		switch uses, _ := step["uses"].(string); {
		case step["run"] == "make release", strings.HasPrefix(uses, "actions/setup-go@"):
			continue
		case uses == "./":
			calls++
			if with["mode"] == "install" {
				with["args"] = "--root " + root
			}
		}
		steps = append(steps, step)
	}
	if calls < 2 {
		t.Fatalf("ci.yml uses the action %d times", calls)
	}
	workflow, err := json.Marshal(map[string]any{"on": "push", "permissions": map[string]any{}, "jobs": map[string]any{"release": map[string]any{"runs-on": "ubuntu-24.04", "steps": steps}}})
	if err != nil {
		t.Fatal(err)
	}
	work, home := filepath.Join(t.TempDir(), "work"), t.TempDir()
	rig.Run(t, "git", "clone", "-q", rig.File("."), work)
	rig.Run(t, "cp", "-r", dist, filepath.Join(work, "dist"))
	rig.Run(t, "sh", "-c", "rm "+work+"/.github/workflows/*")
	rig.Write(t, filepath.Join(work, ".github/workflows/test.yml"), string(workflow))
	act := filepath.Join(t.TempDir(), "act") // not in home, where it makes a directory of that name
	if err := command(rig.File("."), nil, "go", "build", "-modfile=tools/act/go.mod", "-o", act, "github.com/nektos/act"); err != nil {
		t.Fatal(err)
	}
	if err := command(work, []string{"HOME=" + home, "XDG_CACHE_HOME=" + home}, act, "push", "-P", "ubuntu-24.04=-self-hosted", "--use-gitignore=false"); err != nil {
		t.Fatal(err)
	}
	if n := strings.Count(rig.Read(t, filepath.Join(root, "etc/ssl/certs/ca-certificates.crt")), "BEGIN CERTIFICATE"); n != 3 {
		t.Errorf("the runner's bundle has %d certificates", n)
	}
}
