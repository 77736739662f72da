//go:build e2e

package image

import (
	"archive/tar"
	"compress/gzip"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/certgraft/certgraft/e2e/rig"
)

// collected is an image in the files that other projects test with.
type collected struct{ transport, file, tag string }

func (c collected) String() string { return c.at("") }

// at returns the location of the image, where the file is in a directory.
func (c collected) at(dir string) string {
	text := c.transport + path.Join(dir, c.file)
	if c.tag != "" {
		text += ":" + c.tag
	}
	return text
}

// collection returns the files of the collection: images, broken ones, and what is
// no image at all. Without it the test is skipped.
func collection(t *testing.T) (dir string, all []collected) {
	t.Helper()
	dir = filepath.Join(os.Getenv("CERTGRAFT_TESTDATA"), "images")
	files, err := os.ReadDir(dir)
	if err != nil {
		t.Skipf("SKIPPED: the images of other projects are missing, set CERTGRAFT_TESTDATA to a directory with images/ in it: %v", err)
	}
	for _, f := range files {
		if f.Name() == "PROVENANCE.md" {
			continue
		}
		file := filepath.Join(dir, f.Name())
		if strings.HasSuffix(file, ".xz") { // as it is, and unpacked
			all = append(all, collected{"docker-archive:", f.Name(), ""})
			file = filepath.Join(t.TempDir(), strings.TrimSuffix(f.Name(), ".xz"))
			rig.Run(t, "sh", "-c", `xz -dc "$1" > "$2"`, "sh", filepath.Join(dir, f.Name()), file)
		}
		all = append(all, imagesIn(file)...)
	}
	return dir, slices.Compact(all)
}

// imagesIn returns the images that a layout or an archive names.
func imagesIn(file string) (all []collected) {
	var list []struct{ RepoTags []string }
	var index struct {
		Manifests []struct{ Annotations map[string]string }
	}
	info, err := os.Stat(file)
	one := collected{"oci-archive:", filepath.Base(file), ""}
	if err == nil && info.IsDir() {
		one.transport = "oci:"
	}
	inDocker := json.Unmarshal(topFile(file, "manifest.json"), &list) == nil
	_ = json.Unmarshal(topFile(file, "index.json"), &index)
	for _, s := range list {
		one.transport = "docker-archive:"
		for _, one.tag = range append(s.RepoTags, "")[:max(len(s.RepoTags), 1)] {
			all = append(all, one)
		}
	}
	if !inDocker {
		for _, d := range index.Manifests {
			one.tag = d.Annotations["org.opencontainers.image.ref.name"]
			all = append(all, one)
		}
	}
	if len(all) == 0 {
		all = []collected{one}
		if one.transport != "oci:" {
			all = append(all, collected{"docker-archive:", one.file, ""})
		}
	}
	return all
}

// topFile returns a file at the top of a layout or an archive, or nil.
func topFile(at, name string) []byte {
	if data, err := os.ReadFile(filepath.Join(at, name)); err == nil {
		return data
	}
	f, err := os.Open(at)
	if err != nil {
		return nil
	}
	defer f.Close()
	r := io.Reader(f)
	if strings.HasSuffix(at, ".gz") {
		if r, err = gzip.NewReader(f); err != nil {
			return nil
		}
	}
	for in := tar.NewReader(r); ; {
		h, err := in.Next()
		if err != nil {
			return nil
		}
		if path.Clean(h.Name) == name {
			data, _ := io.ReadAll(in)
			return data
		}
	}
}

