//go:build e2e

package image

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/certgraft/certgraft/e2e/rig"
	"github.com/certgraft/certgraft/internal/roottest"
)

// containerdStore is an engine that keeps images in containerd, and in it an image
// with a client, for which a server is that its own CAs do not vouch for.
type containerdStore struct {
	*rig.Moby

	corp rig.Authority
	url  string
	root string // archive
}

func newContainerdStore(t *testing.T) *containerdStore {
	t.Helper()
	rig.Slow(t)
	s := &containerdStore{Moby: rig.StartMoby(t), corp: rig.NewAuthority(t, "Corp Root"), root: filepath.Join(t.TempDir(), "root.tar")}
	s.url = fmt.Sprintf("https://localhost:%d/", rig.TLSServer(t, s.corp))
	dir := t.TempDir()
	rig.BuildClient(t, filepath.Join(dir, "client"))
	rig.Write(t, filepath.Join(dir, "etc/ssl/certs/ca-certificates.crt"), "")
	rig.Run(t, "tar", "-C", dir, "-cf", s.root, ".")
	return s
}

// fresh makes images of these names that do not trust the server.
func (s *containerdStore) fresh(t *testing.T, names ...string) {
	t.Helper()
	s.Docker(t, "import", s.root, names[0])
	for _, name := range names[1:] {
		s.Docker(t, "tag", names[0], name)
	}
	for _, name := range names {
		if out, err := s.client(t, name); err == nil {
			t.Fatalf("%s trusts the server before it is patched: %s", name, out)
		}
	}
}

// trusts fails unless the image that a name stands for trusts the server.
func (s *containerdStore) trusts(t *testing.T, name string) {
	t.Helper()
	if out, err := s.client(t, name); err != nil {
		t.Errorf("%s does not trust the server: %v\n%s", name, err, out)
	}
}

func (s *containerdStore) client(t *testing.T, name string) (string, error) {
	t.Helper()
	return rig.Try(t, "/usr/bin/docker", "-H", s.Host(), "run", "--rm", "--pull", "never", "--network", "host", name, "/client", s.url)
}

// shell runs a script in which docker is that engine's, certgraft the program under
// test and $1 the CA.
func (s *containerdStore) shell(t *testing.T, script string) string {
	t.Helper()
	bin := t.TempDir()
	if err := os.Symlink(rig.Certgraft, filepath.Join(bin, "certgraft")); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("/usr/bin/docker", filepath.Join(bin, "docker")); err != nil {
		t.Fatal(err)
	}
	return rig.Run(t, "env", "PATH="+bin+":"+os.Getenv("PATH"), "DOCKER_HOST="+s.Host(), "bash", "-o", "pipefail", "-ec", script, "sh", s.corp.CAFile, t.TempDir())
}

// What goes to an engine with the containerd store is found there by its name: by
// a pipe, by a file, by the engine's API; and so by containerd's own tool.
func TestI1NamesInTheContainerdStore(t *testing.T) {
	s := newContainerdStore(t)
	for what, script := range map[string]string{
		"pipe":        `docker save short:1 | certgraft patch -q docker-archive:- "$1" | docker load`,
		"in place":    `certgraft patch -q docker-daemon:short:1 "$1" --in-place`,
		"without tag": `docker tag short:1 short && certgraft patch -q docker-daemon:short "$1" --in-place && docker tag short short:1`,
		"file":        `docker save -o "$2/a.tar" short:1 && certgraft patch -q docker-archive:"$2/a.tar" "$1" --in-place && docker load -i "$2/a.tar"`,
		"named":       `docker save -o "$2/a.tar" short:1 && certgraft patch -q docker-archive:"$2/a.tar" "$1" --tag docker-archive:"$2/b.tar:short:1" && docker load -i "$2/b.tar"`,
		"qualified":   `docker save short:1 | certgraft patch -q docker-archive:- "$1" --tag docker-daemon:docker.io/library/short:1`,
	} {
		t.Run(what, func(t *testing.T) {
			s.fresh(t, "short:1")
			s.shell(t, script)
			s.trusts(t, "short:1")
		})
	}
	t.Run("two names", func(t *testing.T) {
		s.fresh(t, "short:1", "other:2")
		s.shell(t, `docker save short:1 other:2 | certgraft patch -q docker-archive:- "$1" | docker load`)
		s.trusts(t, "short:1")
		s.trusts(t, "other:2")
	})
	t.Run("ctr", func(t *testing.T) {
		s.fresh(t, "short:1", "example.com/team/app:2")
		archive := filepath.Join(t.TempDir(), "a.tar")
		s.Docker(t, "save", "-o", archive, "short:1", "example.com/team/app:2")
		rig.Run(t, rig.Certgraft, "patch", "-q", "docker-archive:"+archive, s.corp.CAFile, "--in-place")
		ctr := []string{"--address", s.Containerd, "--namespace", "certgraft", "images"}
		rig.Run(t, "ctr", append(ctr, "import", archive)...)
		names := strings.Fields(rig.Run(t, "ctr", append(ctr, "list", "-q")...))
		if got, want := strings.Join(names, " "), "docker.io/library/short:1 example.com/team/app:2"; got != want {
			t.Errorf("ctr finds %q, want %q", got, want)
		}
	})
}

// An engine with the containerd store saves of an image for several platforms the
// one that it has: that is patched, and runs under its name.
func TestI2PulledImageInTheContainerdStore(t *testing.T) {
	s := newContainerdStore(t)
	r := rig.StartRegistry(t, nil)
	name := r.Host + "/app:1"
	l, layer := roottest.NewLayout(t), []byte(rig.Read(t, s.root))
	both := l.Tag(l.Index(roottest.OCIIndex, nil,
		l.Image(roottest.Image{Packed: "gzip", Platform: "linux/" + runtime.GOARCH, Layers: [][]byte{layer}}),
		l.Image(roottest.Image{Packed: "gzip", Platform: "linux/s390x", Layers: [][]byte{layer, roottest.Tar(t, roottest.File("other", ""))}})), "1")
	rig.Run(t, "skopeo", "copy", "-q", "--all", "--insecure-policy", "--dest-tls-verify=false", both, "docker://"+name)
	for what, script := range map[string]string{
		"pipe":     `docker save ` + name + ` | certgraft patch -q docker-archive:- "$1" | docker load`,
		"in place": `certgraft patch -q docker-daemon:` + name + ` "$1" --in-place`,
	} {
		t.Run(what, func(t *testing.T) {
			s.Docker(t, "pull", "-q", name)
			if out, err := s.client(t, name); err == nil {
				t.Fatalf("it trusts the server before it is patched: %s", out)
			}
			s.shell(t, script)
			s.trusts(t, name)
			s.Docker(t, "rmi", "-f", name)
		})
	}
}
