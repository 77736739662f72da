//go:build e2e

package roots

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/certgraft/certgraft/e2e/rig"
)

// hostImage is a small root for containers on a host, and a server for which a CA
// vouches that the root does not have.
type hostImage struct {
	archive string
	caFile  string
	keyFile string
	fetch   []string // command in a container that says whether it trusts, without variables
}

// What the command says.
const trusted, refused = "200 OK", "certificate signed by unknown authority"

func newHostImage(t *testing.T) hostImage {
	t.Helper()
	corp, dir := rig.NewAuthority(t, "Host Root"), t.TempDir()
	root := filepath.Join(dir, "root")
	rig.Write(t, filepath.Join(root, "etc/ssl/certs/ca-certificates.crt"), rig.Read(t, rig.NewAuthority(t, "Other Root").CAFile))
	for _, name := range []string{"hosts", "resolv.conf", "hostname"} { // else the engine makes them for each container
		rig.Write(t, filepath.Join(root, "etc", name), "")
	}
	rig.Run(t, "sh", "-c", `cd "$1" && mkdir bin dev proc run srv sys tmp`, "sh", root)
	rig.Run(t, "cp", "/bin/busybox", filepath.Join(root, "bin/busybox"))
	rig.Run(t, "/bin/busybox", "--install", "-s", filepath.Join(root, "bin"))
	rig.Run(t, "sh", "-c", `for f in "$1"/bin/*; do test ! -L "$f" || ln -sf busybox "$f"; done`, "sh", root)
	rig.BuildClient(t, filepath.Join(root, "client"))
	archive := filepath.Join(dir, "root.tar")
	rig.Run(t, "tar", "-C", root, "-cf", archive, ".")
	return hostImage{archive, corp.CAFile, corp.KeyFile, []string{"/bin/env", "-i", "/client", fmt.Sprintf("https://127.0.0.1:%d/", rig.TLSServer(t, corp))}}
}

// mustSay fails unless the output of a command has a part.
func mustSay(t *testing.T, what, out, part string) {
	t.Helper()
	if !strings.Contains(out, part) {
		t.Errorf("%s: %q is missing:\n%s", what, part, out)
	}
}

// dockerHost is a host with a Docker engine that has the image img.
type dockerHost struct {
	hostImage
	*rig.Host

	docker  *rig.HostDocker
	runtime string // which its containers need; "" is the next runc
}

// Every container of a Docker engine trusts by the wrapper, with the steps of its
// builds, and no image does.
func TestDockerWrapper(t *testing.T) {
	s := newDockerHost(t)
	s.containers(t)
	s.steps(t)
}

// The same of an engine that keeps its images in containerd: there the layers are
// what they are without the wrapper.
func TestMobyWrapper(t *testing.T) {
	s := newMobyHost(t, "")
	s.containers(t)
	s.steps(t)
	layers := func() string {
		t.Helper()
		return s.docker.Run(t, "image", "inspect", "--format", "{{json .RootFS.Layers}}", "built")
	}
	with := layers()
	s.Config(t, `{"sources": ["/nowhere.pem"]}`)
	mustSay(t, "a plain build", s.build(t), refused)
	if plain := layers(); with != plain {
		t.Errorf("the layers by the wrapper are %s, without it %s", with, plain)
	}
}

// config has each container trust, with more members of host.json.
func (s *dockerHost) config(t *testing.T, members string) {
	t.Helper()
	rig.Write(t, s.File("/etc/certgraft/corp.pem"), rig.Read(t, s.caFile))
	s.Config(t, fmt.Sprintf(`{"sources": ["/etc/certgraft/corp.pem"], "runtime": %q%s}`, s.runtime, members))
}

// newDockerHost returns a host with the Docker engine of Debian's package.
func newDockerHost(t *testing.T) *dockerHost {
	t.Helper()
	s := &dockerHost{hostImage: newHostImage(t), Host: rig.StartHost(t)}
	s.docker = s.StartDocker(t)
	s.config(t, "")
	s.docker.Run(t, "import", s.archive, "img")
	return s
}

