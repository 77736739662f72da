//go:build e2e

package image

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/certgraft/certgraft/e2e/rig"
	"github.com/certgraft/certgraft/image"
	"github.com/certgraft/certgraft/internal/roottest"
)

// A Debian image in a registry is patched without an engine. Run by the engine,
// its clients trust the server that they refused; everything but the
// certificates is as it was.
func TestPatchDebianInRegistry(t *testing.T) {
	b := rig.MakeBases(t)
	rig.ImportImage(t, filepath.Join(b.Dir, "debian.tar"), "debian:e2e")
	corp := rig.NewAuthority(t, "Corp Root")
	r := rig.StartRegistry(t, nil)
	before := r.PushImage(t, "debian:e2e", "debian:1")
	after := r.Host + "/debian:ca"
	pinned := patch(t, before, corp.CAFile, "--tag", after)
	if again := patch(t, before, corp.CAFile, "--tag", r.Host+"/debian:ca2", "--jobs", "1"); again != pinned {
		t.Errorf("%s and then %s", pinned, again)
	}
	if again := patch(t, after, corp.CAFile, "--in-place"); again != pinned {
		t.Errorf("patched again it is %s", again)
	}
	rig.Docker(t, "pull", "-q", after)
	clients(t, before, after, corp)
	sameTrees(t, "docker://"+before, "docker://"+after)
	// The distribution's own tool agrees with what was written.
	if out := rig.Docker(t, "run", "--rm", "--network", "none", after, "sh", "-c", "sha256sum /etc/ssl/certs/ca-certificates.crt; update-ca-certificates --fresh >/dev/null 2>&1; sha256sum /etc/ssl/certs/ca-certificates.crt"); strings.Fields(out)[0] != strings.Fields(out)[2] {
		t.Errorf("update-ca-certificates changes it:\n%s", out)
	}
}

// With TLS of a company's CA and a password, as docker login keeps it.
func TestPatchRegistryWithLogin(t *testing.T) {
	a, corp := rig.NewAuthority(t, "Registry CA"), rig.NewAuthority(t, "Corp Root")
	r := rig.StartRegistry(t, &a)
	l := roottest.NewLayout(t)
	layout := l.Tag(l.Image(roottest.Image{Packed: "gzip", Layers: [][]byte{roottest.Tar(t, roottest.Dir("etc/"))}}), "x")
	ref := r.Host + "/team/app:1"
	env := []string{"HOME=/nonexistent", "DOCKER_CONFIG=" + r.Dir, rig.Certgraft, "patch", "--quiet"}
	rig.Run(t, "env", append(env, layout, corp.CAFile, "--tag", ref, "--registry-ca", a.CAFile)...)
	rig.Run(t, "env", append(env, ref, corp.CAFile, "--in-place", "--registry-ca", a.CAFile)...)
	out := rig.Fails(t, 4, "env", append(env, ref, corp.CAFile, "--in-place")...)
	if !strings.Contains(out, "--registry-ca FILE") {
		t.Errorf("no hint: %s", out)
	}
	out = rig.Fails(t, 4, "env", "HOME=/nonexistent", rig.Certgraft, "patch", ref, corp.CAFile, "--in-place", "--registry-ca", a.CAFile)
	if !strings.Contains(out, "docker login") {
		t.Errorf("no hint: %s", out)
	}
}

// Images without a shell, and one without anything, trust the server.
func TestPatchWithoutShell(t *testing.T) {
	b := rig.MakeBases(t)
	corp := rig.NewAuthority(t, "Corp Root")
	url := fmt.Sprintf("https://localhost:%d/", rig.TLSServer(t, corp))
	r := rig.StartRegistry(t, nil)
	bare := t.TempDir()
	rig.BuildClient(t, filepath.Join(bare, "client"))
	rig.Run(t, "tar", "-C", bare, "-cf", filepath.Join(b.Dir, "bare.tar"), ".")
	for _, name := range []string{"distroless", "alpine", "bare"} {
		t.Run(name, func(t *testing.T) {
			rig.ImportImage(t, filepath.Join(b.Dir, name+".tar"), name+":e2e")
			before := r.PushImage(t, name+":e2e", name+":1")
			after := r.Host + "/" + name + ":ca"
			patch(t, before, corp.CAFile, "--tag", after)
			rig.Docker(t, "pull", "-q", after)
			client := func(image string) []string {
				return rig.DockerCommand(t, "run", "--rm", "--network", "host", image, "/client", url)
			}
			if out, err := rig.Try(t, "env", client(before)...); err == nil {
				t.Errorf("accepted before: %s", out)
			}
			if out, err := rig.Try(t, "env", client(after)...); err != nil {
				t.Errorf("refused after: %v\n%s", err, out)
			}
			sameTrees(t, "docker://"+before, "docker://"+after)
		})
	}
}

