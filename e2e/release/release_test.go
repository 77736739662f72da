//go:build e2e

package release

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/certgraft/certgraft/e2e/rig"
)

// released is a release of the commit that is checked out, for two of the
// platforms: made once, and left to the process's end.
var released struct {
	once   sync.Once
	dir    string // with a clone in it, and dist in that
	tool   string // goreleaser
	commit string
	err    error
}

func firstRelease(t *testing.T) (dist, version string) {
	t.Helper()
	rig.Slow(t)
	released.once.Do(func() { released.err = startRelease() })
	if released.err != nil {
		t.Fatal(released.err)
	}
	dist = filepath.Join(released.dir, "clone", "dist")
	var about struct{ Version string }
	if err := json.Unmarshal([]byte(rig.Read(t, filepath.Join(dist, "metadata.json"))), &about); err != nil {
		t.Fatal(err)
	}
	return dist, about.Version
}

func startRelease() (err error) {
	if released.dir, err = os.MkdirTemp("", "certgraft-release-"); err != nil {
		return err
	}
	commit, err := exec.Command("git", "rev-parse", "HEAD").Output()
	if err != nil {
		return fmt.Errorf("a release is made of a commit: git rev-parse HEAD: %w", err)
	}
	released.commit, released.tool = strings.TrimSpace(string(commit)), filepath.Join(released.dir, "goreleaser")
	if err := command(rig.File("."), nil, "go", "build", "-modfile=tools/release/go.mod", "-o", released.tool, "github.com/goreleaser/goreleaser/v2"); err != nil {
		return err
	}
	return makeRelease(filepath.Join(released.dir, "clone"))
}

func removeRelease() {
	if released.dir != "" {
		_ = os.RemoveAll(released.dir)
	}
}

// makeRelease does what make release does, in a new clone, for two platforms.
func makeRelease(clone string, env ...string) error {
	if err := command(".", nil, "git", "clone", "-q", "--no-tags", rig.File("."), clone); err != nil {
		return err
	}
	if err := command(clone, nil, "git", "checkout", "-q", "--detach", released.commit); err != nil {
		return err
	}
	config, err := os.ReadFile(filepath.Join(clone, ".goreleaser.yaml"))
	if err != nil {
		return err
	}
	var kept []string
	for line := range strings.Lines(string(config)) {
		if name := strings.TrimSpace(line); strings.HasPrefix(name, "- linux_") || strings.HasPrefix(name, "- darwin_") {
			if name != "- linux_amd64" && name != "- linux_arm64" {
				continue
			}
		}
		kept = append(kept, line)
	}
	if err := os.WriteFile(clone+".yaml", []byte(strings.Join(kept, "")), 0o644); err != nil {
		return err
	}
	if err := command(clone, env, released.tool, "release", "--snapshot", "--clean", "-f", clone+".yaml"); err != nil {
		return err
	}
	return command(clone, env, "sh", "-c", "SOURCE_DATE_EPOCH=$(git log -1 --format=%ct) go run ./internal/release dist")
}

// command runs a command that may take long, in a directory.
func command(dir string, env []string, name string, args ...string) error {
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Dir, cmd.Env = dir, append(os.Environ(), env...)
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("%s %s: %w\n%s", name, strings.Join(args, " "), err, out)
	}
	return nil
}

// A second release, of a clone elsewhere, with a build cache and a time zone of
// its own and files that only their owner reads, has the same bytes: binaries,
// archives, packages, SBOMs, checksums and image.
func TestReleaseIsReproducible(t *testing.T) {
	dist, _ := firstRelease(t)
	again := filepath.Join(t.TempDir(), "another", "place")
	rig.Run(t, "mkdir", "-p", filepath.Dir(again))
	cache := t.TempDir()
	umask := syscall.Umask(0o077)
	err := makeRelease(again, "GOCACHE="+cache, "TZ=Asia/Tokyo", "LC_ALL=C")
	syscall.Umask(umask)
	if err != nil {
		t.Fatal(err)
	}
	want, got := checksums(t, dist), checksums(t, filepath.Join(again, "dist"))
	if len(want) < 20 {
		t.Errorf("a release has only %d files: %v", len(want), want)
	}
	rig.Same(t, "the second release", want, got)
	t.Logf("%d files are the same", len(want))
}

