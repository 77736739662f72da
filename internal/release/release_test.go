package main

import (
	"encoding/json"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/certgraft/certgraft/image"
)

const epoch = "1700000000"

// dist writes the output of goreleaser, with small files as binaries.
func dist(t *testing.T) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "dist")
	var artifacts []string
	for _, b := range [][4]string{
		{"certgraft", "linux", "s390x", ""}, {"certgraft", "linux", "arm", "7"}, {"certgraft-frontend", "linux", "arm64", ""}, {"certgraft", "darwin", "arm64", ""},
		{"certgraft", "linux", "arm64", ""}, {"certgraft-frontend", "linux", "amd64", ""}, {"certgraft", "linux", "amd64", ""},
	} {
		name := filepath.Join(strings.Join(b[:], "_"), b[0])
		put(t, filepath.Join(dir, name), strings.Repeat("program "+strings.Join(b[:], "/")+"\n", 1000))
		artifacts = append(artifacts, fmt.Sprintf(`{"name":%q,"path":"dist/%s","goos":%q,"goarch":%q,"goarm":%q,"type":"Binary"}`, b[0], name, b[1], b[2], b[3]))
	}
	for _, name := range []string{"LICENSE", "NOTICE", "frontend/NOTICE"} {
		put(t, filepath.Join(dir, "..", name), name)
	}
	artifacts = append(artifacts, `{"name":"SHA256SUMS","path":"dist/SHA256SUMS","type":"Checksum"}`)
	put(t, filepath.Join(dir, "artifacts.json"), "["+strings.Join(artifacts, ",")+"]")
	put(t, filepath.Join(dir, "metadata.json"), `{"project_name":"certgraft","version":"1.2.3","commit":"0123abcd","date":"2026-01-02T03:04:05Z"}`)
	return dir
}

func put(t *testing.T, name, data string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(name, []byte(data), 0o644); err != nil {
		t.Fatal(err)
	}
}

