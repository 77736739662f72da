//go:build e2e

package e2e

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

// bases are the images that stand in for those of the hubs.
type bases struct {
	certgraft, debian, alpine, distroless string // references
	dir                                   string // archives of the same names, for buildah
}

// makeBases makes the archives of the base images.
func makeBases(t *testing.T) bases {
	t.Helper()
	dir := t.TempDir()
	b := bases{"certgraft:e2e", "debian:e2e", "alpine:e2e", "distroless:e2e", dir}
	clients := tarball(t, "bookworm", "clients", clientPackages...)
	run(t, "ln", "-s", clients, filepath.Join(dir, "debian.tar"))
	tool := t.TempDir()
	run(t, "cp", certgraft, filepath.Join(tool, "certgraft"))
	run(t, "tar", "-C", tool, "-cf", filepath.Join(dir, "certgraft.tar"), ".")
	run(t, "tar", "-C", distroless(t), "-cf", filepath.Join(dir, "distroless.tar"), ".")
	run(t, "tar", "-C", alpine(t), "-cf", filepath.Join(dir, "alpine.tar"), ".")
	return b
}

// distroless returns a root like those of distroless: Debian's bundle, no
// shell, no package manager.
func distroless(t *testing.T) string {
	t.Helper()
	full, root := debian(t, "bookworm"), t.TempDir()
	write(t, filepath.Join(root, "etc/os-release"), "PRETTY_NAME=\"Distroless\"\nID=debian\nVERSION_ID=\"12\"\n")
	write(t, filepath.Join(root, "etc/ssl/certs/ca-certificates.crt"), read(t, filepath.Join(full, "etc/ssl/certs/ca-certificates.crt")))
	write(t, filepath.Join(root, "etc/passwd"), "nonroot:x:65532:65532::/home/nonroot:/sbin/nologin\n")
	buildClient(t, filepath.Join(root, "client"))
	return root
}

func buildClient(t *testing.T, name string) {
	t.Helper()
	run(t, "env", "CGO_ENABLED=0", "go", "build", "-trimpath", "-o", name, "./testdata/client")
}

// alpine returns a root in Alpine's layout with BusyBox as its shell.
func alpine(t *testing.T) string {
	t.Helper()
	full, root := debian(t, "bookworm"), t.TempDir()
	write(t, filepath.Join(root, "etc/os-release"), "NAME=\"Alpine Linux\"\nID=alpine\nVERSION_ID=3.20.3\n")
	write(t, filepath.Join(root, "etc/ssl/certs/ca-certificates.crt"), read(t, filepath.Join(full, "etc/ssl/certs/ca-certificates.crt")))
	run(t, "ln", "-s", "certs/ca-certificates.crt", filepath.Join(root, "etc/ssl/cert.pem"))
	run(t, "mkdir", "-p", filepath.Join(root, "bin"), filepath.Join(root, "tmp"))
	run(t, "cp", "/bin/busybox", filepath.Join(root, "bin/busybox"))
	run(t, "ln", "-s", "busybox", filepath.Join(root, "bin/sh"))
	buildClient(t, filepath.Join(root, "client"))
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
	text := run(t, "sh", "-c", certgraft+" bundle --offline --json --output /dev/null aws-rds 2>/dev/null")
	if err := json.Unmarshal([]byte(text), &out); err != nil || len(out.Sources) != 1 {
		t.Fatalf("bundle --json: %v\n%s", err, text)
	}
	return out.Sources[0].Set
}

// targets are the stages of Dockerfile.example that a user would copy, and
// where each image's bundle is.
var targets = []string{"debian", "alpine", "distroless", "corporate", "pinned", "nonroot"}

// buildArgs returns the arguments of a build of one stage.
func (b bases) buildArgs(t *testing.T, target, tag, secret string) []string {
	t.Helper()
	context := t.TempDir()
	return []string{
		"--target", target, "--secret", "id=corp-ca,src=" + secret,
		"--build-arg", "CERTGRAFT=" + b.certgraft, "--build-arg", "DEBIAN=" + b.debian, "--build-arg", "ALPINE=" + b.alpine,
		"--build-arg", "DISTROLESS=" + b.distroless, "--build-arg", "PIN=" + snapshotPin(t),
		"-t", tag, "-f", "../Dockerfile.example", context,
	}
}

