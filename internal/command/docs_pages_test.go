package command_test

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/certgraft/certgraft/bundles"
)

func readDoc(t *testing.T, name string) string {
	t.Helper()
	data, err := os.ReadFile(filepath.Join("../..", name))
	check(t, err)
	return string(data)
}

// A newcomer finds every page from the start page, on one shelf.
func TestStartPageListsEachPageOnce(t *testing.T) {
	count := map[string]int{}
	for _, m := range pageLink.FindAllStringSubmatch(shelves(readDoc(t, "docs/README.md")), -1) {
		count[m[1]]++
	}
	pages, err := os.ReadDir("../../docs")
	check(t, err)
	for _, page := range pages {
		name := page.Name()
		if ext := filepath.Ext(name); name != "README.md" && (ext == ".md" || ext == ".1") && count[name] == 0 {
			t.Errorf("docs/README.md does not list %s", name)
		}
	}
	for name, n := range count {
		if n > 1 {
			t.Errorf("docs/README.md lists %s %d times", name, n)
		}
	}
	if !strings.Contains(readDoc(t, "README.md"), "](docs/README.md)") {
		t.Error("README.md does not link to docs/README.md")
	}
}

// shelves returns a page from its first shelf to the end.
func shelves(page string) string {
	_, rest, _ := strings.Cut(page, "\n## ")
	return rest
}

// README is short enough to be read whole, and its figures are those of the
// program.
func TestREADME(t *testing.T) {
	page := readDoc(t, "README.md")
	if n := strings.Count(page, "\n"); n >= 150 {
		t.Errorf("README.md has %d lines, and may have 149", n)
	}
	catalogue, err := bundles.Catalog(t.Context(), bundles.Options{})
	check(t, err)
	n := 0
	for range catalogue.All() {
		n++
	}
	if want := fmt.Sprintf("%d providers", n); !strings.Contains(page, want) {
		t.Errorf("README.md does not say %q", want)
	}
	_, table, _ := strings.Cut(page, "## Where to read on")
	table, _, _ = strings.Cut(table, "\n## ")
	for row := range strings.Lines(table) {
		if strings.HasPrefix(row, "| ") && len(pageLink.FindAllString(row, -1)) > 1 {
			t.Errorf("README.md has a row with several links: %s", row)
		}
	}
}

var sourceFile = regexp.MustCompile("`([a-z][A-Za-z0-9_/]*/[A-Za-z0-9_]+\\.go|main\\.go)`")

// The walks of docs/architecture.md name only files that exist.
func TestArchitectureNamesFiles(t *testing.T) {
	files := sourceFile.FindAllStringSubmatch(readDoc(t, "docs/architecture.md"), -1)
	if len(files) < 40 {
		t.Errorf("only %d files are named", len(files))
	}
	for _, m := range files {
		if _, err := os.Stat(filepath.Join("../..", m[1])); err != nil {
			t.Errorf("docs/architecture.md: %v", err)
		}
	}
}

// unpinned finds images and modules of certgraft without a version.
var unpinned = regexp.MustCompile(`ghcr\.io/certgraft/certgraft(-frontend)?([^:@a-z/-]|$)|certgraft/certgraft(-frontend)?[:@](latest|main|master)\b`)

// An example names a version or a digest, so that a copy of it does the same
// tomorrow.
func TestExamplesNameVersions(t *testing.T) {
	for _, file := range docFiles(t) {
		for i, line := range strings.Split(readDoc(t, strings.TrimPrefix(file, "../../")), "\n") {
			if unpinned.MatchString(line) && !strings.Contains(line, "depName=") {
				t.Errorf("%s:%d names no version: %s", file, i+1, line)
			}
		}
	}
}