// containers fails unless containers trust and their images do not.
func (s *dockerHost) containers(t *testing.T) {
	t.Helper()
	mustSay(t, "without the wrapper", s.run(t, "--rm", "--runtime", "plain", "img"), refused)
	mustSay(t, "a container", s.run(t, "--name", "ended", "img"), trusted)
	mustSay(t, "the same once more", s.docker.Run(t, "start", "-a", "ended"), trusted)
	s.mustHaveNothing(t, "ended")
	s.docker.Run(t, "commit", "ended", "committed")
	mustSay(t, "its image", s.run(t, "--rm", "--runtime", "plain", "committed"), refused)
}

// steps fails unless the steps of a build trust and its image does not. The builder
// takes the first runc on PATH, whatever runtime containers have.
func (s *dockerHost) steps(t *testing.T) {
	t.Helper()
	runtime := s.runtime
	s.runtime = "" // the builder has a profile for seccomp, which the other runtime cannot read
	s.config(t, "")
	mustSay(t, "a step", s.build(t), trusted)
	s.runtime = runtime
	s.config(t, "")
	mustSay(t, "the built image", s.run(t, "--name", "built", "--runtime", "plain", "built"), refused)
	s.mustHaveNothing(t, "built")
}

// run runs a container and returns what it said.
func (s *dockerHost) run(t *testing.T, args ...string) string {
	t.Helper()
	out, _ := s.docker.Try(t, append(append([]string{"run", "--network", "host"}, args...), s.fetch...)...)
	return out
}

// build builds an image of two steps and returns what the builder said.
func (s *dockerHost) build(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	rig.Write(t, filepath.Join(dir, "Dockerfile"), "FROM img\nRUN "+strings.Join(s.fetch, " ")+" || true\nRUN echo x >/srv/x; touch -d @1 /srv/x /srv\n")
	return s.docker.Run(t, "build", "--no-cache", "--network", "host", "-t", "built", dir)
}

// mustHaveNothing fails if a container that ended has a name or a CA of certgraft.
func (s *dockerHost) mustHaveNothing(t *testing.T, container string) {
	t.Helper()
	archive := filepath.Join(t.TempDir(), "export.tar")
	s.docker.Run(t, "export", "-o", archive, container)
	if names := s.names(t, container); strings.Contains(names, "certgraft") {
		t.Errorf("%s has a name of certgraft:\n%s", container, names)
	}
	line := strings.Split(rig.Read(t, s.caFile), "\n")[2]
	if strings.Contains(rig.Read(t, archive), line) {
		t.Errorf("%s has the CA", container)
	}
}

// names lists the files of a container.
func (s *dockerHost) names(t *testing.T, container string) string {
	t.Helper()
	archive := filepath.Join(t.TempDir(), "export.tar")
	s.docker.Run(t, "export", "-o", archive, container)
	return rig.Run(t, "tar", "-tf", archive)
}

// Containers trust whatever happens in their lives, and those beside them too.
func TestWrapperLives(t *testing.T) {
	rig.Slow(t)
	s := newDockerHost(t)
	mustSay(t, "a read-only container", s.run(t, "--rm", "--read-only", "img"), trusted)
	mustSay(t, "a user", s.run(t, "--rm", "--user", "65534", "img"), trusted)
	s.docker.Run(t, "run", "-d", "--network", "host", "--name", "long", "img", "sleep", "1000")
	exec := func(what string) {
		t.Helper()
		out, _ := s.docker.Try(t, append([]string{"exec", "long"}, s.fetch...)...)
		mustSay(t, what, out, trusted)
	}
	exec("beside")
	s.docker.Run(t, "pause", "long")
	s.docker.Run(t, "unpause", "long")
	exec("after a pause")
	s.docker.Run(t, "start", "long")
	exec("started when it ran")
	s.docker.Run(t, "restart", "-t", "0", "long")
	exec("restarted")
	s.docker.Run(t, "commit", "long", "running")
	mustSay(t, "an image of a running container", s.run(t, "--rm", "--runtime", "plain", "running"), trusted)
	s.docker.Run(t, "kill", "long")
	s.mustHaveNothing(t, "long")

	// Its shim is killed with it: the engine has the runtime clean up.
	s.docker.Run(t, "start", "long")
	rig.Run(t, "sh", "-ec", `kill -9 $(cut -d' ' -f4 /proc/$1/stat) $1`, "sh", s.pid(t, "long"))
	s.waitFor(t, "exited", "long")
	s.mustHaveNothing(t, "long")
	if left, _ := os.ReadDir(s.File("/run/certgraft")); len(left) > 0 {
		t.Errorf("the state stays: %v", left)
	}
}