// docker save | certgraft patch | docker load, and by the engine's API.
func TestPatchInEngine(t *testing.T) {
	b := rig.MakeBases(t)
	rig.ImportImage(t, filepath.Join(b.Dir, "distroless.tar"), "saved:1")
	corp := rig.NewAuthority(t, "Corp Root")
	url := fmt.Sprintf("https://localhost:%d/", rig.TLSServer(t, corp))
	command := strings.Join(rig.DockerCommand(t), " ")
	for what, script := range map[string]string{
		"pipe": "env %[1]s save saved:1 | %[2]s patch -q docker-archive:- %[3]s | env %[1]s load",
		"file": "env %[1]s save -o %[4]s/a.tar saved:1 && %[2]s patch -q docker-archive:%[4]s/a.tar %[3]s --tag docker-archive:%[4]s/b.tar:saved:1 && env %[1]s load -i %[4]s/b.tar",
		"API":  "env %[5]s %[2]s patch -q docker-daemon:saved:1 %[3]s --tag docker-daemon:saved:1",
	} {
		t.Run(what, func(t *testing.T) {
			rig.ImportImage(t, filepath.Join(b.Dir, "distroless.tar"), "saved:1")
			rig.Run(t, "sh", "-ec", fmt.Sprintf(script, command, rig.Certgraft, corp.CAFile, t.TempDir(), strings.Join(rig.DockerCommand(t)[:1], " ")))
			rig.Docker(t, "run", "--rm", "--network", "host", "saved:1", "/client", url)
		})
	}
}

// What other tools make of a patched image: skopeo copies it, buildah builds on
// it, for each compression and family of media types.
func TestPatchedImagesElsewhere(t *testing.T) {
	corp := rig.NewAuthority(t, "Corp Root")
	layer := roottest.Tar(t, roottest.Dir("etc/"), roottest.Dir("etc/ssl/"), roottest.Dir("etc/ssl/certs/"), roottest.File("etc/ssl/certs/ca-certificates.crt", ""))
	for _, img := range []roottest.Image{{Packed: "gzip"}, {Packed: "zstd"}, {}, {Packed: "gzip", Docker: true}} {
		t.Run(fmt.Sprintf("%s docker=%v", img.Packed, img.Docker), func(t *testing.T) {
			r := rig.StartRegistry(t, nil)
			img.Layers = [][]byte{layer}
			img.Config = map[string]any{"history": []any{map[string]any{"created_by": "x"}}}
			l := roottest.NewLayout(t)
			from := l.Tag(l.Image(img), "x")
			to := "docker://" + r.Host + "/x:ca"
			patch(t, from, corp.CAFile, "--tag", to)
			out := t.TempDir()
			rig.Run(t, "skopeo", "copy", "--insecure-policy", "--src-tls-verify=false", to, "dir:"+out+"/dir")
			if got := mounted(t, to); !strings.Contains(got["/etc/ssl/certs/ca-certificates.crt"], "-rw-r--r--") {
				t.Errorf("%v", got)
			}
			for _, archive := range []string{"oci-archive:" + out + "/a.tar", "docker-archive:" + out + "/b.tar:x:1"} {
				if img.Docker && strings.HasPrefix(archive, "oci") {
					continue // that reader takes only OCI's own types from a layout
				}
				patch(t, from, corp.CAFile, "--tag", archive)
				rig.Run(t, "skopeo", "inspect", strings.TrimSuffix(archive, ":x:1"))
			}
		})
	}
}

