//go:build e2e

package roots

import (
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"github.com/certgraft/certgraft/e2e/rig"
)

// hostImage is a small root for containers on a host, and a server for which a CA
// vouches that the root does not have.
type hostImage struct {
	archive string
	caFile  string
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
	return hostImage{archive, corp.CAFile, []string{"/bin/env", "-i", "/client", fmt.Sprintf("https://127.0.0.1:%d/", rig.TLSServer(t, corp))}}
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
	s := &dockerHost{hostImage: newHostImage(t), Host: rig.StartHost(t)}
	s.docker = s.StartDocker(t)
	s.containers(t)
	s.steps(t)
}

// The same of an engine that keeps its images in containerd: there the layers are
// what they are without the wrapper.
func TestMobyWrapper(t *testing.T) {
	rig.Slow(t)
	s := &dockerHost{hostImage: newHostImage(t), Host: rig.StartHost(t)}
	s.docker, s.runtime = s.StartMoby(t)
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

// containers fails unless containers trust and their images do not.
func (s *dockerHost) containers(t *testing.T) {
	t.Helper()
	s.docker.Run(t, "import", s.archive, "img")
	s.config(t, "")
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
	if names := rig.Run(t, "tar", "-tf", archive); strings.Contains(names, "certgraft") {
		t.Errorf("%s has a name of certgraft:\n%s", container, names)
	}
	line := strings.Split(rig.Read(t, s.caFile), "\n")[2]
	if strings.Contains(rig.Read(t, archive), line) {
		t.Errorf("%s has the CA", container)
	}
}