func (s *dockerHost) pid(t *testing.T, container string) string {
	t.Helper()
	return strings.TrimSpace(s.docker.Run(t, "inspect", "--format", "{{.State.Pid}}", container))
}

func (s *dockerHost) waitFor(t *testing.T, state, container string) {
	t.Helper()
	for end := time.Now().Add(time.Minute); time.Now().Before(end); time.Sleep(100 * time.Millisecond) {
		if strings.TrimSpace(s.docker.Run(t, "inspect", "--format", "{{.State.Status}}", container)) == state {
			return
		}
	}
	t.Fatalf("%s is not %s", container, state)
}

// A container that was there when its host lost its power has the CAs in its root
// until it starts again and ends.
func TestWrapperPowerLoss(t *testing.T) {
	rig.Slow(t)
	s := newDockerHost(t)
	s.docker.Run(t, "run", "-d", "--network", "host", "--name", "long", "img", "sleep", "1000")
	container := s.pid(t, "long")
	shim := strings.TrimSpace(rig.Run(t, "cut", "-d ", "-f4", "/proc/"+container+"/stat"))
	s.docker.LosePower(t, shim, container)
	rig.Run(t, "rm", "-r", s.File("/run/certgraft"))
	s.docker.Start(t)
	if names := s.names(t, "long"); !strings.Contains(names, "certgraft") {
		t.Errorf("the CAs are gone already: the test shows nothing\n%s", names)
	}
	s.docker.Run(t, "start", "long")
	out, _ := s.docker.Try(t, append([]string{"exec", "long"}, s.fetch...)...)
	mustSay(t, "started again", out, trusted)
	s.docker.Run(t, "kill", "long")
	s.waitFor(t, "exited", "long")
	s.mustHaveNothing(t, "long")
}

// A wrapper that cannot do its work says why in one line, and the container starts
// without the CAs. Where it is strict the container does not start.
func TestWrapperFails(t *testing.T) {
	rig.Slow(t)
	s := newDockerHost(t)
	for config, why := range map[string]string{
		`{"sources": ["/nowhere.pem"]%s}`:                                   "/nowhere.pem: no such file",
		`{"sources": ["` + s.keyFile + `"]%s}`:                              "it holds a private key",
		`{"sources": ["/etc/certgraft/corp.pem"], "sorces": 1%s}`:           `unknown field "sorces"`,
		`{"sources": []%s}`:                                                 "names no sources",
		`{"sources": ["https://localhost/corp.pem"]%s}`:                     "is no source of a hook",
		`{"sources": ["/etc/certgraft/corp.pem"], "runtime": "/nowhere"%s}`: "no container runtime /nowhere",
	} {
		s.Config(t, fmt.Sprintf(config, ""))
		out := s.run(t, "--rm", "img")
		if !strings.Contains(config, "runtime") {
			mustSay(t, config, out, refused)
			lines := strings.Split(strings.TrimSpace(rig.Read(t, s.File("/run/certgraft/hook.log"))), "\n")
			mustSay(t, "the log for "+config, lines[len(lines)-1], why)
		}
		s.Config(t, fmt.Sprintf(config, `, "strict": true`))
		out = s.run(t, "--rm", "img")
		mustSay(t, "strict "+config, out, "OCI runtime create failed")
		mustSay(t, "strict "+config, out, why)
	}
	s.Config(t, `{"sources": [`)
	mustSay(t, "no JSON", s.run(t, "--rm", "img"), "certgraft: warning: the container starts without the CAs: /etc/certgraft/host.json: unexpected EOF")
}

// kitHost is a host with a BuildKit.
type kitHost struct {
	hostImage
	*rig.Host

	kit *rig.BuildKit
}

