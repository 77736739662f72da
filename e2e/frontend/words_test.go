//go:build e2e

package frontend

import (
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/certgraft/certgraft/e2e/rig"
)

// sameWords: what BuildKit has to say of a Dockerfile it says with the frontend too,
// with the line.
func (s setup) sameWords(t *testing.T) {
	for name, c := range map[string]struct{ lines, want string }{
		"instruction": {"RUNN x", "unknown instruction: RUNN"},
		"flag":        {"RUN --mounted=x true", "unknown flag: --mounted"},
		"file":        {"RUN true\nCOPY absent /", "\"/absent\": not found"},
		"failure":     {"RUN echo one\nRUN exit 7", "Dockerfile:3"},
	} {
		t.Run(name, func(t *testing.T) {
			dir := s.dockerfile(t, c.lines)
			plain, _ := s.kit.Build(t, dir)
			with, _ := s.kit.Build(t, dir, s.frontend()...)
			if want, got := words(plain), words(with); !strings.Contains(want, c.want) || got != want {
				t.Errorf("got\n%s\nplain\n%s", got, want)
			}
		})
	}
}

// words are the lines of a build's output that speak of the Dockerfile, without
// times, names in the engine and the arguments before a step's own.
func words(out string) string {
	var kept []string
	for line := range strings.Lines(out) {
		if !regexp.MustCompile(`^(#\d+ |Dockerfile:|error: | *\d+ \| )`).MatchString(line) || strings.HasPrefix(line, "#") && !strings.Contains(line, "ERROR") {
			continue
		}
		line = regexp.MustCompile(`^#\d+ `).ReplaceAllString(line, "")
		line = regexp.MustCompile(`[0-9a-z]{25}(::[0-9a-z]+)?|sha256:[0-9a-f]{64}`).ReplaceAllString(line, "ID")
		kept = append(kept, regexp.MustCompile(`(/dev)?/\.certgraft/certgraft run .* -- `).ReplaceAllString(line, ""))
	}
	return strings.Join(kept, "")
}

// warnings: the lines that buildx shows at the end of a build are those of a plain one,
// and one more for steps that are left as they are.
func (s setup) warnings(t *testing.T) {
	x, dir := s.kit.Buildx(t), t.TempDir()
	rig.Write(t, filepath.Join(dir, "Dockerfile"), "FROM scratch AS first\nCOPY Dockerfile /\n\nFROM scratch as last\nARG WINDOWS\nRUN cmd /c ver\n")
	for _, platform := range []string{"linux/amd64", "windows/amd64"} {
		args := []string{"build", "--platform", platform}
		plain, _ := x.Try(t, append(args, dir)...) // nothing runs cmd here
		with, _ := x.Try(t, append(args, "--build-arg", "BUILDKIT_SYNTAX="+s.registry.Host+"/certgraft-frontend:1", "--secret", "id=certgraft,src="+s.ca, dir)...)
		want := listed(plain)
		if platform == "windows/amd64" {
			want += "certgraft leaves 1 RUN steps for Windows as they are: it has no stores there\n"
		}
		if got := listed(with); got != want || !strings.Contains(want, "(line 4)") {
			t.Errorf("%s: got\n%s\nwant\n%s\nall\n%s", platform, got, want, with)
		}
	}
}

// listed are the warnings at the end of a build by buildx.
func listed(out string) string {
	_, out, _ = strings.Cut(out, "found (use docker --debug to expand):")
	var list strings.Builder
	for _, m := range regexp.MustCompile(`(?m)^(?:\x1b\[0m)? - (.*\n)`).FindAllStringSubmatch(out, -1) {
		list.WriteString(m[1])
	}
	return list.String()
}

// requests: a check, an outline and a list of targets by buildx are those of a plain
// build.
func (s setup) requests(t *testing.T) {
	x := s.kit.Buildx(t)
	dir := t.TempDir()
	rig.Write(t, filepath.Join(dir, "Dockerfile"), "FROM "+s.registry.Host+"/base:1 AS first\nARG WORD=one\nRUN echo $WORD $UNKNOWN\n\nFROM scratch as last\nCOPY --from=first /etc/os-release /\n")
	for request, want := range map[string][]string{"check": {"Dockerfile:5", "FromAsCasing"}, "outline": {"TARGET"}, "targets": {"first", "last"}} {
		args := []string{"build", "--progress", "quiet", "--call", request}
		plain, plainErr := x.Try(t, append(args, dir)...)
		for _, word := range want {
			if !strings.Contains(plain, word) {
				t.Errorf("%s of a plain build: %v\n%s", request, plainErr, plain)
			}
		}
		args = append(args, "--build-arg", "BUILDKIT_SYNTAX="+s.registry.Host+"/certgraft-frontend:1", "--secret", "id=certgraft,src="+s.ca)
		if got, err := x.Try(t, append(args, dir)...); got != plain || (err == nil) != (plainErr == nil) {
			t.Errorf("%s: %v, plain %v\ngot\n%s\nplain\n%s", request, err, plainErr, got, plain)
		}
	}
}
