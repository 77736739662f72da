//go:build e2e

package frontend

import (
	"crypto/rand"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/certgraft/certgraft/e2e/rig"
)

// setup is a BuildKit, a registry with the frontend's image and a base, a throw-away
// CA and a server that only those reach who trust it.
type setup struct {
	kit      *rig.BuildKit
	registry rig.Registry
	ca       string
	url      string
}

func start(t *testing.T) setup {
	t.Helper()
	if _, err := os.Stat(rig.File("build/certgraft-frontend")); err != nil {
		t.Fatal("build/certgraft-frontend is missing: run make frontend")
	}
	authority := rig.NewAuthority(t, "Example Inspecting Proxy")
	s := setup{registry: rig.StartRegistry(t, nil), ca: authority.CAFile, url: fmt.Sprintf("https://localhost:%d/", rig.TLSServer(t, authority))}
	s.kit = rig.StartBuildKit(t, s.registry)

	s.push(t, "certgraft-frontend:1", rig.File("frontend/Dockerfile"), "build/certgraft", rig.File("build/certgraft"), "build/certgraft-frontend", rig.File("build/certgraft-frontend"))
	s.push(t, "base:1", rig.Write(t, filepath.Join(t.TempDir(), "Dockerfile"), "FROM scratch\nADD base.tar /\n"), "base.tar", rig.Tarball(t, "trixie", "frontend", "ca-certificates", "curl", "wget"))
	return s
}

// push builds an image of a Dockerfile and of files, each under a name, and puts it
// into the registry.
func (s setup) push(t *testing.T, ref, dockerfile string, files ...string) {
	t.Helper()
	dir := t.TempDir()
	rig.Run(t, "cp", dockerfile, filepath.Join(dir, "Dockerfile"))
	for i := 0; i < len(files); i += 2 {
		rig.Run(t, "install", "-D", files[i+1], filepath.Join(dir, files[i]))
	}
	out, err := s.kit.Build(t, dir, "--output", "type=image,push=true,compression=uncompressed,name="+s.registry.Host+"/"+ref)
	if err != nil {
		t.Fatalf("push %s: %v\n%s", ref, err, out)
	}
}

// dockerfile makes the context of a build.
func (s setup) dockerfile(t *testing.T, lines ...string) string {
	t.Helper()
	dir := t.TempDir()
	text := "FROM " + s.registry.Host + "/base:1\n" + strings.Join(lines, "\n") + "\n"
	rig.Write(t, filepath.Join(dir, "Dockerfile"), strings.ReplaceAll(text, "URL", s.url))
	return dir
}

// frontend are the arguments that build with the frontend and the CA.
func (s setup) frontend(more ...string) []string {
	return append([]string{"--opt", "build-arg:BUILDKIT_SYNTAX=" + s.registry.Host + "/certgraft-frontend:1", "--secret", "id=certgraft,src=" + s.ca}, more...)
}

// digest builds without a cache and returns the digest of the image, which it
// puts into the registry.
func (s setup) digest(t *testing.T, dir string, args ...string) string {
	t.Helper()
	metadata := filepath.Join(t.TempDir(), "metadata")
	args = append(args, "--no-cache", "--opt", "build-arg:SOURCE_DATE_EPOCH=1700000000", "--metadata-file", metadata,
		"--output", "type=image,push=true,name="+s.registry.Host+"/built:"+rand.Text()+",compression=uncompressed,rewrite-timestamp=true")
	if text, err := s.kit.Build(t, dir, args...); err != nil {
		t.Fatalf("%v\n%s", err, text)
	}
	var m struct {
		Digest string `json:"containerimage.digest"`
	}
	if err := json.Unmarshal([]byte(rig.Read(t, metadata)), &m); err != nil || m.Digest == "" {
		t.Fatalf("no digest: %v\n%s", err, rig.Read(t, metadata))
	}
	return m.Digest
}