func newKitHost(t *testing.T, worker func(*rig.Host) string, args ...string) *kitHost {
	t.Helper()
	rig.Slow(t)
	s := &kitHost{hostImage: newHostImage(t), Host: rig.StartHost(t)}
	s.kit = s.StartBuildKit(t, worker(s.Host), args...)
	rig.Write(t, s.File("/etc/certgraft/corp.pem"), rig.Read(t, s.caFile))
	return s
}

// build builds two steps without a cache, the first of which asks the server, and
// returns what the builder said and the digest of the image.
func (s *kitHost) build(t *testing.T, step string) (said, digest string) {
	t.Helper()
	dir := t.TempDir()
	rig.Run(t, "cp", s.archive, filepath.Join(dir, "root.tar"))
	rig.Write(t, filepath.Join(dir, "Dockerfile"), "FROM scratch\nADD root.tar /\n"+step+" "+strings.Join(s.fetch, " ")+" || true\nRUN echo x >/srv/x\n")
	metadata := filepath.Join(dir, "metadata.json")
	said, err := s.kit.Build(t, dir, "--no-cache", "--metadata-file", metadata, "--opt", "build-arg:SOURCE_DATE_EPOCH=1700000000", "--output", "type=image,name=built,rewrite-timestamp=true")
	if err != nil {
		t.Fatal(said, err)
	}
	var built map[string]any
	if err := json.Unmarshal([]byte(rig.Read(t, metadata)), &built); err != nil {
		t.Fatal(err)
	}
	return said, built["containerimage.digest"].(string)
}

// The steps of a stock build trust by the wrapper, and the image is the plain one.
func TestBuildKitWrapper(t *testing.T) {
	s := newKitHost(t, func(h *rig.Host) string { return fmt.Sprintf("  binary = %q", h.Wrapper) })
	s.Config(t, `{"sources": ["/nowhere.pem"]}`)
	said, plain := s.build(t, "RUN")
	mustSay(t, "without the file of the CA", said, refused)
	s.Config(t, `{"sources": ["/etc/certgraft/corp.pem"]}`)
	said, with := s.build(t, "RUN")
	mustSay(t, "a step", said, trusted)
	if with != plain {
		t.Errorf("the image is %s by the wrapper, %s without it", with, plain)
	}
}

// A step that asks for the device trusts, without an entitlement of the build, and
// the image is that of a step that does not ask.
func TestBuildKitDevice(t *testing.T) {
	s := newKitHost(t, func(*rig.Host) string { return "" })
	s.Run(t, filepath.Join(s.Dir, "certgraft"), "cdi", "--output", "/etc/cdi/certgraft.json", "/etc/certgraft/corp.pem")
	said, plain := s.build(t, "RUN")
	mustSay(t, "a step without the device", said, refused)
	said, with := s.build(t, "RUN --device=certgraft.dev/ca=corp")
	mustSay(t, "a step with the device", said, trusted)
	if with != plain {
		t.Errorf("the image is %s with the device, %s without it", with, plain)
	}
}

// BuildKit's own way leaves a copy of the bundle in the layer of each step, which
// docs/one-step.md says.
func TestBuildKitProxyNetwork(t *testing.T) {
	s := newKitHost(t, func(*rig.Host) string { return "" }, "--proxy-network")
	dir := t.TempDir()
	rig.Run(t, "cp", s.archive, filepath.Join(dir, "root.tar"))
	rig.Write(t, filepath.Join(dir, "Dockerfile"), "FROM scratch\nADD root.tar /\nRUN echo x >/srv/x\nRUN echo y >/srv/y\n")
	image := filepath.Join(dir, "oci.tar")
	if said, err := s.kit.Build(t, dir, "--no-cache", "--output", "type=oci,compression=uncompressed,dest="+image); err != nil {
		t.Fatal(said, err)
	}
	files := rig.Run(t, "sh", "-ec", `cd "$1"; tar -xf oci.tar; for b in blobs/sha256/*; do tar -tf $b 2>/dev/null || true; done`, "sh", dir)
	if n := strings.Count(files, "etc/ssl/certs/ca-certificates.crt\n"); n != 3 {
		t.Errorf("%d layers of the base and two steps have a bundle", n)
	}
}

