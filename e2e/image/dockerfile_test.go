//go:build e2e

package image

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/certgraft/certgraft/e2e/rig"
)

// targets are the stages of Dockerfile.example that a user would copy, and
// where each image's bundle is.
var targets = []string{"debian", "alpine", "distroless", "corporate", "pinned", "nonroot"}

// Every pattern of Dockerfile.example builds with BuildKit, adds one layer, and
// in it only the files of the stores and the record.
func TestDockerfileExampleBuildKit(t *testing.T) {
	b := rig.MakeBases(t)
	for _, name := range []string{"certgraft", "debian", "alpine", "distroless"} {
		rig.ImportImage(t, filepath.Join(b.Dir, name+".tar"), name+":e2e")
	}
	corp := rig.NewAuthority(t, "Corp Root")
	for _, target := range targets {
		t.Run(target, func(t *testing.T) {
			tag := "example-" + target
			rig.Docker(t, append([]string{"build", "--network=none"}, b.BuildArgs(t, target, tag, corp.CAFile)...)...)
			base := b.Debian
			if target == "alpine" || target == "distroless" {
				base = target + ":e2e"
			}
			rig.CheckLayers(t, base, tag)
		})
	}
	t.Run("clients", func(t *testing.T) { clients(t, b.Debian, "example-corporate", corp) })
	t.Run("one-step", func(t *testing.T) {
		rig.Docker(t, append([]string{"build", "--network=none"}, b.BuildArgs(t, "one-step", "example-one-step", corp.CAFile)...)...)
		const look = `ls /usr/local/share/ca-certificates; ls -d /usr/local/share/certgraft; grep "$1" /etc/ssl/certs/ca-certificates.crt; true`
		line := strings.Split(rig.Read(t, corp.CAFile), "\n")[2]
		if out := rig.Docker(t, "run", "--rm", "--network", "none", "example-one-step", "sh", "-c", look, "sh", line); strings.Contains(strings.ReplaceAll(out, "cannot access '/usr/local/share/certgraft'", ""), "certgraft") || strings.Contains(out, line) {
			t.Errorf("the image has what was for the step alone: %s", out)
		}
	})
	t.Run("nonroot runs as such", func(t *testing.T) {
		if out := rig.Docker(t, "run", "--rm", "--network", "none", "example-nonroot", "id", "-u"); strings.TrimSpace(out) != "65532" {
			t.Errorf("user %s", out)
		}
	})
}

// clients runs real programs in both images against servers whose CA only the
// second trusts.
func clients(t *testing.T, before, after string, corp rig.Authority) {
	port, db := rig.TLSServer(t, corp), rig.Postgres(t, corp)
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
				return rig.DockerCommand(t, append([]string{"run", "--rm", "--network", "host", "-e", "HOME=/tmp", image}, client.args...)...)
			}
			if out, err := rig.Try(t, "env", command(before)...); err == nil {
				t.Errorf("accepted before: %s", out)
			}
			if out, err := rig.Try(t, "env", command(after)...); err != nil {
				t.Errorf("refused after: %v\n%s", err, out)
			}
		})
	}
}

// A static Go program in images without a shell trusts a server once the files
// that a stage wrote are laid over them.
func TestImagesWithoutShell(t *testing.T) {
	b := rig.MakeBases(t)
	for _, name := range []string{"certgraft", "debian", "distroless"} {
		rig.ImportImage(t, filepath.Join(b.Dir, name+".tar"), name+":e2e")
	}
	corp := rig.NewAuthority(t, "Corp Root")
	url := fmt.Sprintf("https://localhost:%d/", rig.TLSServer(t, corp))
	for name, base := range map[string]string{"distroless": "distroless:e2e", "scratch": "scratch"} {
		t.Run(name, func(t *testing.T) {
			context := t.TempDir()
			rig.Run(t, "cp", corp.CAFile, filepath.Join(context, "corp.pem"))
			rig.BuildClient(t, filepath.Join(context, "client"))
			rig.Write(t, filepath.Join(context, "Dockerfile"), strings.Join([]string{
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
				rig.Docker(t, "build", "--network=none", "--target", target, "-t", name+"-"+target, context)
			}
			rig.Fails(t, 1, "env", rig.DockerCommand(t, "run", "--rm", "--network", "host", name+"-base", "/client", url)...)
			if out := rig.Docker(t, "run", "--rm", "--network", "host", name+"-final", "/client", url); !strings.Contains(out, "200 OK") {
				t.Error(out)
			}
			if was, is := rig.Layers(t, name+"-base"), rig.Layers(t, name+"-final"); len(is) != len(was)+1 {
				t.Errorf("%d layers became %d", len(was), len(is))
			}
		})
	}
}

// Every pattern builds with buildah too.
func TestDockerfileExampleBuildah(t *testing.T) {
	b := rig.MakeBases(t)
	storage := t.TempDir()
	t.Cleanup(func() { _, _ = rig.Try(t, "sh", "-c", "umount -R "+storage+"/root/overlay 2>/dev/null; true") })
	buildah := func(t *testing.T, args ...string) string {
		t.Helper()
		return rig.Run(t, "buildah", append([]string{"--root", filepath.Join(storage, "root"), "--runroot", filepath.Join(storage, "run"), "--storage-driver", "overlay"}, args...)...)
	}
	for _, name := range []string{"certgraft", "debian", "alpine", "distroless"} {
		dir := t.TempDir()
		rig.Write(t, filepath.Join(dir, "Dockerfile"), "FROM scratch\nADD root.tar /\n")
		rig.Run(t, "cp", "-L", filepath.Join(b.Dir, name+".tar"), filepath.Join(dir, "root.tar"))
		buildah(t, "bud", "--isolation", "chroot", "-t", "localhost/"+name+":e2e", dir)
	}
	b.Certgraft, b.Debian, b.Alpine, b.Distroless = "localhost/certgraft:e2e", "localhost/debian:e2e", "localhost/alpine:e2e", "localhost/distroless:e2e"
	corp := rig.NewAuthority(t, "Corp Root")
	for _, target := range targets {
		t.Run(target, func(t *testing.T) { // buildah's chroot isolation shares the machine's network
			tag := "localhost/example-" + target
			buildah(t, append([]string{"bud", "--isolation", "chroot"}, b.BuildArgs(t, target, tag, corp.CAFile)...)...)
			container := strings.TrimSpace(buildah(t, "from", tag))
			mounted := strings.TrimSpace(buildah(t, "mount", container))
			defer buildah(t, "rm", container)
			if _, err := os.Stat(filepath.Join(mounted, "usr/local/share/certgraft/installed.json")); err != nil {
				t.Error(err)
			}
			if target == "corporate" {
				rig.Run(t, "openssl", "verify", "-no-CApath", "-no-CAstore", "-CAfile", filepath.Join(mounted, "etc/ssl/certs/ca-certificates.crt"), corp.CertFile)
			}
		})
	}
}
