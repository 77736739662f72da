//go:build e2e

package frontend

import (
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"github.com/certgraft/certgraft/e2e/rig"
)

// TestDocker: Debian's engine and its client build the same way. Its storage
// driver keeps what a step copies up, so a step has variables there.
func TestDocker(t *testing.T) {
	authority := rig.NewAuthority(t, "Example Inspecting Proxy")
	url := fmt.Sprintf("https://localhost:%d/", rig.TLSServer(t, authority))
	rig.Docker(t, "build", "-q", "-t", "certgraft-frontend:1", "-f", rig.File("frontend/Dockerfile"), rig.File("."))
	frontend := rig.StartRegistry(t, nil).PushImage(t, "certgraft-frontend:1", "certgraft-frontend:1")
	rig.ImportImage(t, rig.Tarball(t, "trixie", "frontend", "ca-certificates", "curl", "wget"), "frontend-base:1")

	dir := t.TempDir()
	rig.Write(t, filepath.Join(dir, "Dockerfile"), "FROM frontend-base:1\nRUN curl -sS "+url+" && echo x > /x\n")
	with := []string{"--build-arg", "BUILDKIT_SYNTAX=" + frontend, "--secret", "id=certgraft,src=" + authority.CAFile, "-t", "frontend-built:1"}
	build := func(more ...string) (string, error) {
		args := append([]string{"build", "--network", "host"}, more...)
		return rig.Try(t, "env", rig.DockerCommand(t, append(args, dir)...)...)
	}
	if out, err := build(); err == nil || !strings.Contains(out, "certificate") {
		t.Errorf("a plain build is not refused: %v\n%s", err, out)
	}
	out, err := build(with...)
	if err != nil {
		t.Fatalf("a build with the frontend: %v\n%s", err, out)
	}
	if !strings.Contains(out, "variables in place of --in-root") {
		t.Errorf("the step does not say that it has variables:\n%s", out)
	}
	var names []string
	for name := range strings.FieldsSeq(rig.Run(t, "sh", "-c", lastLayer, "sh", strings.Join(rig.DockerCommand(t, "save", "frontend-built:1"), " "), t.TempDir())) {
		if !strings.HasSuffix(name, "/") {
			names = append(names, name)
		}
	}
	if len(names) != 1 || names[0] != "x" {
		t.Errorf("the step's layer has %q, want x alone", names)
	}
}

// lastLayer lists the names in the last layer of a saved image.
const lastLayer = `cd "$2"; env $1 | tar -x; tar -tf "$(grep -o '[^"]*/layer.tar' manifest.json | tail -n 1)"`
