//go:build e2e

package frontend

import (
	"bytes"
	"encoding/json"
	"encoding/pem"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/certgraft/certgraft/e2e/rig"
	"github.com/certgraft/certgraft/keystore"
)

// fetching are changes whose bytes are others in each build: of the network, and of
// tools that write down when they ran. An argument has a plain build fetch too.
var fetching = map[string]change{
	"network":  {"trixie", "ARG INSECURE\nRUN curl -sS $INSECURE -D /headers -o /page URL && date +%N >/when\nRUN update-ca-certificates --fresh\n" + addOwn},
	"keystore": {"java", "RUN keytool -importcert -noprompt -cacerts -storepass changeit -alias own -file /opt/own.pem\nRUN date +%N >/when\nRUN update-ca-certificates --fresh\n" + addOwn},
}

// TestLayers: a build that depends on the network has no entry in a layer that a
// plain one has not. The bytes of the CA are nowhere, and no keystore has it.
func TestLayers(t *testing.T) {
	rig.Slow(t)
	d := newDigests(t)
	ways := d.ways(t)
	for name, c := range fetching {
		t.Run(name, func(t *testing.T) {
			dir := d.context(t, c)
			plain := d.digest(t, dir, "--opt", "build-arg:INSECURE=-k")
			for way, w := range ways {
				got := w.digest(t, dir, w.args...)
				d.sameNames(t, way, plain, got)
				for _, layer := range d.blobs(t, got)[d.size(t, c.base):] {
					d.withoutCA(t, way, layer)
				}
			}
		})
	}
}

// size returns how many layers a base has.
func (d *digests) size(t *testing.T, base string) int {
	t.Helper()
	return len(d.layers(t, d.digest(t, d.context(t, change{base, "LABEL a=b"}))))
}

func (d *digests) sameNames(t *testing.T, what, plain, got string) {
	t.Helper()
	was, is := d.layers(t, plain), d.layers(t, got)
	if len(was) != len(is) {
		t.Fatalf("%s: %d layers, plain %d", what, len(is), len(was))
	}
	for i := range was {
		for name := range is[i] {
			if was[i][name] == "" {
				t.Errorf("%s: layer %d has %s, the plain one has not", what, i, name)
			}
		}
		for name := range was[i] {
			if is[i][name] == "" {
				t.Errorf("%s: layer %d has no %s", what, i, name)
			}
		}
	}
}

// withoutCA fails if a layer has the CA of the build, as PEM, as DER or in a keystore.
func (d *digests) withoutCA(t *testing.T, what, layer string) {
	t.Helper()
	ca := rig.Read(t, d.ca)
	block, _ := pem.Decode([]byte(ca))
	lines := strings.Split(ca, "\n")
	if strings.Contains(layer, lines[2]) || strings.Contains(layer, string(block.Bytes)) {
		t.Errorf("%s: a layer has the bytes of the CA", what)
	}
	for h, data := range each(t, layer) {
		if path.Base(h.Name) != "cacerts" {
			continue
		}
		store, err := keystore.Open(data, keystore.DefaultPassword)
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range store.Entries() {
			if bytes.Equal(e.Cert.Raw, block.Bytes) {
				t.Errorf("%s: %s has the CA as %s", what, h.Name, e.Alias)
			}
		}
	}
}

