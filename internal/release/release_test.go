package main

import (
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/certgraft/certgraft/image"
)

const epoch = "1700000000"

// dist writes what goreleaser would, with small files for binaries.
func dist(t *testing.T) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "dist")
	var artifacts []string
	for _, b := range [][3]string{{"linux", "s390x", ""}, {"linux", "arm", "7"}, {"darwin", "arm64", ""}, {"linux", "arm64", ""}, {"linux", "amd64", ""}} {
		name := filepath.Join("certgraft_"+b[0]+"_"+b[1]+b[2], "certgraft")
		put(t, filepath.Join(dir, name), strings.Repeat("program for "+strings.Join(b[:], "/")+"\n", 1000))
		artifacts = append(artifacts, fmt.Sprintf(`{"name":"certgraft","path":"dist/%s","goos":%q,"goarch":%q,"goarm":%q,"type":"Binary"}`, name, b[0], b[1], b[2]))
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

// Each Linux platform's image is read back as any image is, every digest
// checked, and holds the program of that platform and nothing else.
func TestImage(t *testing.T) {
	out := filepath.Join(t.TempDir(), "image")
	if err := run([]string{dist(t), out}, epoch, io.Discard); err != nil {
		t.Fatal(err)
	}
	at, err := (&image.Locations{}).Parse("oci:" + out + ":1.2.3")
	if err != nil {
		t.Fatal(err)
	}
	img, err := at.Get(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for text, want := range map[string]string{"linux/amd64": "linux/amd64/", "linux/arm/v7": "linux/arm/7", "linux/arm64": "linux/arm64/", "linux/s390x": "linux/s390x/"} {
		p, err := image.ParsePlatform(text)
		if err != nil {
			t.Fatal(err)
		}
		root, config, err := image.Root(t.Context(), img, image.Options{Platforms: []image.Platform{p}, Reads: func(string) bool { return true }})
		if err != nil {
			t.Errorf("%s: %v", text, err)
			continue
		}
		data, err := fs.ReadFile(root, "certgraft")
		if err != nil || !strings.HasPrefix(string(data), "program for "+want+"\n") {
			t.Errorf("%s: /certgraft is %.40q, %v", text, data, err)
		}
		if info, err := fs.Stat(root, "certgraft"); err != nil || info.ModTime().Unix() != 1700000000 || info.Mode() != 0o755 {
			t.Errorf("%s: /certgraft is %v of %v, %v", text, info.Mode(), info.ModTime(), err)
		}
		entries, err := fs.ReadDir(root, ".")
		if err != nil || len(entries) != 1 {
			t.Errorf("%s: the root has %v, %v", text, entries, err)
		}
		if config.Platform.String() != text {
			t.Errorf("%s: the config says %s", text, config.Platform)
		}
	}
	darwin, err := image.ParsePlatform("darwin/arm64")
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := image.Root(t.Context(), img, image.Options{Platforms: []image.Platform{darwin}}); err == nil {
		t.Error("there is an image for darwin")
	}
}

// Where and when the image is made does not show: not in another directory,
// not over an older layout, not with the artifacts in another order.
func TestImageIsReproducible(t *testing.T) {
	first, second := filepath.Join(t.TempDir(), "a"), filepath.Join(t.TempDir(), "b")
	put(t, filepath.Join(second, "blobs/sha256/stale"), "of an older build")
	if err := run([]string{dist(t), first}, epoch, io.Discard); err != nil {
		t.Fatal(err)
	}
	other := dist(t)
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
	if err := run([]string{other, second}, epoch, io.Discard); err != nil {
		t.Fatal(err)
	}
	if a, b := files(t, first), files(t, second); !maps.Equal(a, b) {
		t.Errorf("the layouts differ: %q and %q", slices.Sorted(maps.Keys(a)), slices.Sorted(maps.Keys(b)))
	}
}

func TestWrongUse(t *testing.T) {
	empty := t.TempDir()
	put(t, filepath.Join(empty, "metadata.json"), `{"version":"1.2.3"}`)
	put(t, filepath.Join(empty, "artifacts.json"), `[]`)
	out := filepath.Join(t.TempDir(), "image")
	for _, c := range []struct {
		args        []string
		epoch, want string
	}{
		{nil, epoch, "usage"},
		{[]string{dist(t), out}, "", "SOURCE_DATE_EPOCH"},
		{[]string{t.TempDir(), out}, epoch, "metadata.json"},
		{[]string{empty, out}, epoch, "run goreleaser first"},
	} {
		if err := run(c.args, c.epoch, io.Discard); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("run(%q, %q): %v, want %q", c.args, c.epoch, err, c.want)
		}
	}
}

// A release is built with the flags of make build, but for what it says of its
// version.
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

// listUnder returns the items of a block list in YAML, each on a line.
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
