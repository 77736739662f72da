//go:build e2e

package frontend

import (
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"github.com/certgraft/certgraft/e2e/rig"
)

// frontendImage pushes a frontend with a program and a further file.
func (s setup) frontendImage(t *testing.T, name, certgraft, more string) (ref string) {
	t.Helper()
	text := rig.Read(t, rig.File("frontend/Dockerfile")) + "COPY more /more\n"
	s.push(t, name, rig.Write(t, filepath.Join(t.TempDir(), "Dockerfile"), text),
		"build/certgraft", certgraft, "build/certgraft-frontend", rig.File("build/certgraft-frontend"), "more", rig.Write(t, filepath.Join(t.TempDir(), "more"), more))
	return s.registry.Host + "/" + name
}

// cache holds docs/one-step.md against the engine: for each thing that changes
// between two builds, whether the second runs the step again.
func (s setup) cache(t *testing.T) {
	longer := rig.Write(t, filepath.Join(t.TempDir(), "certgraft"), rig.Read(t, rig.Certgraft)+"\n")
	rig.Run(t, "chmod", "755", longer)
	other := rig.NewAuthority(t, "Example Other Proxy").CAFile
	company := func(name, ca string) string {
		own := rig.Write(t, filepath.Join(t.TempDir(), "Dockerfile"), "FROM "+s.registry.Host+"/certgraft-frontend:1\nCOPY corp.pem /ca/\n")
		s.push(t, name, own, "corp.pem", ca)
		return s.registry.Host + "/" + name
	}
	syntax := func(ref string) []string { return []string{"--opt", "build-arg:BUILDKIT_SYNTAX=" + ref} }
	secret := func(file string) []string { return []string{"--secret", "id=certgraft,src=" + file} }
	was := s.frontend()
	for i, c := range []struct {
		what       string
		first, now []string
		cached     bool
	}{
		{"nothing", was, was, true},
		{"the secret's CA", was, append(was[:2:2], secret(other)...), true},
		{"the secret is absent", was, was[:2], true},
		{"the frontend, with the same certgraft", was, append(syntax(s.frontendImage(t, "relabelled:1", rig.Certgraft, "x")), was[2:]...), true},
		{"certgraft's release", was, append(syntax(s.frontendImage(t, "released:2", longer, "")), was[2:]...), false},
		{"the frontend is left out", was, nil, false},
		{"the mode", was, append(was[:4:4], "--opt", "build-arg:CERTGRAFT_MODE=env"), false},
		{"the CA of a company's own image", syntax(company("company:2", s.ca)), syntax(company("company:3", other)), false},
	} {
		t.Run(c.what, func(t *testing.T) {
			dir := s.dockerfile(t, fmt.Sprintf("RUN echo cache %d > /cache", i))
			if out, err := s.kit.Build(t, dir, c.first...); err != nil || cached(out) {
				t.Fatalf("the first build: %v\n%s", err, out)
			}
			if out, err := s.kit.Build(t, dir, c.now...); err != nil || cached(out) != c.cached {
				t.Errorf("want the step cached %t: %v\n%s", c.cached, err, out)
			}
		})
	}
}

// cached reports whether a build has found its one step in the cache.
func cached(out string) bool {
	_, step, _ := strings.Cut(out, "RUN echo cache")
	return strings.Contains(step, "CACHED")
}