// refusals are the words in the errors of what is broken, or no image, by the
// beginning of its location.
var refusals = []struct{ prefix, want string }{
	{"oci:ci-delete_image_multiple_images:1.0.0", "it ends before the size that its descriptor says"},
	{"oci:ci-delete_image_multiple_images", "unexpected EOF"},             // layers are left out of the files
	{"oci:ci-delete_image_two_identical_references", "it holds 2 images"}, // of one tag: each is found by its digest
	{"oci:ci-manifest", "no such file"},
	{"oci:ci-name_lookups", "no such file"},
	{"oci:ci-two_images_manifest", "it holds 2 images"},
	{"docker-archive:dive-test-", "has no manifest.json"}, // named for the layers in it
	{"oci-archive:dive-test-oci-", ""},
	{"oci-archive:dive-test-", "has no index.json"},
	{"docker-archive:ggcr-null_manifest.tar", "its manifest.json is empty"},
	{"oci-archive:ggcr-null_manifest.tar", "has no index.json"},
	{"oci:ggcr-test_gc_image_unknown_mediatype", "no such file"},
	{"oci:ggcr-test_gc_index:3", "and its descriptor that it is"}, // an index of Docker's manifests that says they are OCI's
	{"oci:ggcr-test_gc_index:4", "and its descriptor that it is"},
	{"oci:ggcr-test_index:3", "and its descriptor that it is"},
	{"oci:ggcr-test_index:4", "and its descriptor that it is"},
	{"oci:ggcr-test_index_media_type", "it holds no image, but application/vnd.cncf.helm.config"},
	{"oci:notation-e2e-valid-signature:v1", "it holds no image, but application/vnd.notation.config"},
	{"oci:notation-e2e-valid-multiple-signatures:v1", "it holds no image, but application/vnd.notation.config"},
	{"oci:notation-e2e-valid-signature:sha256-", "it holds no image, but application/vnd.cncf.notary.signature"},
	{"oci:notation-e2e-valid-multiple-signatures:sha256-", "it holds no image, but application/vnd.cncf.notary.signature"},
	{"oci:notation-e2e-valid", "images"},
	{"oci:oras-zot-images:linux-", "the manifest has 1 layers and the config 0"},
	{"oci:oras-zot-images:multi", "the manifest has 1 layers and the config 0"},
	{"oci:oras-zot-artifacts:multi", "the manifest has 1 layers and the config 0"},
	{"oci:oras-zot-artifacts:", "it holds no image, but "},
	{"oci:oras-zot-images:empty_index", "it holds no image"},
	{"oci:oras-zot-images:", "it holds no image, but "},
	{"oci:oras-zot-artifacts", "it holds 20 images"},
	{"docker-archive:oras-", "has no manifest.json"}, // the storage of a registry
	{"oci-archive:oras-", "has no index.json"},
	{"oci:rc-external:a", "it holds no image, but "},
	{"oci:rc-external:sha256-", "it holds no image, but "},
	{"oci:rc-testrepo:a", "it holds no image, but "},
	{"oci:rc-testrepo:sha256-7ceb9b6bcc274697d0c38be6214b50cec79d601bc61708747d3f6cb772f6c6fa.6fe828b32b9b4572.meta", ""},
	{"oci:rc-testrepo:sha256-", "it holds no image, but "},
	{"oci:rc-testrepo:child", "it holds no image, but "},
	{"oci:rc-testrepo:loop", "it holds no image, but "},
	{"oci:rc-testrepo:mirror", "it holds no image, but "},
	{"oci:rc-testrepo:", ""},
	{"oci:rc-testrepo", "it holds 26 images"},
	{"oci:obd-hello:", ""},
	{"oci:obd-hello", "it holds 12 images"},
	{"docker-archive:scalibr-empty.tar", "has no manifest.json"},
	{"oci-archive:scalibr-empty.tar", "has no index.json"},
	{"docker-archive:scalibr-u-escape.tar", "has no manifest.json"},
	{"oci-archive:scalibr-u-escape.tar", "has no index.json"},
	{"oci:stereo-no_manifests", "index.json: it says that it is application/vnd.docker.distribution.manifest.v2+json"},
	{"oci:stereo-valid_manifest", "index.json: it says that it is application/vnd.docker.distribution.manifest.list.v2+json"},
	{"oci:trivy-multi", "it holds no image"},
	{"oci:trivy-single", "no such file"},
}

// refused returns the words that the error on an image must have; "" is an image
// that can be patched.
func refused(c collected) string {
	if strings.HasSuffix(c.String(), ".xz") {
		return "compressed with xz"
	}
	for _, r := range refusals {
		if strings.HasPrefix(c.String(), r.prefix) {
			return r.want
		}
	}
	return ""
}

// Each image of the collection is patched in its place, twice; other tools read what
// it became, and Docker loads it; what is removed again leaves the first digest. What
// is broken is refused with its name, and stays as it is.
func TestCollection(t *testing.T) {
	from, all := collection(t)
	c := collector{corp: rig.NewAuthority(t, "Corp Root").CAFile, registry: rig.StartRegistry(t, nil), crane: filepath.Join(t.TempDir(), "crane")}
	rig.Run(t, "env", "GOBIN="+filepath.Dir(c.crane), "go", "install", "github.com/google/go-containerregistry/cmd/crane@v0.22.1")
	for i, one := range all {
		t.Run(strings.ReplaceAll(one.String(), "/", "_"), func(t *testing.T) {
			dir := t.TempDir()
			if _, err := os.Stat(filepath.Join(from, one.file)); err == nil {
				rig.Run(t, "cp", "-r", filepath.Join(from, one.file), dir)
			} else { // as the hint says, where it was refused
				rig.Run(t, "cp", filepath.Join(from, one.file+".xz"), dir)
				rig.Run(t, "xz", "-dk", filepath.Join(dir, one.file+".xz"))
			}
			if want := refused(one); want != "" {
				c.refuses(t, one, dir, want)
				return
			}
			c.takes(t, one, dir, fmt.Sprintf("%s/collected/%d", c.registry.Host, i))
		})
	}
	t.Logf("%d locations: %d patched, %d with the first digest when removed; crane %d, skopeo %d, buildah %d, docker load %d",
		len(all), c.patched, c.back, c.validated, c.inspected, c.pulled, c.loaded)
}

