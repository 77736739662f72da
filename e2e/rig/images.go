//go:build e2e

package rig

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// clientPackages are the programs that must trust a server afterwards.
var clientPackages = []string{"ca-certificates", "openssl", "curl", "wget", "python3-minimal", "libpython3-stdlib", "postgresql-client", "erlang-base", "erlang-ssl", "erlang-public-key", "erlang-asn1"}

// Bases are the images that stand in for those of the hubs.
type Bases struct {
	Certgraft, Debian, Alpine, Distroless string // references
	Dir                                   string // archives of the same names, for buildah
}

// MakeBases makes the archives of the base images.
func MakeBases(t *testing.T) Bases {
	t.Helper()
	dir := t.TempDir()
	b := Bases{"certgraft:e2e", "debian:e2e", "alpine:e2e", "distroless:e2e", dir}
	clients := Tarball(t, "bookworm", "clients", clientPackages...)
	Run(t, "ln", "-s", clients, filepath.Join(dir, "debian.tar"))
	tool := t.TempDir()
	Run(t, "cp", Certgraft, filepath.Join(tool, "certgraft"))
	Run(t, "tar", "-C", tool, "-cf", filepath.Join(dir, "certgraft.tar"), ".")
	Run(t, "tar", "-C", Distroless(t), "-cf", filepath.Join(dir, "distroless.tar"), ".")
	Run(t, "tar", "-C", Alpine(t), "-cf", filepath.Join(dir, "alpine.tar"), ".")
	return b
}

// Distroless returns a root like those of distroless: Debian's bundle, no
// shell, no package manager.
func Distroless(t *testing.T) string {
	t.Helper()
	full, root := Debian(t, "bookworm"), t.TempDir()
	Write(t, filepath.Join(root, "etc/os-release"), "PRETTY_NAME=\"Distroless\"\nID=debian\nVERSION_ID=\"12\"\n")
	Write(t, filepath.Join(root, "etc/ssl/certs/ca-certificates.crt"), Read(t, filepath.Join(full, "etc/ssl/certs/ca-certificates.crt")))
	Write(t, filepath.Join(root, "etc/passwd"), "nonroot:x:65532:65532::/home/nonroot:/sbin/nologin\n")
	BuildClient(t, filepath.Join(root, "client"))
	return root
}

// BuildClient builds a static program that asks a server for a page.
func BuildClient(t *testing.T, name string) {
	t.Helper()
	Run(t, "env", "CGO_ENABLED=0", "go", "build", "-trimpath", "-o", name, File("e2e/rig/testdata/client"))
}

// Alpine returns a root in Alpine's layout with BusyBox as its shell.
func Alpine(t *testing.T) string {
	t.Helper()
	full, root := Debian(t, "bookworm"), t.TempDir()
	Write(t, filepath.Join(root, "etc/os-release"), "NAME=\"Alpine Linux\"\nID=alpine\nVERSION_ID=3.20.3\n")
	Write(t, filepath.Join(root, "etc/ssl/certs/ca-certificates.crt"), Read(t, filepath.Join(full, "etc/ssl/certs/ca-certificates.crt")))
	Run(t, "ln", "-s", "certs/ca-certificates.crt", filepath.Join(root, "etc/ssl/cert.pem"))
	Run(t, "mkdir", "-p", filepath.Join(root, "bin"), filepath.Join(root, "tmp"))
	Run(t, "cp", "/bin/busybox", filepath.Join(root, "bin/busybox"))
	Run(t, "ln", "-s", "busybox", filepath.Join(root, "bin/sh"))
	BuildClient(t, filepath.Join(root, "client"))
	return root
}

// snapshotPin returns the set digest of the RDS certificates in the binary: the
// builds here have no network.
func snapshotPin(t *testing.T) string {
	t.Helper()
	var out struct {
		Sources []struct {
			Set string `json:"set"`
		} `json:"sources"`
	}
	text := Run(t, "sh", "-c", Certgraft+" bundle --offline --json --output /dev/null aws-rds 2>/dev/null")
	if err := json.Unmarshal([]byte(text), &out); err != nil || len(out.Sources) != 1 {
		t.Fatalf("bundle --json: %v\n%s", err, text)
	}
	return out.Sources[0].Set
}

// BuildArgs returns the arguments of a build of one stage.
func (b Bases) BuildArgs(t *testing.T, target, tag, secret string) []string {
	t.Helper()
	context := t.TempDir()
	return []string{
		"--target", target, "--secret", "id=corp-ca,src=" + secret,
		"--build-arg", "CERTGRAFT=" + b.Certgraft, "--build-arg", "DEBIAN=" + b.Debian, "--build-arg", "ALPINE=" + b.Alpine,
		"--build-arg", "DISTROLESS=" + b.Distroless, "--build-arg", "PIN=" + snapshotPin(t),
		"-t", tag, "-f", File("Dockerfile.example"), context,
	}
}

// CheckLayers compares the layers of an image with those of its base.
func CheckLayers(t *testing.T, base, image string) {
	t.Helper()
	was, is := Layers(t, base), Layers(t, image)
	if len(is) != len(was)+1 || !slices.Equal(is[:len(was)], was) {
		t.Fatalf("layers of %s: %q\nof its base: %q", image, is, was)
	}
	archive := filepath.Join(t.TempDir(), "image.tar")
	Docker(t, "save", "-o", archive, image)
	manifest := Run(t, "tar", "-xOf", archive, "manifest.json")
	var saved []struct{ Layers []string }
	if err := json.Unmarshal([]byte(manifest), &saved); err != nil {
		t.Fatal(err)
	}
	last := saved[0].Layers[len(saved[0].Layers)-1]
	names := Run(t, "sh", "-c", fmt.Sprintf("tar -xOf %s %s | tar -t", archive, last))
	installed := 0
	for name := range strings.Lines(names) {
		name = "/" + strings.TrimSpace(name)
		switch {
		case strings.HasSuffix(name, "/"): // a directory on the way
		case name == "/usr/local/share/certgraft/installed.json":
			installed++
		case strings.HasPrefix(name, "/usr/local/share/ca-certificates/certgraft-"):
		case strings.HasPrefix(name, "/etc/ssl/certs/"):
		default:
			t.Errorf("the layer of %s has %s", image, name)
		}
	}
	if installed != 1 {
		t.Errorf("the layer of %s has no record:\n%s", image, names)
	}
}

// Layers returns the digests of the layers of an image in the engine.
func Layers(t *testing.T, image string) []string {
	t.Helper()
	var ids []string
	text := Docker(t, "image", "inspect", "--format", "{{json .RootFS.Layers}}", image)
	if err := json.Unmarshal([]byte(text), &ids); err != nil {
		t.Fatal(err)
	}
	return ids
}

// NPMPackage unpacks a package of the npm registry.
func NPMPackage(t *testing.T, name, dir string) {
	t.Helper()
	archive := filepath.Join(CacheDir(t), "npm-"+strings.NewReplacer("/", "-", "@", "").Replace(name)+".tgz")
	if _, err := os.Stat(archive); err != nil {
		tmp := t.TempDir()
		Run(t, "npm", "pack", "--silent", "--cafile", "/etc/ssl/certs/ca-certificates.crt", "--pack-destination", tmp, name)
		Run(t, "sh", "-c", `mv "$1"/*.tgz "$2"`, "sh", tmp, archive)
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	Run(t, "tar", "-C", dir, "--strip-components=1", "--no-same-owner", "-xzf", archive)
}