// checksums returns the SHA-256 of each file of a release, but for those in
// which goreleaser notes how and when it ran.
func checksums(t *testing.T, dist string) map[string]string {
	t.Helper()
	sums := map[string]string{}
	for name := range strings.Lines(rig.Run(t, "find", dist, "-type", "f", "-printf", "%P\n")) {
		name = strings.TrimSpace(name)
		if name == "metadata.json" || name == "artifacts.json" || name == "config.yaml" {
			continue
		}
		sums[name] = fmt.Sprintf("%x", sha256.Sum256([]byte(rig.Read(t, filepath.Join(dist, name)))))
	}
	return sums
}

func TestReleaseArchive(t *testing.T) {
	dist, version := firstRelease(t)
	rig.Run(t, "sh", "-c", "cd "+dist+" && sha256sum --quiet -c SHA256SUMS")
	archive := filepath.Join(dist, "certgraft_"+version+"_linux_amd64.tar.gz")
	dir := t.TempDir()
	rig.Run(t, "tar", "-C", dir, "-xzf", archive)
	out := rig.Run(t, filepath.Join(dir, "certgraft"), "version")
	if !strings.HasPrefix(out, "certgraft v"+version+" linux/amd64 ") || !strings.Contains(out, "\ncommit "+released.commit+" of ") {
		t.Errorf("version of the release: %s", out)
	}
	stamp := strings.TrimSpace(rig.Run(t, "git", "log", "-1", "--format=%ct", released.commit))
	for line := range strings.Lines(rig.Run(t, "tar", "-tvzf", archive, "--numeric-owner", "--full-time", "--utc")) {
		fields := strings.Fields(line)
		if at, err := time.Parse(time.DateTime, fields[3]+" "+fields[4]); err != nil || fmt.Sprint(at.Unix()) != stamp || fields[1] != "0/0" {
			t.Errorf("in the archive: %s, want the commit's time %s and root", line, stamp)
		}
	}
	for _, name := range []string{"LICENSE", "NOTICE"} {
		rig.Run(t, "cmp", filepath.Join(dir, name), filepath.Join(dist, "..", name))
	}
	sbom := rig.Read(t, filepath.Join(dist, "certgraft_"+version+"_linux_amd64.cdx.json"))
	for _, module := range []string{"pkg:golang/github.com/urfave/cli/v2@", "pkg:golang/std@", "pkg:golang/github.com/certgraft/certgraft@v" + version} {
		if !strings.Contains(sbom, module) {
			t.Errorf("the SBOM has no %s", module)
		}
	}
	modules := regexp.MustCompile(`"purl": "[^"?]*`)
	other := rig.Read(t, filepath.Join(dist, "certgraft_"+version+"_linux_arm64.cdx.json"))
	if a, b := modules.FindAllString(sbom, -1), modules.FindAllString(other, -1); len(a) < 10 || !slices.Equal(a, b) {
		t.Errorf("the platforms have other modules: %q and %q", a, b)
	}
	if frontend := rig.Read(t, filepath.Join(dist, "certgraft-frontend_"+version+"_linux_amd64.cdx.json")); !strings.Contains(frontend, "pkg:golang/github.com/moby/buildkit@") {
		t.Error("the SBOM of the frontend has no BuildKit")
	}
}

func TestReleaseDeb(t *testing.T) {
	dist, version := firstRelease(t)
	root := rig.Debian(t, "bookworm")
	rig.Run(t, "cp", filepath.Join(dist, "certgraft_"+version+"_linux_amd64.deb"), filepath.Join(root, "tmp/certgraft.deb"))
	before := rig.Snapshot(t, filepath.Join(root, "usr"))
	rig.Chroot(t, root, "dpkg", "-i", "/tmp/certgraft.deb")
	if out := rig.Chroot(t, root, "certgraft", "version"); !strings.HasPrefix(out, "certgraft v"+version) {
		t.Errorf("version: %s", out)
	}
	if out := rig.Chroot(t, root, "certgraft", "install", "--offline", "aws-rds:eu-west-1"); !strings.Contains(out, "3 added") {
		t.Errorf("install: %s", out)
	}
	rig.Chroot(t, root, "certgraft", "remove", "--all")
	rig.Chroot(t, root, "dpkg", "--verify", "certgraft")
	rig.Chroot(t, root, "dpkg", "-P", "certgraft")
	rig.Same(t, "after the package is purged", before, rig.Snapshot(t, filepath.Join(root, "usr")))
}