// Every pattern of Dockerfile.example builds with BuildKit, adds one layer, and
// in it only the files of the stores and the record.
func TestDockerfileExampleBuildKit(t *testing.T) {
	b := makeBases(t)
	for _, name := range []string{"certgraft", "debian", "alpine", "distroless"} {
		importImage(t, filepath.Join(b.dir, name+".tar"), name+":e2e")
	}
	corp := newAuthority(t, "Corp Root")
	for _, target := range targets {
		t.Run(target, func(t *testing.T) {
			tag := "example-" + target
			docker(t, append([]string{"build", "--network=none"}, b.buildArgs(t, target, tag, corp.caFile)...)...)
			base := b.debian
			if target == "alpine" || target == "distroless" {
				base = target + ":e2e"
			}
			checkLayers(t, base, tag)
		})
	}
	t.Run("clients", func(t *testing.T) { clients(t, b.debian, "example-corporate", corp) })
	t.Run("nonroot runs as such", func(t *testing.T) {
		if out := docker(t, "run", "--rm", "--network", "none", "example-nonroot", "id", "-u"); strings.TrimSpace(out) != "65532" {
			t.Errorf("user %s", out)
		}
	})
}

// checkLayers compares the layers of an image with those of its base.
func checkLayers(t *testing.T, base, image string) {
	t.Helper()
	was, is := layers(t, base), layers(t, image)
	if len(is) != len(was)+1 || !slices.Equal(is[:len(was)], was) {
		t.Fatalf("layers of %s: %q\nof its base: %q", image, is, was)
	}
	archive := filepath.Join(t.TempDir(), "image.tar")
	docker(t, "save", "-o", archive, image)
	manifest := run(t, "tar", "-xOf", archive, "manifest.json")
	var saved []struct{ Layers []string }
	if err := json.Unmarshal([]byte(manifest), &saved); err != nil {
		t.Fatal(err)
	}
	last := saved[0].Layers[len(saved[0].Layers)-1]
	names := run(t, "sh", "-c", fmt.Sprintf("tar -xOf %s %s | tar -t", archive, last))
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

func layers(t *testing.T, image string) []string {
	t.Helper()
	var ids []string
	text := docker(t, "image", "inspect", "--format", "{{json .RootFS.Layers}}", image)
	if err := json.Unmarshal([]byte(text), &ids); err != nil {
		t.Fatal(err)
	}
	return ids
}

// clients runs real programs in both images against servers whose CA only the
// second trusts.
func clients(t *testing.T, before, after string, corp authority) {
	port, db := tlsServer(t, corp), postgres(t, corp)
	url := fmt.Sprintf("https://localhost:%d/", port)
	erlang := fmt.Sprintf(`{ok,_} = application:ensure_all_started(ssl), case ssl:connect("localhost", %d, [{verify,verify_peer},{cacerts,public_key:cacerts_get()}], 5000) of {ok,_} -> halt(0); E -> io:format("~p~n",[E]), halt(1) end.`, port)
	for _, client := range []struct {
		name string
		args []string
	}{
		{"openssl", []string{"sh", "-c", fmt.Sprintf("openssl s_client -connect localhost:%d -servername localhost -verify_return_error </dev/null", port)}},
		{"openssl by hash link", []string{"sh", "-c", fmt.Sprintf("openssl s_client -connect localhost:%d -no-CAfile -CApath /etc/ssl/certs -verify_return_error </dev/null", port)}},
		{"curl", []string{"curl", "-sS", url}},
		{"wget (GnuTLS)", []string{"wget", "-qO-", url}},
		{"python3", []string{"python3", "-c", "import urllib.request; print(urllib.request.urlopen('" + url + "').status)"}},
		{"psql", []string{"psql", fmt.Sprintf("host=localhost port=%d user=postgres dbname=postgres sslmode=verify-full sslrootcert=/etc/ssl/certs/ca-certificates.crt", db), "-c", "select 1"}},
		{"erlang cacerts_get", []string{"erl", "-noshell", "-eval", erlang}},
	} {
		t.Run(client.name, func(t *testing.T) {
			command := func(image string) []string {
				return dockerCommand(t, append([]string{"run", "--rm", "--network", "host", "-e", "HOME=/tmp", image}, client.args...)...)
			}
			if out, err := try(t, "env", command(before)...); err == nil {
				t.Errorf("accepted before: %s", out)
			}
			if out, err := try(t, "env", command(after)...); err != nil {
				t.Errorf("refused after: %v\n%s", err, out)
			}
		})
	}
}

// A static Go program in images without a shell trusts a server once the files
// that a stage wrote are laid over them.
func TestImagesWithoutShell(t *testing.T) {
	b := makeBases(t)
	for _, name := range []string{"certgraft", "debian", "distroless"} {
		importImage(t, filepath.Join(b.dir, name+".tar"), name+":e2e")
	}
	corp := newAuthority(t, "Corp Root")
	url := fmt.Sprintf("https://localhost:%d/", tlsServer(t, corp))
	for name, base := range map[string]string{"distroless": "distroless:e2e", "scratch": "scratch"} {
		t.Run(name, func(t *testing.T) {
			context := t.TempDir()
			run(t, "cp", corp.caFile, filepath.Join(context, "corp.pem"))
			buildClient(t, filepath.Join(context, "client"))
			write(t, filepath.Join(context, "Dockerfile"), strings.Join([]string{
				"FROM " + base + " AS base",
				"COPY client /client",
				"FROM certgraft:e2e AS certgraft",
				"FROM debian:e2e AS certs",
				"COPY corp.pem /corp.pem",
				"RUN --mount=type=bind,from=certgraft,source=/certgraft,target=/certgraft --mount=type=bind,from=base,source=/,target=/base " +
					`["/certgraft", "install", "--root", "/base", "--output", "/out", "/corp.pem"]`,
				"FROM base AS final",
				"COPY --from=certs /out/ /",
			}, "\n"))
			for _, target := range []string{"base", "final"} {
				docker(t, "build", "--network=none", "--target", target, "-t", name+"-"+target, context)
			}
			fails(t, 1, "env", dockerCommand(t, "run", "--rm", "--network", "host", name+"-base", "/client", url)...)
			if out := docker(t, "run", "--rm", "--network", "host", name+"-final", "/client", url); !strings.Contains(out, "200 OK") {
				t.Error(out)
			}
			if was, is := layers(t, name+"-base"), layers(t, name+"-final"); len(is) != len(was)+1 {
				t.Errorf("%d layers became %d", len(was), len(is))
			}
		})
	}
}

// Every pattern builds with buildah too.
func TestDockerfileExampleBuildah(t *testing.T) {
	b := makeBases(t)
	storage := t.TempDir()
	t.Cleanup(func() { _, _ = try(t, "sh", "-c", "umount -R "+storage+"/root/overlay 2>/dev/null; true") })
	buildah := func(t *testing.T, args ...string) string {
		t.Helper()
		return run(t, "buildah", append([]string{"--root", filepath.Join(storage, "root"), "--runroot", filepath.Join(storage, "run"), "--storage-driver", "overlay"}, args...)...)
	}
	for _, name := range []string{"certgraft", "debian", "alpine", "distroless"} {
		dir := t.TempDir()
		write(t, filepath.Join(dir, "Dockerfile"), "FROM scratch\nADD root.tar /\n")
		run(t, "cp", "-L", filepath.Join(b.dir, name+".tar"), filepath.Join(dir, "root.tar"))
		buildah(t, "bud", "--isolation", "chroot", "-t", "localhost/"+name+":e2e", dir)
	}
	b.certgraft, b.debian, b.alpine, b.distroless = "localhost/certgraft:e2e", "localhost/debian:e2e", "localhost/alpine:e2e", "localhost/distroless:e2e"
	corp := newAuthority(t, "Corp Root")
	for _, target := range targets {
		t.Run(target, func(t *testing.T) { // buildah's chroot isolation shares the machine's network
			tag := "localhost/example-" + target
			buildah(t, append([]string{"bud", "--isolation", "chroot"}, b.buildArgs(t, target, tag, corp.caFile)...)...)
			container := strings.TrimSpace(buildah(t, "from", tag))
			mounted := strings.TrimSpace(buildah(t, "mount", container))
			defer buildah(t, "rm", container)
			if _, err := os.Stat(filepath.Join(mounted, "usr/local/share/certgraft/installed.json")); err != nil {
				t.Error(err)
			}
			if target == "corporate" {
				run(t, "openssl", "verify", "-no-CApath", "-no-CAstore", "-CAfile", filepath.Join(mounted, "etc/ssl/certs/ca-certificates.crt"), corp.certFile)
			}
		})
	}
}