// mounted returns what an engine mounts for an image.
func mounted(t *testing.T, text string) map[string]string {
	t.Helper()
	root, err := os.MkdirTemp("", "certgraft-mount-") //nolint:usetesting // buildah makes a name of the path: no capitals
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(root) })
	buildah := []string{"--root", root, "--runroot", root + "/run", "--storage-driver", "overlay"}
	layout := "oci:" + root + "/layout:x"
	tls := []string{}
	if strings.HasPrefix(text, "docker://") {
		tls = []string{"--src-tls-verify=false"}
	}
	rig.Run(t, "skopeo", slices.Concat([]string{"copy", "--insecure-policy"}, tls, []string{text, layout})...)
	policy := rig.Write(t, filepath.Join(t.TempDir(), "policy.json"), `{"default":[{"type":"insecureAcceptAnything"}]}`)
	container := strings.TrimSpace(rig.Run(t, "buildah", append(buildah, "from", "-q", "--signature-policy", policy, layout)...))
	t.Cleanup(func() { _, _ = rig.Try(t, "buildah", append(buildah, "rm", container)...) })
	at := strings.TrimSpace(rig.Run(t, "buildah", append(buildah, "mount", container)...))
	return surveyMount(t, at, func(name string, info fs.FileInfo) (string, error) {
		st := info.Sys().(*syscall.Stat_t)
		line := fmt.Sprintf("%v %d:%d %d.%09d", info.Mode(), st.Uid, st.Gid, st.Mtim.Sec, st.Mtim.Nsec)
		switch {
		case info.Mode()&fs.ModeSymlink != 0:
			target, err := os.Readlink(name)
			return line + " -> " + target, err
		case info.Mode().IsRegular():
			return fmt.Sprintf("%s %d %s", line, info.Size(), strings.TrimSpace(xattrs(t, name))), nil
		}
		return line, nil
	})
}