func TestReleaseRPM(t *testing.T) {
	dist, version := firstRelease(t)
	file := filepath.Join(dist, "certgraft_"+version+"_linux_amd64.rpm")
	rig.Run(t, "rpm", "-K", "--nosignature", file)
	names := rig.Run(t, "rpm", "-qpl", file)
	for _, want := range []string{"/usr/bin/certgraft\n", "/usr/share/man/man1/certgraft.1\n", "/usr/share/bash-completion/completions/certgraft\n", "/usr/share/zsh/site-functions/_certgraft\n"} {
		if !strings.Contains(names, want) {
			t.Errorf("the package has no %s", want)
		}
	}
	if out := rig.Run(t, "rpm", "-qp", "--qf", "%{BUILDHOST} %{ARCH} %{LICENSE}", file); out != "certgraft x86_64 Apache-2.0" {
		t.Errorf("the package says %s", out)
	}
	root := t.TempDir()
	rig.Run(t, "rpm", "--root", root, "--initdb")
	rig.Run(t, "rpm", "--root", root, "--force-debian", "-i", "--nosignature", file)
	if out := rig.Run(t, filepath.Join(root, "usr/bin/certgraft"), "version"); !strings.HasPrefix(out, "certgraft v"+version) {
		t.Errorf("version: %s", out)
	}
	rig.Run(t, "rpm", "--root", root, "-V", "certgraft")
}

// There is no apk on Debian: the package is taken apart as apk does it. It is
// two archives, and the first has the checksum of the second.
func TestReleaseAPK(t *testing.T) {
	dist, version := firstRelease(t)
	data := []byte(rig.Read(t, filepath.Join(dist, "certgraft_"+version+"_linux_amd64.apk")))
	second := bytes.LastIndex(data, []byte{0x1f, 0x8b, 8}) // where the archive of the files begins, unless they have the same bytes
	var info string
	for ; second > 0; second = bytes.LastIndex(data[:second], []byte{0x1f, 0x8b, 8}) {
		if out, err := pipe(bytes.NewReader(data[:second]), "tar", "-xzOf", "-", ".PKGINFO"); err == nil {
			if info = out; strings.Contains(info, fmt.Sprintf("datahash = %x\n", sha256.Sum256(data[second:]))) {
				break
			}
		}
	}
	if second <= 0 {
		t.Fatalf("no archive has the checksum in .PKGINFO:\n%s", info)
	}
	for _, want := range []string{"pkgname = certgraft\n", "arch = x86_64\n", "license = Apache-2.0\n"} {
		if !strings.Contains(info, want) {
			t.Errorf(".PKGINFO has no %q:\n%s", want, info)
		}
	}
	root := t.TempDir()
	if out, err := pipe(bytes.NewReader(data[second:]), "tar", "-C", root, "-xzf", "-"); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	if out := rig.Run(t, filepath.Join(root, "usr/bin/certgraft"), "version"); !strings.HasPrefix(out, "certgraft v"+version) {
		t.Errorf("version: %s", out)
	}
}

func pipe(in io.Reader, name string, args ...string) (string, error) {
	cmd := exec.Command(name, args...)
	cmd.Stdin = in
	out, err := cmd.Output()
	return string(out), err
}

// loadRelease puts the release's image into the engine, as certgraft:release.
func loadRelease(t *testing.T, dist, version string) {
	t.Helper()
	archive := filepath.Join(t.TempDir(), "image.tar")
	rig.Run(t, "skopeo", "copy", "-q", "oci:"+filepath.Join(dist, "image")+":"+version, "docker-archive:"+archive+":certgraft:release")
	rig.Docker(t, "load", "-q", "-i", archive)
}