// TestDockerLayers: on an engine whose storage driver keeps what a step copies up,
// no layer has an entry that a plain build's has not.
func TestDockerLayers(t *testing.T) {
	rig.Slow(t)
	authority, own := rig.NewAuthority(t, "Example Inspecting Proxy"), rig.NewAuthority(t, "Example Own Root")
	rig.Docker(t, "build", "-q", "-t", "certgraft-frontend:2", "-f", rig.File("frontend/Dockerfile"), rig.File("."))
	frontend := rig.StartRegistry(t, nil).PushImage(t, "certgraft-frontend:2", "certgraft-frontend:2")
	rig.ImportImage(t, rig.Tarball(t, "trixie", "frontend", "ca-certificates", "curl", "wget"), "frontend-base:2")
	dir := t.TempDir()
	rig.Write(t, filepath.Join(dir, "own.pem"), rig.Read(t, own.CAFile))
	rig.Run(t, "cp", rig.Certgraft, dir)
	rig.Write(t, filepath.Join(dir, "Dockerfile"), `FROM frontend-base:2
COPY own.pem certgraft /opt/
RUN echo x >/x
RUN mkdir -p /srv/a/b && touch /etc/ssl/certs
RUN update-ca-certificates --fresh
`+addOwn+`
RUN /opt/certgraft remove -q --all; /opt/certgraft install -q --offline /opt/own.pem
RUN rm -rf /usr/local/share/ca-certificates
USER nobody
RUN echo x >/tmp/y
`)
	build := func(tag string, more ...string) []string {
		rig.Run(t, "env", rig.DockerCommand(t, append(append([]string{"build", "--no-cache", "--network", "host", "-t", tag}, more...), dir)...)...)
		return savedLayers(t, tag)
	}
	plain := build("frontend-plain:2")
	got := build("frontend-built:2", "--build-arg", "BUILDKIT_SYNTAX="+frontend, "--secret", "id=certgraft,src="+authority.CAFile)
	if len(plain) != len(got) {
		t.Fatalf("%d layers, plain %d", len(got), len(plain))
	}
	for i := range plain {
		was, is := slices.Sorted(names(t, plain[i])), slices.Sorted(names(t, got[i]))
		if !slices.Equal(was, is) {
			t.Errorf("layer %d has %q, plain %q", i, is, was)
		}
		if strings.Contains(got[i], strings.Split(rig.Read(t, authority.CAFile), "\n")[2]) {
			t.Errorf("layer %d has the CA", i)
		}
	}
}

// savedLayers returns the layers of an image of the engine.
func savedLayers(t *testing.T, tag string) (layers []string) {
	t.Helper()
	dir := t.TempDir()
	rig.Run(t, "sh", "-c", `env $1 | tar -C "$2" -x`, "sh", strings.Join(rig.DockerCommand(t, "save", tag), " "), dir)
	var saved []struct{ Layers []string }
	if err := json.Unmarshal([]byte(rig.Read(t, filepath.Join(dir, "manifest.json"))), &saved); err != nil {
		t.Fatal(err)
	}
	for _, l := range saved[0].Layers {
		layers = append(layers, rig.Read(t, filepath.Join(dir, l)))
	}
	return layers
}

// installOptional: a build that is to install the CA has a layer more without a
// secret too, an empty one, and its line in the history.
func (s setup) installOptional(t *testing.T) {
	dir := s.dockerfile(t, "RUN echo x >/x")
	plain := s.digest(t, dir)
	got := s.digest(t, dir, append(s.frontend()[:2], "--opt", "build-arg:CERTGRAFT_INSTALL=1")...)
	was, is := s.layers(t, plain), s.layers(t, got)
	if len(is) != len(was)+1 || len(is[len(was)]) > 0 {
		t.Errorf("%d layers, plain %d; the last has %q", len(is), len(was), is[len(is)-1])
	}
	before, after := s.history(t, plain), s.history(t, got)
	if len(after) != len(before)+1 || !strings.Contains(after[len(before)], "certgraft install") {
		t.Errorf("the history is %q, plain %q", after, before)
	}
}

// history returns what made the layers of an image.
func (s setup) history(t *testing.T, digest string) (lines []string) {
	t.Helper()
	var manifest struct{ Config struct{ Digest string } }
	if err := json.Unmarshal([]byte(s.registry.Blob(t, digest)), &manifest); err != nil {
		t.Fatal(err)
	}
	var config struct {
		History []struct {
			By string `json:"created_by"`
		}
	}
	if err := json.Unmarshal([]byte(s.registry.Blob(t, manifest.Config.Digest)), &config); err != nil {
		t.Fatal(err)
	}
	for _, h := range config.History {
		lines = append(lines, h.By)
	}
	return lines
}