type collector struct {
	corp, crane string
	registry    rig.Registry

	patched, back, validated, inspected, pulled, loaded int
}

// refuses fails unless an image is refused by its name, and left as it is.
func (c *collector) refuses(t *testing.T, one collected, dir, want string) {
	sums := `cd "$1" && find . -type f -exec sha256sum {} + | sort`
	was := rig.Run(t, "sh", "-c", sums, "sh", dir)
	out, err := rig.Try(t, rig.Certgraft, "patch", one.at(dir), c.corp, "--in-place")
	if err == nil || !strings.Contains(out, "error: "+one.at(dir)) || !strings.Contains(out, want) {
		t.Errorf("%v: %s, want %q", err, out, want)
	}
	if now := rig.Run(t, "sh", "-c", sums, "sh", dir); now != was {
		t.Errorf("files changed: %s, were %s", now, was)
	}
}

// patched is the JSON of an edit.
type patched struct {
	Was, Digest string
	Dropped     []any
	Platforms   []struct{ Platform string }
}

func (c *collector) edit(t *testing.T, args ...string) patched {
	t.Helper()
	var p patched
	out := rig.Run(t, "sh", append([]string{"-c", `exec "$0" "$@" --json 2>/dev/null`, rig.Certgraft}, args...)...)
	if err := json.Unmarshal([]byte(out), &p); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	return p
}

func (c *collector) takes(t *testing.T, one collected, dir, ref string) {
	at := one.at(dir)
	first := c.edit(t, "patch", at, c.corp, "--in-place")
	again := c.edit(t, "patch", at, c.corp, "--in-place")
	if first.Was == first.Digest || again.Was != first.Digest || again.Digest != first.Digest {
		t.Fatalf("%s became %s, and then %s became %s", first.Was, first.Digest, again.Was, again.Digest)
	}
	c.patched++
	c.readers(t, one, at, ref, first)
	removed := c.edit(t, "remove", "--image", at, "--all", "--in-place")
	switch {
	case removed.Digest == first.Was:
		c.back++
	case len(first.Dropped) == 0:
		t.Errorf("patched and removed %s is %s", first.Was, removed.Digest)
	}
}

// readers has other tools read an image that was patched.
func (c *collector) readers(t *testing.T, one collected, at, ref string, p patched) {
	c.edit(t, "patch", at, c.corp, "--tag", ref)
	c.count(t, one, "crane", &c.validated, c.crane, "validate", "--remote", ref, "--insecure")
	platform := []string{"--override-os", "linux", "--override-arch", "amd64"}
	if names := platformsOf(p); !slices.Contains(names, "linux/amd64") {
		parts := strings.Split(names[0]+"/", "/")
		platform[3] = parts[1]
	}
	c.count(t, one, "skopeo", &c.inspected, "skopeo", append(platform, "inspect", "--tls-verify=false", "docker://"+ref)...)
	store := t.TempDir()
	c.count(t, one, "buildah", &c.pulled, "buildah", "--storage-driver", "vfs", "--root", store+"/root", "--runroot", store+"/run", "pull", "-q", "--tls-verify=false", "--arch", platform[3], ref)
	saved := filepath.Join(t.TempDir(), "saved.tar")
	c.edit(t, "patch", at, c.corp, "--tag", "docker-archive:"+saved+":collected:1", "--platform", "linux/"+platform[3])
	c.count(t, one, "docker", &c.loaded, "env", rig.DockerCommand(t, "load", "-q", "-i", saved)...)
}

func platformsOf(p patched) (all []string) {
	for _, part := range p.Platforms {
		all = append(all, part.Platform)
	}
	return all
}

// unread are the images that a tool does not take, patched or not: by the tool, the
// beginning of the location, and why.
var unread = []struct{ tool, prefix, why string }{
	{"crane", "oci-archive:dive-test-oci-zstd-image.tar", "zstd"},
	{"skopeo", "oci:obd-hello:nested-index", "an index in an index"},
	{"buildah", "oci:obd-hello:nested-index", "an index in an index"},
}

func (c *collector) count(t *testing.T, one collected, tool string, n *int, name string, args ...string) {
	t.Helper()
	out, err := rig.Try(t, name, args...)
	for _, u := range unread {
		if u.tool == tool && strings.HasPrefix(one.String(), u.prefix) {
			if err == nil {
				t.Errorf("%s takes it after all", tool)
			}
			return
		}
	}
	if err != nil {
		t.Errorf("%s: %v: %s", tool, err, out)
		return
	}
	*n++
}
