//go:build e2e

package rig

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

const buildkitVersion = "v0.34.2"

// BuildKit is a current buildkitd, which Debian has not.
type BuildKit struct{ dir, built string }

// StartBuildKit runs one until the test ends, with steps in this machine's
// network. It takes images from the registry without TLS. It is built once.
func StartBuildKit(t *testing.T, registry Registry) *BuildKit {
	t.Helper()
	built := buildBuildKit(t)
	dir, err := os.MkdirTemp("", "certgraft-buildkit-") //nolint:usetesting // the path of a socket has little room
	if err != nil {
		t.Fatal(err)
	}
	b := &BuildKit{dir, built}
	t.Cleanup(func() {
		if err := os.RemoveAll(dir); err != nil {
			t.Error(err)
		}
	})
	config := Write(t, filepath.Join(dir, "buildkitd.toml"), fmt.Sprintf(
		"insecure-entitlements = [\"network.host\"]\n[worker.oci]\n  networkMode = \"host\"\n[worker.containerd]\n  enabled = false\n[registry.%q]\n  http = true\n", registry.Host))
	cmd := exec.Command(filepath.Join(built, "buildkitd"), "--config", config, "--root", filepath.Join(dir, "root"), "--addr", b.address())
	cmd.Env = append(os.Environ(), "OTEL_TRACES_EXPORTER=none")
	Background(t, cmd, func() bool { _, err := b.Try(t, "debug", "workers"); return err == nil })
	return b
}

func (b *BuildKit) address() string { return "unix://" + filepath.Join(b.dir, "s") }

// Try runs buildctl.
func (b *BuildKit) Try(t *testing.T, args ...string) (string, error) {
	t.Helper()
	return Try(t, "env", append([]string{"OTEL_TRACES_EXPORTER=none", filepath.Join(b.built, "buildctl"), "--addr", b.address()}, args...)...)
}

// Build builds the Dockerfile of a directory, with more arguments for buildctl.
func (b *BuildKit) Build(t *testing.T, dir string, args ...string) (string, error) {
	t.Helper()
	return b.Try(t, append([]string{"build", "--progress", "plain", "--frontend", "dockerfile.v0", "--local", "context=" + dir, "--local", "dockerfile=" + dir}, args...)...)
}

// buildBuildKit returns the directory that has buildkitd and buildctl.
func buildBuildKit(t *testing.T) string {
	t.Helper()
	dir := filepath.Join(CacheDir(t), "buildkit-"+buildkitVersion)
	if _, err := os.Stat(dir); err == nil {
		return dir
	}
	fresh := dir + ".new"
	for _, script := range []string{
		`rm -rf "$1" && mkdir "$1"`,
		fmt.Sprintf(`cd "$1" && go mod init engine && go get -tool github.com/moby/buildkit/cmd/buildkitd@%[1]s github.com/moby/buildkit/cmd/buildctl@%[1]s`, buildkitVersion),
		`cd "$1" && CGO_ENABLED=0 go build -trimpath -o buildkitd github.com/moby/buildkit/cmd/buildkitd`,
		`cd "$1" && CGO_ENABLED=0 go build -trimpath -o buildctl github.com/moby/buildkit/cmd/buildctl`,
	} {
		cmd := exec.Command("sh", "-ec", script, "sh", fresh)
		if out, err := cmd.CombinedOutput(); err != nil { // which may take longer than what Run allows
			t.Fatalf("%s: %v\n%s", script, err, out)
		}
	}
	Run(t, "mv", fresh, dir)
	return dir
}