// The frontend's image has both platforms, is started without a network, and
// holds the licences.
func TestReleaseFrontend(t *testing.T) {
	dist, version := firstRelease(t)
	image := "oci:" + filepath.Join(dist, "image-frontend") + ":" + version
	for _, arch := range []string{"amd64", "arm64"} {
		var about struct {
			Architecture string
			Config       struct {
				Entrypoint []string
				Labels     map[string]string
			}
		}
		text := rig.Run(t, "skopeo", "inspect", "--config", "--override-arch", arch, image)
		if err := json.Unmarshal([]byte(text), &about); err != nil {
			t.Fatal(err)
		}
		if about.Architecture != arch || about.Config.Labels["moby.buildkit.frontend.network.none"] != "true" || about.Config.Labels["org.opencontainers.image.version"] != version {
			t.Errorf("%s: skopeo says %s", arch, text)
		}
	}
	dir := t.TempDir()
	rig.Run(t, "skopeo", "copy", "-q", image, "dir:"+dir)
	root := filepath.Join(dir, "root")
	rig.Run(t, "sh", "-c", "mkdir "+root+" && for f in "+dir+"/*; do tar -xzf $f -C "+root+" 2>/dev/null || true; done")
	if out := rig.Run(t, filepath.Join(root, "certgraft"), "version"); !strings.HasPrefix(out, "certgraft v"+version) {
		t.Errorf("version: %s", out)
	}
	for name, source := range map[string]string{"LICENSE": "LICENSE", "NOTICE": "NOTICE", "NOTICE.frontend": "frontend/NOTICE"} {
		rig.Run(t, "cmp", filepath.Join(root, "licenses", name), filepath.Join(dist, "..", source))
	}
	rig.Run(t, "test", "-x", filepath.Join(root, "certgraft-frontend"))
}

// The image is read by skopeo and by the engine, runs, gives its binary to a
// build as Dockerfile.example takes it, and can be patched itself.
func TestReleaseImage(t *testing.T) {
	dist, version := firstRelease(t)
	image := "oci:" + filepath.Join(dist, "image") + ":" + version
	for _, arch := range []string{"amd64", "arm64"} {
		var about struct {
			Architecture string
			Labels       map[string]string
			Layers       []string
		}
		text := rig.Run(t, "skopeo", "inspect", "--override-arch", arch, image)
		if err := json.Unmarshal([]byte(text), &about); err != nil {
			t.Fatal(err)
		}
		if about.Architecture != arch || len(about.Layers) != 1 || about.Labels["org.opencontainers.image.version"] != version {
			t.Errorf("%s: skopeo says %s", arch, text)
		}
	}
	loadRelease(t, dist, version)
	if out := rig.Docker(t, "run", "--rm", "--network", "none", "certgraft:release", "version"); !strings.HasPrefix(out, "certgraft v"+version+" linux/amd64") {
		t.Errorf("version: %s", out)
	}
	rig.Docker(t, "run", "--rm", "--network", "none", "--read-only", "--user", "65532", "certgraft:release", "bundle", "--offline", "aws-rds")

	b := rig.MakeBases(t)
	rig.ImportImage(t, filepath.Join(b.Dir, "debian.tar"), "debian:e2e")
	b.Certgraft = "certgraft:release"
	corp := rig.NewAuthority(t, "Corp Root")
	rig.Docker(t, append([]string{"build", "--network=none"}, b.BuildArgs(t, "debian", "release-debian", corp.CAFile)...)...)
	rig.CheckLayers(t, b.Debian, "release-debian")
	context := t.TempDir()
	rig.Write(t, filepath.Join(context, "Dockerfile"), "FROM scratch\nCOPY --from=certgraft:release /certgraft /usr/bin/certgraft\nENTRYPOINT [\"/usr/bin/certgraft\"]\n")
	rig.Docker(t, "build", "--network=none", "-t", "release-copy", context)
	if out := rig.Docker(t, "run", "--rm", "--network", "none", "release-copy", "version"); !strings.HasPrefix(out, "certgraft v"+version) {
		t.Errorf("version: %s", out)
	}

	patched := "oci:" + filepath.Join(t.TempDir(), "patched") + ":1"
	rig.Run(t, rig.Certgraft, "patch", "--offline", image, corp.CAFile, "--tag", patched)
	if out := rig.Run(t, rig.Certgraft, "inspect", patched, "--platform", "linux/arm64"); !strings.Contains(out, "/etc/ssl/certs/ca-certificates.crt") {
		t.Errorf("the patched image: %s", out)
	}
}