// A container that asks a current Docker engine for the device trusts, with the
// engine's own runtime, and nothing of it stays.
func TestMobyDevice(t *testing.T) {
	s := newMobyHost(t, `, "features": {"cdi": true}`)
	s.Run(t, filepath.Join(s.Dir, "certgraft"), "cdi", "--output", "/etc/cdi/certgraft.json", "/etc/certgraft/corp.pem")
	mustSay(t, "without the device", s.run(t, "--rm", "--runtime", "plain", "img"), refused)
	// What "docker run --device" asks for; the client of Debian's package takes paths alone.
	asked, err := json.Marshal(map[string]any{"Image": "img", "Cmd": s.fetch, "HostConfig": map[string]any{
		"NetworkMode": "host", "Runtime": "plain", "DeviceRequests": []map[string]any{{"Driver": "cdi", "DeviceIDs": []string{"certgraft.dev/ca=corp"}}},
	}})
	if err != nil {
		t.Fatal(err)
	}
	rig.Run(t, "curl", "-sSf", "--unix-socket", s.docker.Socket(), "-H", "Content-Type: application/json", "-d", string(asked), "http://docker/v1.44/containers/create?name=c1")
	mustSay(t, "with the device", s.docker.Run(t, "start", "-a", "c1"), trusted)
	s.mustHaveNothing(t, "c1")
	if changed := s.docker.Run(t, "diff", "c1"); strings.TrimSpace(changed) != "" {
		t.Errorf("the container has changes:\n%s", changed)
	}
}

// A container of containerd trusts by the wrapper, and its snapshot has no change.
func TestContainerdWrapper(t *testing.T) {
	s := newMobyHost(t, "")
	ctr := []string{"ctr", "--address", s.docker.Containerd(), "--namespace", "moby"}
	const image = "docker.io/library/img:latest"
	for name, runtime := range map[string]string{"c1": s.Wrapper, "c2": "/usr/sbin/runc"} {
		out, _ := s.Try(t, append(append(slices.Clone(ctr), "run", "--net-host", "--runc-binary", runtime, image, name), s.fetch...)...)
		if strings.Contains(out, trusted) != (runtime == s.Wrapper) {
			t.Errorf("by %s: %s", runtime, out)
		}
		differs := strings.Join(append(ctr, "snapshots", "diff", name), " ") + " | tar -tz"
		if out := s.Run(t, "sh", "-c", differs); strings.TrimSpace(out) != "" {
			t.Errorf("by %s the snapshot has:\n%s", runtime, out)
		}
	}
}

// newMobyHost returns a host with a current Docker engine.
func newMobyHost(t *testing.T, members string) *dockerHost {
	t.Helper()
	rig.Slow(t)
	s := &dockerHost{hostImage: newHostImage(t), Host: rig.StartHost(t)}
	s.docker, s.runtime = s.StartMoby(t, members)
	s.config(t, "")
	s.docker.Run(t, "import", s.archive, "img")
	return s
}

// Two containers have one root: it trusts until both are gone, whichever ends first.
func TestWrapperOneRoot(t *testing.T) {
	s := &dockerHost{hostImage: newHostImage(t), Host: rig.StartHost(t)}
	s.config(t, "")
	root := t.TempDir()
	rig.Run(t, "tar", "-C", root, "-xf", s.archive)
	before := rig.Snapshot(t, root)
	for _, name := range []string{"c1", "c2"} {
		rig.Write(t, filepath.Join(s.Dir, name, "config.json"), runcConfig(t, root, "exec sleep 1000"))
		s.Run(t, "sh", "-ec", `"$1" --root /run/r run --detach --bundle "$2" "$3" </dev/null >/dev/null 2>&1`, "sh", s.Wrapper, filepath.Join(s.Dir, name), name)
	}
	bundle := filepath.Join(root, "etc/ssl/certs/ca-certificates.crt")
	line := strings.Split(rig.Read(t, s.caFile), "\n")[2]
	for _, name := range []string{"c1", "c2"} {
		if !strings.Contains(rig.Read(t, bundle), line) {
			t.Errorf("the root does not trust while %s runs", name)
		}
		s.Run(t, s.Wrapper, "--root", "/run/r", "delete", "--force", name)
	}
	rig.Same(t, "the root", before, rig.Snapshot(t, root))
}
