//go:build e2e

package frontend

import (
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/certgraft/certgraft/e2e/rig"
)

// TestPlatforms: a build for two architectures, one of them by qemu, from a scratch
// image without a shell. The frontend's image is an index, as a release has it.
func TestPlatforms(t *testing.T) {
	rig.Slow(t)
	rig.Foreign(t, "aarch64") // before BuildKit looks which programs run here
	s := start(t)
	both := "platform=linux/amd64,linux/arm64"
	text := rig.Read(t, rig.File("frontend/Dockerfile"))
	text = strings.ReplaceAll(strings.Replace(text, "FROM scratch\n", "FROM scratch\nARG TARGETARCH\n", 1), "COPY build/", "COPY $TARGETARCH/")
	s.pushPlatforms(t, "certgraft-frontend:1", text, both, func(arch, dir string) {
		for target, variable := range map[string]string{"build": "BINARY", "frontend": "FRONTEND"} {
			name := map[string]string{"build": "certgraft", "frontend": "certgraft-frontend"}[target]
			rig.Run(t, "env", "GOARCH="+arch, "make", "-s", "-C", rig.File("."), target, variable+"="+filepath.Join(dir, name))
		}
	})
	s.pushPlatforms(t, "client:1", "FROM scratch\nARG TARGETARCH\nCOPY $TARGETARCH/client /\n", both, func(arch, dir string) {
		t.Setenv("GOARCH", arch)
		rig.BuildClient(t, filepath.Join(dir, "client"))
		t.Setenv("GOARCH", runtime.GOARCH)
	})
	dockerfile := func(url string) string {
		dir := t.TempDir()
		rig.Write(t, filepath.Join(dir, "Dockerfile"), "FROM "+s.registry.Host+"/client:1\nRUN [\"/client\", \""+url+"\"]\n")
		return dir
	}
	tls := dockerfile(s.url)
	if out, err := s.kit.Build(t, tls, "--opt", both); err == nil || !strings.Contains(out, "certificate") {
		t.Errorf("a plain build is not refused: %v\n%s", err, out)
	}
	if out, err := s.kit.Build(t, tls, s.frontend("--opt", both)...); err != nil {
		t.Errorf("a build with the frontend: %v\n%s", err, out)
	}
	clear := dockerfile("http://" + s.registry.Host + "/v2/")
	plain := s.digest(t, clear, "--opt", both)
	for _, mode := range []string{"env", "in-root"} {
		if got := s.digest(t, clear, s.frontend("--opt", both, "--opt", "build-arg:CERTGRAFT_MODE="+mode)...); got != plain {
			t.Errorf("%s: the digest is %s, and plain's is %s", mode, got, plain)
		}
	}
}

// pushPlatforms puts an index of images into the registry. The files of each are in
// a directory that is called like its architecture.
func (s setup) pushPlatforms(t *testing.T, ref, dockerfile, platforms string, fill func(arch, dir string)) {
	t.Helper()
	dir := t.TempDir()
	rig.Write(t, filepath.Join(dir, "Dockerfile"), dockerfile)
	for _, arch := range []string{"amd64", "arm64"} {
		if err := os.Mkdir(filepath.Join(dir, arch), 0o755); err != nil {
			t.Fatal(err)
		}
		fill(arch, filepath.Join(dir, arch))
	}
	out, err := s.kit.Build(t, dir, "--opt", platforms, "--output", "type=image,push=true,compression=uncompressed,name="+s.registry.Host+"/"+ref)
	if err != nil {
		t.Fatalf("push %s: %v\n%s", ref, err, out)
	}
}
