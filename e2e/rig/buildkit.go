//go:build e2e

package rig

import (
	"cmp"
	"fmt"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"strings"
	"testing"
)

const (
	buildkitVersion = "v0.34.2"
	buildxVersion   = "v0.38.2"
)

// BuildKit is a current buildkitd, which Debian has not.
type BuildKit struct{ dir, built string }

// KitOptions say how a buildkitd is not as it comes.
type KitOptions struct {
	Snapshotter string // "" is overlayfs
	Wrapped     string // a CA: every container is made by certgraft-runc, and is to trust it
}

// StartBuildKit runs one until the test ends, with steps in this machine's
// network. It takes images from the registry without TLS. It is built once.
func StartBuildKit(t *testing.T, registry Registry) *BuildKit {
	t.Helper()
	return StartBuildKitWith(t, registry, KitOptions{})
}

// StartBuildKitWith is StartBuildKit for another one.
func StartBuildKitWith(t *testing.T, registry Registry, o KitOptions) *BuildKit {
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
	worker := fmt.Sprintf("[worker.oci]\n  networkMode = \"host\"\n  snapshotter = %q\n", cmp.Or(o.Snapshotter, "overlayfs"))
	daemon := []string{"sh", "-ec", `exec "$@"`, "sh"}
	if o.Wrapped != "" {
		wrapper := filepath.Join(dir, "certgraft-runc")
		Run(t, "ln", "-s", Certgraft, wrapper)
		worker += fmt.Sprintf("  binary = %q\n", wrapper)
		host := Write(t, filepath.Join(dir, "host/host.json"), fmt.Sprintf(`{"sources": [%q], "strict": true}`, o.Wrapped))
		daemon = []string{"unshare", "-m", "sh", "-ec", apart, "sh", filepath.Dir(host)}
	}
	config := Write(t, filepath.Join(dir, "buildkitd.toml"), fmt.Sprintf(
		"insecure-entitlements = [\"network.host\"]\n%s[worker.containerd]\n  enabled = false\n[registry.%q]\n  http = true\n", worker, registry.Host))
	daemon = append(daemon, filepath.Join(built, "buildkitd"), "--config", config, "--root", filepath.Join(dir, "root"), "--addr", b.address())
	cmd := exec.Command(daemon[0], daemon[1:]...)
	cmd.Env = append(os.Environ(), "OTEL_TRACES_EXPORTER=none")
	Background(t, cmd, func() bool { _, err := b.Try(t, "debug", "workers"); return err == nil })
	return b
}

// apart runs a program with an /etc/certgraft and a /run of its own: they are one
// for the whole machine.
const apart = `mount -t tmpfs none /run; mkdir -p /run/etc/upper /run/etc/work
mount -t overlay -o lowerdir=/etc,upperdir=/run/etc/upper,workdir=/run/etc/work none /etc
mkdir /etc/certgraft; cp "$1"/* /etc/certgraft/; shift; exec "$@"`

func (b *BuildKit) address() string { return "unix://" + filepath.Join(b.dir, "s") }

// Try runs buildctl.
func (b *BuildKit) Try(t *testing.T, args ...string) (string, error) {
	t.Helper()
	return Try(t, "env", append([]string{"OTEL_TRACES_EXPORTER=none", filepath.Join(b.built, "buildctl"), "--addr", b.address()}, args...)...)
}

// Build builds the Dockerfile of a directory, with more arguments for buildctl.
func (b *BuildKit) Build(t *testing.T, dir string, args ...string) (string, error) {
	t.Helper()
	return b.Try(t, buildArgs(dir, args)...)
}

// BuildCommand is Build for a test that looks on.
func (b *BuildKit) BuildCommand(dir string, args ...string) *exec.Cmd {
	cmd := exec.Command(filepath.Join(b.built, "buildctl"), append([]string{"--addr", b.address()}, buildArgs(dir, args)...)...)
	cmd.Env = append(os.Environ(), "OTEL_TRACES_EXPORTER=none")
	return cmd
}

func buildArgs(dir string, more []string) []string {
	return append([]string{"build", "--progress", "plain", "--frontend", "dockerfile.v0", "--local", "context=" + dir, "--local", "dockerfile=" + dir}, more...)
}

// Buildx is docker's client of BuildKit, of a current release.
type Buildx struct {
	program, config string
	dir             string // where it runs
}

// Buildx returns one that builds by this BuildKit. It is built once.
func (b *BuildKit) Buildx(t *testing.T) Buildx {
	t.Helper()
	built := buildTools(t, "buildx-"+buildxVersion, "github.com/docker/buildx/cmd/buildx@"+buildxVersion)
	x := Buildx{filepath.Join(built, "buildx"), t.TempDir(), t.TempDir()}
	if out, err := x.Try(t, "create", "--name", "rig", "--driver", "remote", "--use", b.address()); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	return x
}

// In returns the same in another directory.
func (x Buildx) In(dir string) Buildx {
	x.dir = dir
	return x
}

// Try runs buildx.
func (x Buildx) Try(t *testing.T, args ...string) (string, error) {
	t.Helper()
	return Try(t, "env", append([]string{"-C", x.dir, "OTEL_TRACES_EXPORTER=none", "BUILDKIT_PROGRESS=plain", "DOCKER_CONFIG=" + x.config, "BUILDX_CONFIG=" + x.config, x.program}, args...)...)
}

// buildBuildKit returns the directory that has buildkitd and buildctl.
func buildBuildKit(t *testing.T) string {
	t.Helper()
	return buildTools(t, "buildkit-"+buildkitVersion, "github.com/moby/buildkit/cmd/buildkitd@"+buildkitVersion, "github.com/moby/buildkit/cmd/buildctl@"+buildkitVersion)
}

// buildTools returns the directory of the cache that has programs, each built of
// its package and version.
func buildTools(t *testing.T, name string, packages ...string) string {
	t.Helper()
	dir := filepath.Join(CacheDir(t), name)
	if _, err := os.Stat(dir); err == nil {
		return dir
	}
	fresh := dir + ".new"
	scripts := []string{`rm -rf "$1" && mkdir "$1"`, `cd "$1" && go mod init engine && go get -tool ` + strings.Join(packages, " ")}
	for _, p := range packages {
		p, _, _ = strings.Cut(p, "@")
		scripts = append(scripts, fmt.Sprintf(`cd "$1" && CGO_ENABLED=0 go build -trimpath -o %s %s`, path.Base(p), p))
	}
	for _, script := range scripts {
		cmd := exec.Command("sh", "-ec", script, "sh", fresh)
		if out, err := cmd.CombinedOutput(); err != nil { // which may take longer than what Run allows
			t.Fatalf("%s: %v\n%s", script, err, out)
		}
	}
	Run(t, "mv", fresh, dir)
	return dir
}