// TestBuildKit: the steps of a Dockerfile that names no CA are refused without the
// frontend and trusted with it, and the image has the digest of a plain build.
func TestBuildKit(t *testing.T) {
	s := start(t)
	fetches := map[string]string{
		"curl":   "RUN curl -sS URL",
		"wget":   `RUN ["wget", "-O", "/dev/null", "URL"]`,
		"nobody": "USER nobody\nRUN curl -sS URL",
		"bare":   "RUN env -i curl -sS URL",
		"shell":  "SHELL [\"/bin/bash\", \"-c\"]\nRUN <<E\ncurl -sS URL\nE",
	}
	for name, lines := range fetches {
		t.Run(name, func(t *testing.T) {
			dir := s.dockerfile(t, lines)
			out, err := s.kit.Build(t, dir)
			if err == nil || !strings.Contains(out, "certificate") {
				t.Errorf("a plain build is not refused: %v\n%s", err, out)
			}
			if out, err := s.kit.Build(t, dir, s.frontend()...); err != nil {
				t.Errorf("a build with the frontend: %v\n%s", err, out)
			}
		})
	}
	t.Run("clients", s.fewClients)
	t.Run("digest", s.sameDigest)
	t.Run("refused", s.badInput)
	t.Run("words", s.sameWords)
	t.Run("baked", s.bakedCA)
	t.Run("cache", s.cache)
	t.Run("subrequests", s.subrequests)
	t.Run("install without", s.installOptional)
	t.Run("install", func(t *testing.T) {
		dir := s.dockerfile(t, "RUN echo installed > /mark")
		name := s.registry.Host + "/installed:1"
		out, err := s.kit.Build(t, dir, s.frontend("--opt", "build-arg:CERTGRAFT_INSTALL=1", "--output", "type=image,push=true,compression=uncompressed,name="+name)...)
		if err != nil {
			t.Fatalf("%v\n%s", err, out)
		}
		below := t.TempDir()
		rig.Write(t, filepath.Join(below, "Dockerfile"), "FROM "+name+"\nRUN env -i curl -sS "+s.url+" && /bin/true\n")
		if out, err := s.kit.Build(t, below); err != nil {
			t.Errorf("what is built on the image does not trust: %v\n%s", err, out)
		}
	})
}

// sameDigest: nothing of the frontend or the CA is in the image.
func (s setup) sameDigest(t *testing.T) {
	dir := s.dockerfile(t,
		"RUN echo one > /one", "RUN update-ca-certificates --fresh", "RUN mkdir -p /srv/a && touch /etc/ssl/certs",
		"USER nobody", "RUN echo nobody > /tmp/nobody")
	plain := s.digest(t, dir)
	for _, mode := range []string{"env", "in-root"} {
		if got := s.digest(t, dir, s.frontend("--opt", "build-arg:CERTGRAFT_MODE="+mode)...); got != plain {
			t.Errorf("%s: %s, plain %s", mode, got, plain)
		}
	}
}

// bakedCA: with a company's own frontend image the build-arg is enough.
func (s setup) bakedCA(t *testing.T) {
	own := rig.Write(t, filepath.Join(t.TempDir(), "Dockerfile"), "FROM "+s.registry.Host+"/certgraft-frontend:1\nCOPY corp.pem /ca/\n")
	s.push(t, "company:1", own, "corp.pem", s.ca)
	out, err := s.kit.Build(t, s.dockerfile(t, "RUN env -i curl -sS URL && echo baked"), "--opt", "build-arg:BUILDKIT_SYNTAX="+s.registry.Host+"/company:1")
	if err != nil {
		t.Errorf("%v\n%s", err, out)
	}
}

// subrequests: a check, an outline and a list of targets are those of a plain build.
func (s setup) subrequests(t *testing.T) {
	dir := s.dockerfile(t, "ARG WORD=one", "RUN echo $WORD", "FROM scratch as last", "COPY --from=0 /etc/os-release /")
	for request, want := range map[string]string{"frontend.lint": "FromAsCasing", "frontend.outline": "WORD", "frontend.targets": "last"} {
		args := []string{"--opt", "requestid=" + request, "--opt", "frontend.caps=moby.buildkit.frontend.subrequests", "--progress", "quiet"}
		plain, err := s.kit.Build(t, dir, args...)
		if err != nil || !strings.Contains(plain, want) {
			t.Errorf("%s of a plain build: %v\n%s", request, err, plain)
		}
		if got, err := s.kit.Build(t, dir, s.frontend(args...)...); err != nil || got != plain {
			t.Errorf("%s: %v\ngot\n%s\nplain\n%s", request, err, got, plain)
		}
	}
}
