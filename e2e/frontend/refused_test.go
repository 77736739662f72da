//go:build e2e

package frontend

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/certgraft/certgraft/e2e/rig"
	"github.com/certgraft/certgraft/internal/roottest"
)

// badInput: a build fails, and its output says why, unless the CA is absent or empty.
func (s setup) badInput(t *testing.T) {
	ca := roottest.NewCA(t, "Example Inspecting Proxy")
	for name, c := range map[string]struct{ secret, want string }{
		"no certificate": {"no certificate\n", "--secret id=certgraft,src=FILE"},
		"private key":    {ca.PEM() + ca.KeyPEM(t), "it holds a private key"},
		"too large":      {strings.Repeat(ca.PEM(), 1+500*1024/len(ca.PEM())), "secret certgraft too big. max size 500KiB"}, // BuildKit's client
		"empty":          {"", ""},
	} {
		t.Run(name, func(t *testing.T) {
			s := s
			s.ca = rig.Write(t, filepath.Join(t.TempDir(), "ca.pem"), c.secret)
			out, err := s.kit.Build(t, s.dockerfile(t, "RUN echo the secret is "+name), s.frontend()...)
			if (err == nil) != (c.want == "") || !strings.Contains(out, c.want) {
				t.Errorf("%v\n%s", err, out)
			}
		})
	}
	t.Run("absent", func(t *testing.T) {
		out, err := s.kit.Build(t, s.dockerfile(t, "RUN curl -sS URL # without the secret"), s.frontend()[:2]...)
		if err == nil || !strings.Contains(out, "certificate") || !strings.Contains(out, "note: this step ran without a CA: the build has no secret with the id certgraft") {
			t.Errorf("a build without the secret is not the plain one: %v\n%s", err, out)
		}
	})
	t.Run("no program", func(t *testing.T) {
		s.push(t, "programless:1", rig.Write(t, filepath.Join(t.TempDir(), "Dockerfile"), "FROM scratch\nCOPY build/certgraft-frontend /certgraft-frontend\nENTRYPOINT [\"/certgraft-frontend\"]\n"), "build/certgraft-frontend", rig.File("build/certgraft-frontend"))
		args := s.frontend()
		args[1] = "build-arg:BUILDKIT_SYNTAX=" + s.registry.Host + "/programless:1"
		out, err := s.kit.Build(t, s.dockerfile(t, "RUN echo without a program"), args...)
		if err == nil || !strings.Contains(out, "certgraft: the frontend's own image has no /certgraft, build it by frontend/Dockerfile") {
			t.Errorf("%v\n%s", err, out)
		}
	})
	t.Run("windows", s.windows)
}

// windows: the steps of an image for Windows are left as they are. Nothing runs them
// here.
func (s setup) windows(t *testing.T) {
	dir := t.TempDir()
	rig.Write(t, filepath.Join(dir, "Dockerfile"), "FROM scratch\nRUN cmd /c ver\n")
	platform := []string{"--opt", "platform=windows/amd64"}
	plain, err := s.kit.Build(t, dir, platform...)
	if err == nil {
		t.Fatalf("a step for Windows runs:\n%s", plain)
	}
	with, err := s.kit.Build(t, dir, s.frontend(platform...)...)
	if err == nil || words(with) != words(plain) {
		t.Errorf("%v\ngot\n%s\nplain\n%s", err, words(with), words(plain))
	}
}
