//go:build e2e

package rig

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// What [StartMoby] builds: Debian has neither an engine that keeps images in
// containerd nor a runc that such an engine can drive.
const (
	mobyVersion = "v2.0.0-beta.24"
	runcVersion = "v1.4.3"
)

// Moby is a Docker engine that keeps its images in containerd, as Docker does from
// 29 on.
type Moby struct {
	dir string

	Containerd string // socket of its containerd, for ctr
}

// StartMoby runs such an engine until the test ends. It is built once.
func StartMoby(t *testing.T) *Moby {
	t.Helper()
	built := buildMoby(t)
	dir, err := os.MkdirTemp("", "certgraft-moby-") //nolint:usetesting // the path of a socket has little room
	if err != nil {
		t.Fatal(err)
	}
	m := &Moby{dir: dir, Containerd: filepath.Join(dir, "exec/containerd/containerd.sock")}
	t.Cleanup(func() {
		_ = exec.Command("umount", filepath.Join(dir, "exec/netns/default")).Run() // the engine leaves it mounted
		if err := os.RemoveAll(dir); err != nil {
			t.Error(err)
		}
	})
	cmd := exec.Command(filepath.Join(built, "dockerd"),
		"--data-root", filepath.Join(dir, "data"), "--exec-root", filepath.Join(dir, "exec"),
		"--host", m.Host(), "--pidfile", filepath.Join(dir, "pid"),
		"--iptables=false", "--ip6tables=false", "--bridge=none",
		// The runc is built without libseccomp.
		"--add-runtime", "built="+filepath.Join(built, "runc"), "--default-runtime", "built", "--seccomp-profile", "unconfined")
	cmd.Env = append(os.Environ(), "OTEL_TRACES_EXPORTER=none")
	Background(t, cmd, func() bool { return exec.Command("/usr/bin/docker", "-H", m.Host(), "version").Run() == nil })
	return m
}

// Host is the engine's address, as in DOCKER_HOST.
func (m *Moby) Host() string { return "unix://" + filepath.Join(m.dir, "d.sock") }

// Docker runs the client against the engine.
func (m *Moby) Docker(t *testing.T, args ...string) string {
	t.Helper()
	return Run(t, "env", append([]string{"DOCKER_HOST=" + m.Host(), "DOCKER_CONFIG=" + m.dir, "/usr/bin/docker"}, args...)...)
}

// buildMoby returns the directory that has dockerd and runc. The modules are those
// that dockerd asks for.
func buildMoby(t *testing.T) string {
	t.Helper()
	dir := filepath.Join(CacheDir(t), "moby-"+mobyVersion+"-runc-"+runcVersion)
	if _, err := os.Stat(dir); err == nil {
		return dir
	}
	fresh := dir + ".new"
	for _, script := range []string{
		`rm -rf "$1" && mkdir "$1"`,
		fmt.Sprintf(`cd "$1" && go mod init engine && go get -tool github.com/moby/moby/v2/cmd/dockerd@%s github.com/opencontainers/runc@%s`, mobyVersion, runcVersion),
		`cd "$1" && go build -trimpath -o dockerd github.com/moby/moby/v2/cmd/dockerd`,
		`cd "$1" && go build -trimpath -o runc github.com/opencontainers/runc`,
	} {
		cmd := exec.Command("sh", "-ec", script, "sh", fresh)
		if out, err := cmd.CombinedOutput(); err != nil { // which may take longer than what Run allows
			t.Fatalf("%s: %v\n%s", script, err, out)
		}
	}
	Run(t, "mv", fresh, dir)
	return dir
}
