package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// The files, tests and tables that CONTRIBUTING.md names exist.
func TestContributingIsTrue(t *testing.T) {
	data, err := os.ReadFile("../../CONTRIBUTING.md")
	if err != nil {
		t.Fatal(err)
	}
	code, err := exec.Command("sh", "-c", "cd ../.. && cat *.go */*.go internal/*/*.go e2e/*/*.go").Output()
	if err != nil {
		t.Fatal(err)
	}
	files, names := 0, 0
	for _, m := range regexp.MustCompile("`([\\w./-]+/[\\w./-]*|[\\w-]+\\.md)`").FindAllStringSubmatch(string(data), -1) {
		files++
		if _, err := os.Stat(filepath.Join("../..", m[1])); err != nil {
			t.Errorf("%s: %v", m[1], err)
		}
	}
	for _, name := range regexp.MustCompile(`\b(Test|Fuzz)[A-Z]\w+`).FindAllString(string(data), -1) {
		names++
		if !strings.Contains(string(code), "func "+name) {
			t.Errorf("there is no test %s", name)
		}
	}
	for _, table := range []string{"families = map", "stores = []", "func (d *Detection) byContent", "func Reads(", "protocols = []", "dialogues = []", "servers = []", "P11Families = []", "suites = []", "shownBy = map", "notShown = map", "noServer = map", "distrustHead = ", "type Provider struct"} {
		if !strings.Contains(string(code), table) {
			t.Errorf("there is no %s", table)
		}
	}
	if files < 20 || names < 5 {
		t.Errorf("only %d files and %d tests were found", files, names)
	}
}
