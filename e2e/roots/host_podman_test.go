//go:build e2e

package roots

import (
	"fmt"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/certgraft/certgraft/e2e/rig"
)

// podmanHost is a host with podman, which has the image img.
type podmanHost struct {
	hostImage
	*rig.Host
}

func newPodmanHost(t *testing.T) *podmanHost {
	t.Helper()
	rig.Slow(t)
	if _, err := exec.LookPath("podman"); err != nil {
		t.Skip("podman is not installed: apt-get install podman")
	}
	s := &podmanHost{hostImage: newHostImage(t), Host: rig.StartHost(t)}
	rig.Write(t, s.File("/etc/certgraft/corp.pem"), rig.Read(t, s.caFile))
	s.podman(t, "import", s.archive, "img")
	t.Cleanup(func() { s.podman(t, "rm", "--all", "--force", "--time", "0") })
	return s
}

// Arguments of podman, and of podman run where the machine has older cgroups.
var (
	podmanArgs    = []string{"--runroot", "/run/podman", "--tmpdir", "/run/podman-tmp", "--cgroup-manager", "cgroupfs", "--events-backend", "file"}
	podmanRunArgs = []string{"run", "--network", "host", "--ulimit", "nofile=1024:1024", "--ulimit", "nproc=1024:1024"}
)

// podman runs podman with some arguments before its command.
func (s *podmanHost) podman(t *testing.T, args ...string) string {
	t.Helper()
	all := append([]string{"podman", "--root", filepath.Join(s.Dir, "podman")}, podmanArgs...)
	out, err := s.Try(t, append(all, args...)...)
	if err != nil {
		return out + err.Error()
	}
	return out
}

// run runs a container and returns what it said. global is for podman itself.
func (s *podmanHost) run(t *testing.T, global []string, args ...string) string {
	t.Helper()
	all := append(append(slices.Clone(global), podmanRunArgs...), args...)
	return s.podman(t, append(append(all, "img"), s.fetch...)...)
}

// left fails if a container that ended has the CA, or the host its state.
func (s *podmanHost) left(t *testing.T, container string) {
	t.Helper()
	archive := filepath.Join(t.TempDir(), "export.tar")
	s.podman(t, "export", "-o", archive, container)
	if names := rig.Run(t, "tar", "-tf", archive); strings.Contains(names, "certgraft") || !strings.Contains(names, "client") {
		t.Errorf("%s has:\n%s", container, names)
	}
	if strings.Contains(rig.Read(t, archive), strings.Split(rig.Read(t, s.caFile), "\n")[2]) {
		t.Errorf("%s has the CA", container)
	}
	if left, _ := filepath.Glob(s.File("/run/certgraft/*.json")); len(left) > 0 {
		t.Errorf("the state stays: %v", left)
	}
}

// podman cleans up after a container with no PATH: the wrapper finds the runtime
// all the same, and the CAs are gone.
func TestPodmanWrapper(t *testing.T) {
	s := newPodmanHost(t)
	s.Config(t, `{"sources": ["/etc/certgraft/corp.pem"]}`)
	wrapper := []string{"--runtime", s.Wrapper}
	mustSay(t, "without the wrapper", s.run(t, []string{"--runtime", "runc"}, "--rm"), refused)
	for name, args := range map[string][]string{
		"plain":             nil,
		"read-only":         {"--read-only"},
		"user-namespace":    {"--uidmap", "0:100000:65536"},
		"user-in-namespace": {"--uidmap", "0:100000:65536", "--user", "1000"},
	} {
		mustSay(t, name, s.run(t, wrapper, append(args, "--name", name)...), trusted)
		s.left(t, name)
	}
	mustSay(t, "the same once more", s.podman(t, append(wrapper, "start", "-a", "plain")...), trusted)
	s.left(t, "plain")
	rig.Write(t, s.File("/etc/containers/containers.conf"), fmt.Sprintf("[engine]\nruntime = %q\n", s.Wrapper))
	mustSay(t, "by the configuration", s.run(t, nil, "--name", "configured"), trusted)
	s.left(t, "configured")
}

