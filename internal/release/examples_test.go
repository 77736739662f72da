package main

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// examples returns the texts from which users copy lines, by name.
func examples(t *testing.T) map[string]string {
	t.Helper()
	texts := map[string]string{}
	for _, top := range []string{"README.md", "SECURITY.md", "Dockerfile.example", "action.yml", "docs", "deploy", "templates"} {
		err := filepath.WalkDir(filepath.Join("../..", top), func(name string, d fs.DirEntry, err error) error {
			if err != nil || d.IsDir() || strings.HasSuffix(name, ".png") {
				return err
			}
			data, err := os.ReadFile(name)
			texts[strings.TrimPrefix(name, "../../")] = string(data)
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	return texts
}

// A copied example runs the same program tomorrow. Each image has a tag or digest,
// none has the tag latest, and each image of certgraft names the newest release in
// CHANGELOG.md.
func TestExamplesNameVersions(t *testing.T) {
	changes, err := os.ReadFile("../../CHANGELOG.md")
	if err != nil {
		t.Fatal(err)
	}
	newest := "v0.1.0" // until CHANGELOG.md has a release
	if m := regexp.MustCompile(`(?m)^## \[(\d+\.\d+\.\d+)\]`).FindSubmatch(changes); m != nil {
		newest = "v" + string(m[1])
	}
	image := regexp.MustCompile(`ghcr\.io/certgraft/certgraft(?:-frontend)?(:[\w.]+|@sha256:\w+)?`)
	ours := regexp.MustCompile(`certgraft/certgraft(?:/patch|/check)?@(v[\d.]+)|\bversion: (v[\d.]+\d)`)
	from := regexp.MustCompile(`(?m)^(?:FROM|ARG \w+=|\s*image:) ?([a-z][\w.-]*/[\w./-]+)(?:\s|$)`)
	images, versions := 0, 0
	for name, text := range examples(t) {
		if strings.Contains(text, ":latest") {
			t.Errorf("%s: an image has the tag latest", name)
		}
		for _, m := range image.FindAllStringSubmatch(text, -1) {
			if strings.HasSuffix(name, ".md") && strings.Contains(text, "`"+m[0]+"`") || strings.Contains(text, "depName="+m[0]) && m[1] == "" {
				continue // the name itself
			}
			images++
			if m[1] != ":"+newest && !strings.HasPrefix(m[1], "@sha256:") {
				t.Errorf("%s: %s is not of the release %s", name, m[0], newest)
			}
		}
		for _, m := range ours.FindAllStringSubmatch(text, -1) {
			versions++
			if got := m[1] + m[2]; got != newest {
				t.Errorf("%s: %s names %s, and the newest release is %s", name, m[0], got, newest)
			}
		}
		for _, m := range from.FindAllStringSubmatch(text, -1) {
			t.Errorf("%s: the image %s has no tag", name, m[1])
		}
	}
	if images < 15 || versions < 10 {
		t.Errorf("only %d images and %d versions were found", images, versions)
	}
}