func files(t *testing.T, dir string) map[string]string {
	t.Helper()
	all := map[string]string{}
	err := filepath.WalkDir(dir, func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		data, err := os.ReadFile(name)
		all[strings.TrimPrefix(name, dir)] = string(data)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// The images of each Linux platform are read back with every digest checked. They
// hold exactly the programs of that platform, LICENSE and NOTICE.
func TestImages(t *testing.T) {
	made := dist(t)
	if err := run([]string{made}, epoch, io.Discard); err != nil {
		t.Fatal(err)
	}
	licences := map[string]string{"licenses/LICENSE": "LICENSE", "licenses/NOTICE": "NOTICE"}
	both := maps.Clone(licences)
	both["licenses/NOTICE.frontend"] = "frontend/NOTICE"
	for layout, c := range map[string]struct {
		programs  []string
		others    map[string]string
		platforms []string
		no        string
	}{
		"image":          {[]string{"certgraft"}, licences, []string{"linux/amd64", "linux/arm/v7", "linux/arm64", "linux/s390x"}, "darwin/arm64"},
		"image-frontend": {[]string{"certgraft", "certgraft-frontend"}, both, []string{"linux/amd64", "linux/arm64"}, "linux/s390x"},
	} {
		t.Run(layout, func(t *testing.T) {
			img := layoutImage(t, filepath.Join(made, layout))
			for _, text := range c.platforms {
				want := maps.Clone(c.others)
				for _, name := range c.programs {
					want[name] = strings.Repeat("program "+name+"/"+strings.Replace(text+"/", "/v7/", "/7", 1)+"\n", 1000)
				}
				checkPlatform(t, img, text, want)
			}
			other, err := image.ParsePlatform(c.no)
			if err != nil {
				t.Fatal(err)
			}
			if _, _, err := image.Root(t.Context(), img, image.Options{Platforms: []image.Platform{other}}); err == nil {
				t.Errorf("there is an image for %s", c.no)
			}
		})
	}
}

func layoutImage(t *testing.T, dir string) *image.Image {
	t.Helper()
	at, err := (&image.Locations{}).Parse("oci:" + dir + ":1.2.3")
	if err != nil {
		t.Fatal(err)
	}
	img, err := at.Get(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return img
}

// checkPlatform compares the files of an image for a platform with the required
// files.
func checkPlatform(t *testing.T, img *image.Image, text string, want map[string]string) {
	t.Helper()
	p, err := image.ParsePlatform(text)
	if err != nil {
		t.Fatal(err)
	}
	root, config, err := image.Root(t.Context(), img, image.Options{Platforms: []image.Platform{p}, Reads: func(string) bool { return true }})
	if err != nil {
		t.Errorf("%s: %v", text, err)
		return
	}
	if config.Platform.String() != text {
		t.Errorf("%s: the config says %s", text, config.Platform)
	}
	got := map[string]string{}
	err = fs.WalkDir(root, ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		data, err := fs.ReadFile(root, name)
		got[name] = string(data)
		mode := fs.FileMode(0o644)
		if strings.HasPrefix(name, "certgraft") {
			mode = 0o755
		}
		if info, err := d.Info(); err != nil || info.ModTime().Unix() != 1700000000 || info.Mode() != mode {
			t.Errorf("%s: %s is %v of %v, %v", text, name, info.Mode(), info.ModTime(), err)
		}
		return err
	})
	if err != nil || !maps.Equal(got, want) {
		t.Errorf("%s: the files are %.200q, want %.200q: %v", text, got, want, err)
	}
}

// The image of the frontend has the same config as the image of its Dockerfile.
func TestFrontendIsItsDockerfile(t *testing.T) {
	data, err := os.ReadFile("../../frontend/Dockerfile")
	if err != nil {
		t.Fatal(err)
	}
	p := (&release{}).frontend()
	text := strings.ReplaceAll(string(data), "\\\n", "")
	labels := map[string]string{}
	for _, m := range regexp.MustCompile(`(moby\S+?)=(\S+)`).FindAllStringSubmatch(text, -1) {
		labels[m[1]] = m[2]
	}
	if len(labels) != 2 || !maps.Equal(labels, p.labels) {
		t.Errorf("labels\nof the Dockerfile %q\nof the release    %q", labels, p.labels)
	}
	if !strings.Contains(text, `ENTRYPOINT ["`+p.entrypoint+`"]`) {
		t.Errorf("the Dockerfile does not start %s", p.entrypoint)
	}
	config := frontendConfig(t)
	if config.Labels["moby.buildkit.frontend.network.none"] != "true" || !slices.Equal(config.Entrypoint, []string{"/certgraft-frontend"}) {
		t.Errorf("the image's config is %+v", config)
	}
}

type imageConfig struct {
	Entrypoint []string
	Labels     map[string]string
}

// frontendConfig returns the config that the engine reads.
func frontendConfig(t *testing.T) imageConfig {
	t.Helper()
	made := dist(t)
	if err := run([]string{made}, epoch, io.Discard); err != nil {
		t.Fatal(err)
	}
	for _, data := range files(t, filepath.Join(made, "image-frontend")) {
		var doc struct{ Config imageConfig }
		if json.Unmarshal([]byte(data), &doc) == nil && doc.Config.Entrypoint != nil {
			return doc.Config
		}
	}
	t.Fatal("the image has no config")
	return imageConfig{}
}

// NOTICE names each module that a program links.
func TestNotice(t *testing.T) {
	if err := run([]string{"notice", "--check", "../.."}, "", io.Discard); err != nil {
		t.Error(err)
	}
}

// The bytes of an image do not depend on the directory, on an older layout in it,
// or on the order of the artifacts.
func TestImageIsReproducible(t *testing.T) {
	first, other := dist(t), dist(t)
	put(t, filepath.Join(other, "image/blobs/sha256/stale"), "of an older build")
	if err := run([]string{first}, epoch, io.Discard); err != nil {
		t.Fatal(err)
	}
	var lines []string
	data, err := os.ReadFile(filepath.Join(other, "artifacts.json"))
	if err != nil {
		t.Fatal(err)
	}
	lines = strings.Split(strings.Trim(string(data), "[]"), "},{")
	for i := range lines {
		lines[i] = "{" + strings.Trim(lines[i], "{}") + "}"
	}
	slices.Reverse(lines)
	put(t, filepath.Join(other, "artifacts.json"), "["+strings.Join(lines, ",")+"]")
	if err := run([]string{other}, epoch, io.Discard); err != nil {
		t.Fatal(err)
	}
	for _, layout := range []string{"image", "image-frontend"} {
		if a, b := files(t, filepath.Join(first, layout)), files(t, filepath.Join(other, layout)); len(a) < 6 || !maps.Equal(a, b) {
			t.Errorf("%s: the layouts differ: %q and %q", layout, slices.Sorted(maps.Keys(a)), slices.Sorted(maps.Keys(b)))
		}
	}
}

func TestWrongUse(t *testing.T) {
	empty := t.TempDir()
	put(t, filepath.Join(empty, "metadata.json"), `{"version":"1.2.3"}`)
	put(t, filepath.Join(empty, "artifacts.json"), `[]`)
	half := dist(t)
	put(t, filepath.Join(half, "artifacts.json"), `[{"name":"certgraft","path":"dist/x","goos":"linux","goarch":"amd64","type":"Binary"}]`)
	for _, c := range []struct {
		args        []string
		epoch, want string
	}{
		{nil, epoch, "usage"},
		{[]string{dist(t)}, "", "SOURCE_DATE_EPOCH"},
		{[]string{t.TempDir()}, epoch, "metadata.json"},
		{[]string{empty}, epoch, "run goreleaser first"},
		{[]string{half}, epoch, "no binary certgraft-frontend"},
	} {
		if err := run(c.args, c.epoch, io.Discard); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("run(%q, %q): %v, want %q", c.args, c.epoch, err, c.want)
		}
	}
}

// The flags of a release are the flags of make build, except those of the version.
func TestFlagsAreTheMakefiles(t *testing.T) {
	out, err := exec.Command("make", "-C", "../..", "--no-print-directory", "-n", "build").Output()
	if err != nil {
		t.Fatalf("make -n build: %v", err)
	}
	var made []string
	tags := ""
	words := strings.Fields(strings.ReplaceAll(string(out), "'", ""))
	for i, word := range words {
		switch {
		case strings.HasPrefix(word, "-gcflags="):
			made = append(made, strings.TrimPrefix(word, "-gcflags="))
		case word == "-tags":
			tags = words[i+1]
		}
	}
	data, err := os.ReadFile("../../.goreleaser.yaml")
	if err != nil {
		t.Fatal(err)
	}
	config := string(data)
	if listed := listUnder(config, "gcflags:"); len(made) < 5 || !slices.Equal(made, listed) {
		t.Errorf("gcflags:\nof the Makefile %q\nof goreleaser   %q", made, listed)
	}
	if !strings.Contains(config, "tags: ["+strings.ReplaceAll(tags, ",", ", ")+"]") {
		t.Errorf("the tags of the Makefile are %s; goreleaser has others", tags)
	}
	if flags := listUnder(config, "ldflags:"); len(flags) == 0 || !strings.Contains(string(out), "-ldflags '"+flags[0]+"'") {
		t.Errorf("goreleaser's ldflags begin with %q; the Makefile's command is %s", flags, out)
	}
	for _, both := range []string{"CGO_ENABLED=0", "-trimpath"} {
		if !strings.Contains(config, both) || !strings.Contains(string(out), both) {
			t.Errorf("%s is not in both", both)
		}
	}
}

// listUnder returns the items of a block list in YAML, one for each line.
func listUnder(config, key string) []string {
	var items []string
	_, rest, _ := strings.Cut(config, "\n    "+key+"\n")
	for line := range strings.SplitSeq(rest, "\n") {
		item, ok := strings.CutPrefix(strings.TrimSpace(line), "- ")
		if !ok {
			break
		}
		items = append(items, item)
	}
	return items
}