// Every container of a podman with the two files of hooks trusts.
func TestPodmanHooks(t *testing.T) {
	s := newPodmanHost(t)
	hooks := filepath.Join(s.Dir, "hooks.d")
	for stage, args := range map[string]string{"createRuntime": `"in", "--offline", "/etc/certgraft/corp.pem"`, "poststop": `"out"`} {
		rig.Write(t, filepath.Join(hooks, stage+".json"), fmt.Sprintf(`{"version": "1.0.0", "hook": {"path": %q, "args": ["certgraft", "hook", %s]}, "when": {"always": true}, "stages": [%q]}`,
			filepath.Join(s.Dir, "certgraft"), args, stage))
	}
	flags := []string{"--runtime", "runc", "--hooks-dir", hooks}
	mustSay(t, "a container", s.run(t, flags, "--name", "c1"), trusted)
	s.left(t, "c1")
	s.podman(t, "commit", "c1", "img")
	mustSay(t, "its image without hooks", s.run(t, []string{"--runtime", "runc"}, "--rm"), refused)
}

// The steps of podman's builds trust by the wrapper. The layer of a step has the
// bundle as it was below, and nothing of the CA.
func TestPodmanBuild(t *testing.T) {
	s := newPodmanHost(t)
	s.Config(t, `{"sources": ["/etc/certgraft/corp.pem"]}`)
	dir := t.TempDir()
	rig.Write(t, filepath.Join(dir, "Dockerfile"), "FROM localhost/img\nRUN "+strings.Join(s.fetch, " ")+"\nRUN echo x >/srv/x\n")
	s.podman(t, "tag", "img", "localhost/img")
	build := append([]string{"--runtime", s.Wrapper, "build", "--tag", "built", "--network", "host"}, podmanRunArgs[3:]...)
	mustSay(t, "a step", s.podman(t, append(build, dir)...), trusted)
	s.podman(t, "tag", "built", "img")
	mustSay(t, "the image", s.run(t, []string{"--runtime", "runc"}, "--name", "built"), refused)
	s.left(t, "built")
}

// A container of a user's own podman trusts by the device, though /run/certgraft is
// closed to the user, and nothing of it stays.
func TestPodmanRootless(t *testing.T) {
	s := newPodmanHost(t)
	home := filepath.Join(s.Dir, "home")
	s.Run(t, "sh", "-ec", `echo "tester:x:4242:4242::$1:/bin/sh" >>/etc/passwd; echo tester:x:4242: >>/etc/group
for f in subuid subgid; do echo tester:200000:65536 >/etc/$f; done
chmod 755 /run "$2" "$(dirname "$3")" "$(dirname "$(dirname "$3")")"; install -d -o 4242 -g 4242 "$1" /run/user/4242`, "sh", home, s.Dir, s.archive)
	s.Run(t, filepath.Join(s.Dir, "certgraft"), "cdi", "--plain", "--output", "/etc/cdi/certgraft.json", "/etc/certgraft/corp.pem")
	podman := func(args ...string) string {
		t.Helper()
		out, _ := s.Try(t, append([]string{
			"--chdir=" + home, "HOME=" + home, "XDG_RUNTIME_DIR=/run/user/4242", "setpriv", "--reuid", "4242", "--regid", "4242", "--clear-groups",
			"podman", "--runtime", "runc", "--cgroup-manager", "cgroupfs", "--events-backend", "file",
		}, args...)...)
		return out
	}
	podman("import", s.archive, "img")
	for _, test := range []struct {
		want string
		args []string
	}{{refused, []string{"--rm"}}, {trusted, []string{"--name", "c1", "--device", "certgraft.dev/ca=corp"}}} {
		args := append(append(slices.Clone(podmanRunArgs), test.args...), "img")
		mustSay(t, strings.Join(test.args, " "), podman(append(args, s.fetch...)...), test.want)
	}
	archive := filepath.Join(home, "export.tar")
	podman("export", "-o", archive, "c1")
	if names := rig.Run(t, "tar", "-tf", archive); strings.Contains(names, "certgraft") || !strings.Contains(names, "client") {
		t.Errorf("the container has:\n%s", names)
	}
	if left, _ := filepath.Glob(s.File("/run/user/4242/certgraft/*")); len(left) > 0 {
		t.Errorf("the state stays: %v", left)
	}
}
