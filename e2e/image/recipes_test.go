//go:build e2e

package image

import (
	"fmt"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/certgraft/certgraft/e2e/rig"
)

// Every Dockerfile of docs/recipes.md builds, as the page has it, on images of
// those names, and trusts what it is to trust.
func TestRecipeDockerfiles(t *testing.T) {
	importRecipeBases(t)
	corp := rig.NewAuthority(t, "Corp Root")
	files := dockerfiles(rig.Read(t, rig.File("docs/recipes.md")))
	if len(files) < 6 {
		t.Fatalf("only %d Dockerfiles are found", len(files))
	}
	for i, text := range files {
		t.Run(fmt.Sprint(i), func(t *testing.T) {
			context, tag := t.TempDir(), fmt.Sprint("recipe:", i)
			file := rig.Write(t, filepath.Join(context, "Dockerfile"), text)
			rig.Write(t, filepath.Join(context, "corp.pem"), rig.Read(t, corp.CAFile))
			rig.Docker(t, "build", "--network=none", "--secret", "id=corp-ca,src="+corp.CAFile, "-t", tag, "-f", file, context)
			trustsAsSaid(t, tag, text)
			if !strings.Contains(text, "--mount") {
				buildClassic(t, "-t", tag+"-classic", "-f", file, context)
				trustsAsSaid(t, tag+"-classic", text)
			}
		})
	}
}

// trustsAsSaid looks for the record in an image that a Dockerfile installs into.
func trustsAsSaid(t *testing.T, tag, dockerfile string) {
	t.Helper()
	want := strings.Contains(dockerfile, `"install"`)
	if has := strings.Contains(saved(t, tag), "usr/local/share/certgraft/installed.json"); has != want {
		t.Errorf("%s: something was installed: %v, want %v\n%s", tag, has, want, dockerfile)
	}
}

// buildClassic builds with the classic builder, which has no mounts.
func buildClassic(t *testing.T, args ...string) {
	t.Helper()
	command := rig.DockerCommand(t, append([]string{"build", "--network=none"}, args...)...)
	at := slices.Index(command, "DOCKER_BUILDKIT=1")
	if at < 0 {
		t.Fatalf("BuildKit is not switched on by %q", command)
	}
	command[at] = "DOCKER_BUILDKIT=0"
	rig.Run(t, "env", command...)
}

// importRecipeBases makes images of the names that the recipes build on. They
// are a Debian, but for that of certgraft; one has a program npm, which asks
// whether it is told of a bundle.
func importRecipeBases(t *testing.T) {
	t.Helper()
	dir := t.TempDir()
	tool := t.TempDir()
	rig.Run(t, "cp", rig.Certgraft, filepath.Join(tool, "certgraft"))
	rig.Run(t, "tar", "-C", tool, "-cf", filepath.Join(dir, "certgraft.tar"), ".")
	rig.ImportImage(t, filepath.Join(dir, "certgraft.tar"), "ghcr.io/certgraft/certgraft:v0.1.0")

	root := rig.Unpack(t, rig.Tarball(t, "trixie", "", "ca-certificates"))
	npm := filepath.Join(root, "usr/bin/npm")
	rig.Write(t, npm, "#!/bin/sh\ntest \"$1\" = ci && grep -q CERTIFICATE \"$NODE_EXTRA_CA_CERTS\"\n")
	rig.Run(t, "chmod", "755", npm)
	rig.Run(t, "tar", "-C", root, "--exclude=./dev/*", "-cf", filepath.Join(dir, "debian.tar"), ".")
	rig.ImportImage(t, filepath.Join(dir, "debian.tar"), "debian:13-slim")
	for _, name := range []string{"node:24-slim", "alpine:3.22", "gcr.io/distroless/base-debian12:nonroot"} {
		rig.Docker(t, "tag", "debian:13-slim", name)
	}
}

// dockerfiles returns the blocks of a page that are whole Dockerfiles.
func dockerfiles(page string) (files []string) {
	for _, block := range regexp.MustCompile("(?ms)^```dockerfile\n(FROM .*?)^```").FindAllStringSubmatch(page, -1) {
		files = append(files, block[1])
	}
	return files
}

// saved lists the names in the layers of an image.
func saved(t *testing.T, tag string) string {
	t.Helper()
	archive := filepath.Join(t.TempDir(), "image.tar")
	rig.Docker(t, "save", "-o", archive, tag)
	return rig.Run(t, "sh", "-c", `cd "$(mktemp -d)" && tar -xf "$1" && find . -name layer.tar -o -name '*.tar' | while read -r l; do tar -tf "$l"; done; rm -rf "$PWD"`, "sh", archive)
}
