//go:build e2e

package image

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/certgraft/certgraft/e2e/rig"
	"github.com/certgraft/certgraft/internal/roottest"
)

// distribution3 returns the program of the registry's current version, which is
// built once: Debian has the one before.
func distribution3(t *testing.T) string {
	t.Helper()
	name := filepath.Join(rig.CacheDir(t), "distribution-3.1.2")
	if _, err := os.Stat(name); err != nil {
		rig.Run(t, "go", "build", "-C", rig.File("tools/registry"), "-o", name+".new", "github.com/distribution/distribution/v3/cmd/registry")
		rig.Run(t, "mv", name+".new", name)
	}
	return name
}

// twoPlatforms makes an index of two images, each with a small layer and one of
// its own of some megabytes, and returns its location.
func twoPlatforms(t *testing.T) string {
	t.Helper()
	l := roottest.NewLayout(t)
	base := roottest.Tar(t, roottest.Dir("etc/"), roottest.Dir("etc/ssl/"), roottest.Dir("etc/ssl/certs/"), roottest.File("etc/ssl/certs/ca-certificates.crt", ""))
	var images []roottest.Descriptor
	for i, platform := range []string{"linux/amd64", "linux/arm64"} {
		images = append(images, l.Image(roottest.Image{Packed: "gzip", Platform: platform, Layers: [][]byte{base, roottest.Tar(t, roottest.File("opt/app", string(noise(uint64(i), 3<<20))))}}))
	}
	return l.Tag(l.Index(roottest.OCIIndex, nil, images...), "x")
}

// noise returns bytes that do not compress.
func noise(seed uint64, n int) []byte {
	data := make([]byte, n)
	state := seed + 1
	for i := range data {
		state = state*6364136223846793005 + 1442695040888963407
		data[i] = byte(state >> 56)
	}
	return data
}

// planOf returns what is said of each layer, in order.
func planOf(t *testing.T, args ...string) []string {
	t.Helper()
	var plan struct {
		Platforms []struct {
			Layers []struct{ Action, Why string }
		}
	}
	if err := json.Unmarshal([]byte(rig.Run(t, rig.Certgraft, append([]string{"patch", "--print-plan", "--json"}, args...)...)), &plan); err != nil {
		t.Fatal(err)
	}
	var all []string
	for _, p := range plan.Platforms {
		for _, l := range p.Layers {
			all = append(all, l.Action+": "+l.Why)
		}
	}
	return all
}

// Two versions of a registry, with TLS and a password and without: an index goes
// in and comes out, is patched in place, moves from one to the other with each
// layer read once, and what is known of its layers is kept in both.
func TestPatchInRegistries(t *testing.T) {
	a, corp := rig.NewAuthority(t, "Registry CA"), rig.NewAuthority(t, "Corp Root")
	from := twoPlatforms(t)
	var digests []string
	for what, start := range map[string]func(a *rig.Authority) rig.Registry{
		"distribution 2": func(a *rig.Authority) rig.Registry { return rig.StartRegistry(t, a) },
		"distribution 3": func(a *rig.Authority) rig.Registry { return rig.StartRegistryProgram(t, a, distribution3(t)) },
	} {
		t.Run(what, func(t *testing.T) {
			if what == "distribution 3" {
				rig.Slow(t)
			}
			plain, secure := start(nil), start(&a)
			t.Setenv("DOCKER_CONFIG", secure.Dir)
			t.Setenv("HOME", "/nonexistent")
			ca := []string{"--registry-ca", a.CAFile}
			one := patch(t, append(ca, from, corp.CAFile, "--tag", plain.Host+"/team/app:1")...)
			proxy := rig.NewProxy(t, plain.Host)
			other := patch(t, append(ca, proxy.Host+"/team/app:1", corp.CAFile, "--tag", secure.Host+"/app:1")...)
			if down := proxy.Down.Load(); down > 7<<20 {
				t.Errorf("%d bytes came down of an index of 6 MiB", down)
			}
			if again := patch(t, append(ca, secure.Host+"/app:1", corp.CAFile, "--in-place")...); again != other || digestIn(one) != digestIn(other) {
				t.Errorf("%s, %s and %s", one, other, again)
			}
			digests = append(digests, digestIn(one))
			rig.Run(t, "skopeo", "copy", "--all", "--insecure-policy", "--src-tls-verify=false", "docker://"+one, "dir:"+t.TempDir()+"/x")

			facts := secure.Host + "/ci/facts"
			patch(t, append(ca, plain.Host+"/team/app:1", corp.CAFile, "--in-place", "--cache-repo", facts)...)
			proxy.Down.Store(0)
			for _, line := range planOf(t, append(ca, proxy.Host+"/team/app:1", corp.CAFile, "--cache-repo", facts)...) {
				if line != "known: it is in the cache repository" {
					t.Errorf("with the cache in the registry: %s", line)
				}
			}
			patch(t, append(ca, proxy.Host+"/team/app:1", corp.CAFile, "--in-place", "--cache-repo", facts)...)
			if down := proxy.Down.Load(); down > 200<<10 {
				t.Errorf("with the cache in the registry: %d bytes", down)
			}
		})
	}
	if len(digests) == 2 && digests[0] != digests[1] {
		t.Errorf("%q", digests)
	}
}

func digestIn(ref string) string {
	_, digest, _ := strings.Cut(ref, "@")
	return digest
}

// A layer that another tool wrote as zstd:chunked is read in parts from a real
// registry, and comes to the same image as when it is read whole.
func TestPatchLayerInParts(t *testing.T) {
	corp := rig.NewAuthority(t, "Corp Root")
	l := roottest.NewLayout(t)
	archive := filepath.Join(t.TempDir(), "root.tar")
	rig.Run(t, "tar", "-C", rig.Distroless(t), "-cf", archive, ".")
	from := l.Tag(l.Image(roottest.Image{Layers: [][]byte{[]byte(rig.Read(t, archive))}}), "x")
	r, other := rig.StartRegistry(t, nil), rig.StartRegistry(t, nil)
	rig.Run(t, "skopeo", "copy", "-q", "--insecure-policy", "--dest-tls-verify=false", "--dest-compress-format", "zstd:chunked", from, "docker://"+r.Host+"/app:1")
	proxy := rig.NewProxy(t, r.Host)
	if plan := planOf(t, proxy.Host+"/app:1", corp.CAFile); len(plan) != 1 || !strings.HasPrefix(plan[0], "parts: ") {
		t.Errorf("%q", plan)
	}
	proxy.Down.Store(0)
	parts := patch(t, proxy.Host+"/app:1", corp.CAFile, "--tag", proxy.Host+"/app:2")
	if down := proxy.Down.Load(); down > 600<<10 {
		t.Errorf("%d bytes came down", down)
	}
	proxy.Down.Store(0)
	whole := patch(t, proxy.Host+"/app:1", corp.CAFile, "--tag", other.Host+"/app:2")
	if down := proxy.Down.Load(); down < 1<<20 {
		t.Errorf("only %d bytes came down where the layer is copied", down)
	}
	if digestIn(parts) != digestIn(whole) {
		t.Errorf("%s and %s", parts, whole)
	}
}