// surveyMount is survey for a mounted stack of layers: one that lists names that
// it does not have does not have them.
func surveyMount(t *testing.T, dir string, line func(name string, info fs.FileInfo) (string, error)) map[string]string {
	t.Helper()
	tree := map[string]string{}
	err := filepath.WalkDir(dir, func(name string, _ fs.DirEntry, err error) error {
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		if err != nil {
			return err
		}
		info, err := os.Lstat(name)
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		if err != nil {
			return err
		}
		tree[strings.TrimPrefix(name, dir)], err = line(name, info)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return tree
}

func xattrs(t *testing.T, name string) string {
	t.Helper()
	buf := make([]byte, 1024)
	n, err := syscall.Listxattr(name, buf)
	if err != nil {
		return ""
	}
	return strings.ReplaceAll(string(buf[:n]), "\x00", " ")
}

// sameTrees compares what an engine mounts for two images: only the store may
// differ.
func sameTrees(t *testing.T, before, after string) {
	t.Helper()
	was, is := mounted(t, before), mounted(t, after)
	store := func(name, _ string) bool {
		for _, dir := range []string{"/etc/ssl", "/etc/pki", "/usr/local/share/ca-certificates", "/usr/local/share/certgraft"} {
			if name == "" || name == dir || strings.HasPrefix(name, dir+"/") {
				return true
			}
		}
		return false
	}
	maps.DeleteFunc(was, store)
	maps.DeleteFunc(is, store)
	for _, dir := range []string{"/etc", "/usr", "/usr/local", "/usr/local/share"} {
		if was[dir] == "" {
			delete(is, dir) // it was made for the store
		}
	}
	rig.Same(t, "mounted trees", was, is)
}

// For random stacks of layers, with links of both kinds, the root that is
// edited is the root that an engine mounts.
func TestRootIsWhatIsMounted(t *testing.T) {
	for seed := range uint64(25) {
		random := rand.New(rand.NewPCG(seed, 7))
		l := roottest.NewLayout(t)
		var layers [][]byte
		for range 1 + random.IntN(4) {
			layers = append(layers, randomLayer(t, random))
		}
		text := l.Tag(l.Image(roottest.Image{Packed: "gzip", Layers: layers}), "x")
		at, err := (&image.Locations{}).Parse(text)
		if err != nil {
			t.Fatal(err)
		}
		img, err := at.Get(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		root, _, err := image.Root(t.Context(), img, image.Options{})
		if err != nil {
			t.Fatalf("seed %d: %v", seed, err)
		}
		want := map[string]string{}
		for name, line := range mounted(t, text) {
			fields := strings.Fields(line)
			want[name] = strings.Join(append(fields[:1], fields[3:]...), " ")
		}
		got := map[string]string{}
		if err := fs.WalkDir(root, ".", func(name string, _ fs.DirEntry, err error) error {
			if err != nil {
				return err
			}
			info, err := root.Lstat(name)
			if err != nil {
				return err
			}
			line := info.Mode().String()
			switch {
			case info.Mode()&fs.ModeSymlink != 0:
				target, err := root.ReadLink(name)
				if err != nil {
					return err
				}
				line += " -> " + target
			case info.Mode().IsRegular():
				line += fmt.Sprintf(" %d", info.Size())
			}
			got[strings.TrimSuffix("/"+name, "/.")] = line
			return nil
		}); err != nil {
			t.Fatal(err)
		}
		delete(got, "")
		delete(want, "")
		if !maps.Equal(got, want) {
			for i, layer := range layers {
				t.Errorf("seed %d, layer %d:\n%s", seed, i, rig.Run(t, "sh", "-c", "printf %s \"$1\" | base64 -d | tar -tv", "sh", base64.StdEncoding.EncodeToString(layer)))
			}
			rig.Same(t, "root", want, got)
		}
	}
}

// randomLayer makes a layer of a few names that get in each other's way.
func randomLayer(t *testing.T, random *rand.Rand) []byte {
	names := []string{"a", "b", "c", "a/a", "a/b", "b/a", "b/c", "a/a/a", "a/a/b"}
	pick := func() string { return names[random.IntN(len(names))] }
	files, taken := []string{}, map[string]string{}
	var entries []roottest.Entry
	for range random.IntN(7) {
		name := pick()
		blocked := taken[name] != ""
		for dir := filepath.Dir(name); dir != "."; dir = filepath.Dir(dir) {
			blocked = blocked || taken[dir] != "" && taken[dir] != "dir"
		}
		if blocked {
			continue
		}
		switch random.IntN(6) {
		case 0, 1:
			entries = append(entries, roottest.File(name, strings.Repeat("x", random.IntN(99))))
			files = append(files, name)
			taken[name] = "file"
		case 2:
			entries = append(entries, roottest.Dir(name+"/"))
			taken[name] = "dir"
		case 3:
			entries = append(entries, roottest.File(filepath.Join(filepath.Dir(name), ".wh."+filepath.Base(name)), ""))
			taken[name] = "gone"
		case 4:
			entries = append(entries, roottest.Link(name, "/"+pick()))
			taken[name] = "link"
		default:
			if len(files) == 0 {
				continue
			}
			entries = append(entries, roottest.Hard(name, files[random.IntN(len(files))]))
			taken[name] = "file"
		}
		for dir := filepath.Dir(name); dir != "."; dir = filepath.Dir(dir) {
			if taken[dir] == "" {
				taken[dir] = "dir"
			}
		}
	}
	return roottest.Tar(t, entries...)
}

// The metadata says what the registry then holds.
func TestPatchMetadata(t *testing.T) {
	corp := rig.NewAuthority(t, "Corp Root")
	r := rig.StartRegistry(t, nil)
	l := roottest.NewLayout(t)
	layer := roottest.Tar(t, roottest.Dir("etc/"), roottest.File("etc/x", ""))
	index := l.Index(roottest.OCIIndex, nil, l.Image(roottest.Image{Packed: "gzip", Layers: [][]byte{layer}}), l.Image(roottest.Image{Packed: "gzip", Platform: "linux/arm64", Layers: [][]byte{layer}}))
	file := filepath.Join(t.TempDir(), "m.json")
	pinned := patch(t, l.Tag(index, "x"), corp.CAFile, "--tag", r.Host+"/app:1", "--metadata-file", file)
	var metadata struct {
		Digest     string
		References []string
		Platforms  []struct{ Platform, Digest string }
	}
	if err := json.Unmarshal([]byte(rig.Read(t, file)), &metadata); err != nil {
		t.Fatal(err)
	}
	if len(metadata.Platforms) != 2 || !slices.Equal(metadata.References, []string{pinned}) || !strings.HasSuffix(pinned, metadata.Digest) {
		t.Errorf("%+v", metadata)
	}
	var raw struct{ Manifests []struct{ Digest string } }
	if err := json.Unmarshal([]byte(rig.Run(t, "skopeo", "inspect", "--raw", "--tls-verify=false", "docker://"+pinned)), &raw); err != nil {
		t.Fatal(err)
	}
	for i, p := range metadata.Platforms {
		if raw.Manifests[i].Digest != p.Digest {
			t.Errorf("%s is %s in the registry, and %s in the metadata", p.Platform, raw.Manifests[i].Digest, p.Digest)
		}
	}
}

// patch runs certgraft patch and returns the one name that it prints.
func patch(t *testing.T, args ...string) string {
	t.Helper()
	out := rig.Run(t, "sh", append([]string{"-c", `exec "$0" patch --quiet "$@"`, rig.Certgraft}, args...)...)
	name := strings.TrimSpace(out)
	if strings.ContainsAny(name, " \n") {
		t.Fatalf("not one name: %q", out)
	}
	return name
}
