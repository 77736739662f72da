//go:build e2e

package rig

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"testing"
)

// Host is a machine of its own as far as /etc and /run go: engines, runtimes and
// certgraft have files there that have one name for the whole machine. A process
// holds its mounts until the test ends.
type Host struct {
	pid string

	Dir     string // has certgraft under both names; the machine and the host see it alike
	Wrapper string // certgraft-runc
}

// StartHost starts one. Its /etc is that of the machine, its /run is empty.
func StartHost(t *testing.T) *Host {
	t.Helper()
	dir := shortDir(t)
	h := &Host{Dir: dir, Wrapper: filepath.Join(dir, "certgraft-runc")}
	if err := os.Mkdir(filepath.Join(dir, "first"), 0o755); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"certgraft", "certgraft-runc", "first/runc"} {
		if err := os.Symlink(Certgraft, filepath.Join(dir, name)); err != nil {
			t.Fatal(err)
		}
	}
	cmd := exec.Command("unshare", "-m", "sh", "-ec", `mount -t tmpfs none "$1"; mkdir "$1/upper" "$1/work"
mount -t overlay -o "lowerdir=/etc,upperdir=$1/upper,workdir=$1/work" none /etc; mount -t tmpfs none /run
mkdir -p /etc/certgraft /etc/cdi /run/ready; exec sleep infinity`, "sh", t.TempDir())
	Background(t, cmd, func() bool {
		h.pid = strconv.Itoa(cmd.Process.Pid)
		_, err := os.Stat(h.File("/run/ready"))
		return err == nil
	})
	return h
}

// shortDir returns a directory for a test whose name leaves room for that of a
// socket.
func shortDir(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "certgraft-host-") //nolint:usetesting // the path of a socket has little room
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := os.RemoveAll(dir); err != nil {
			t.Error(err)
		}
	})
	return dir
}

// File returns how the machine calls a file of the host in /etc or /run.
func (h *Host) File(name string) string { return filepath.Join("/proc", h.pid, "root", name) }

// Args returns the arguments of a command on the host.
func (h *Host) Args(args ...string) []string {
	return append([]string{"nsenter", "-m", "-t", h.pid, "--", "env", "OTEL_TRACES_EXPORTER=none"}, args...)
}

// Try runs a command on the host.
func (h *Host) Try(t *testing.T, args ...string) (string, error) {
	t.Helper()
	args = h.Args(args...)
	return Try(t, args[0], args[1:]...)
}

// Run runs a command on the host that must succeed.
func (h *Host) Run(t *testing.T, args ...string) string {
	t.Helper()
	args = h.Args(args...)
	return Run(t, args[0], args[1:]...)
}

// Config writes the host.json of the host.
func (h *Host) Config(t *testing.T, text string) {
	t.Helper()
	Write(t, h.File("/etc/certgraft/host.json"), text)
}

// HostDocker is a Docker engine on a host.
type HostDocker struct {
	host *Host
	dir  string
	args []string // of dockerd
}

// StartDocker runs the engine of Debian's package on the host until the test ends.
// Containers have the wrapper for their runtime, unless they name "plain"; steps of
// builds have it by the name runc, the first on PATH.
func (h *Host) StartDocker(t *testing.T) *HostDocker {
	t.Helper()
	return h.startDocker(t, "dockerd", "/usr/sbin/runc", "", "--storage-driver", "overlay2")
}

// StartMoby runs the engine of [StartMoby] so, with more members of its daemon.json,
// and returns the runc that it needs.
func (h *Host) StartMoby(t *testing.T, members string) (d *HostDocker, runc string) {
	t.Helper()
	built := buildMoby(t)
	runc = filepath.Join(built, "runc")
	// The runc is built without libseccomp.
	return h.startDocker(t, filepath.Join(built, "dockerd"), runc, members, "--seccomp-profile", "unconfined"), runc
}

func (h *Host) startDocker(t *testing.T, program, runc, members string, args ...string) *HostDocker {
	t.Helper()
	Write(t, h.File("/etc/docker/daemon.json"), fmt.Sprintf(
		`{"default-runtime": "certgraft", "runtimes": {"certgraft": {"path": %q}, "plain": {"path": %q}}%s}`, h.Wrapper, runc, members))
	d := &HostDocker{host: h, dir: shortDir(t)}
	d.args = append([]string{
		"PATH=" + filepath.Join(h.Dir, "first") + ":" + os.Getenv("PATH"), program, "--data-root", filepath.Join(d.dir, "data"), "--exec-root", filepath.Join(d.dir, "exec"),
		"--host", d.address(), "--pidfile", filepath.Join(d.dir, "pid"), "--iptables=false", "--ip6tables=false", "--bridge=none",
	}, args...)
	d.Start(t)
	return d
}

// Start starts the engine, again after it was killed.
func (d *HostDocker) Start(t *testing.T) {
	t.Helper()
	args := d.host.Args(d.args...)
	Background(t, exec.Command(args[0], args[1:]...), func() bool { _, err := d.Try(t, "version"); return err == nil })
}

// LosePower kills the engine and processes of its containers, and takes away what
// it has in memory.
func (d *HostDocker) LosePower(t *testing.T, processes ...string) {
	t.Helper()
	Run(t, "kill", append([]string{"-9", Read(t, filepath.Join(d.dir, "pid"))}, processes...)...)
	d.host.Run(t, "sh", "-ec", `while kill -0 $(cat "$1/exec/containerd/containerd.pid") 2>/dev/null; do sleep 0.1; done
umount "$1/exec/netns/default" || true; rm -r "$1/exec" "$1/pid"`, "sh", d.dir)
}

func (d *HostDocker) address() string { return "unix://" + d.Socket() }

// Socket is where the engine listens.
func (d *HostDocker) Socket() string { return filepath.Join(d.dir, "d.sock") }

// Containerd is the socket of the engine's containerd, for ctr.
func (d *HostDocker) Containerd() string {
	return filepath.Join(d.dir, "exec/containerd/containerd.sock")
}

// Try runs the client.
func (d *HostDocker) Try(t *testing.T, args ...string) (string, error) {
	t.Helper()
	return Try(t, "env", append([]string{"DOCKER_HOST=" + d.address(), "DOCKER_CONFIG=" + d.dir, "DOCKER_BUILDKIT=1", "BUILDKIT_PROGRESS=plain", "/usr/bin/docker"}, args...)...)
}

// Run runs the client, which must succeed.
func (d *HostDocker) Run(t *testing.T, args ...string) string {
	t.Helper()
	out, err := d.Try(t, args...)
	if err != nil {
		t.Fatalf("docker %q: %v\n%s", args, err, out)
	}
	return out
}

// StartBuildKit runs a current buildkitd on the host until the test ends, with more
// lines for the worker's section of its configuration, and more arguments.
func (h *Host) StartBuildKit(t *testing.T, worker string, more ...string) *BuildKit {
	t.Helper()
	b := &BuildKit{shortDir(t), buildBuildKit(t)}
	config := Write(t, filepath.Join(b.dir, "buildkitd.toml"), fmt.Sprintf(
		"[cdi]\n  specDirs = [\"/etc/cdi\"]\n[worker.containerd]\n  enabled = false\n[worker.oci]\n  networkMode = \"host\"\n%s\n", worker))
	args := h.Args(filepath.Join(b.built, "buildkitd"), "--config", config, "--root", filepath.Join(b.dir, "root"), "--addr", b.address())
	args = append(args, more...)
	Background(t, exec.Command(args[0], args[1:]...), func() bool { _, err := b.Try(t, "debug", "workers"); return err == nil })
	return b
}
