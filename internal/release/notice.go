package main

import (
	"bytes"
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
)

// writeNotice writes the file NOTICE of the program in a directory. With check it
// compares the existing file instead.
func writeNotice(dir string, check bool) error {
	want, err := notice(dir)
	if err != nil {
		return err
	}
	name := filepath.Join(dir, "NOTICE")
	if !check {
		return os.WriteFile(name, []byte(want), 0o644)
	}
	if got, err := os.ReadFile(name); err != nil || string(got) != want {
		return fmt.Errorf("%s is not that of the modules in go.mod: run make notice", name)
	}
	return nil
}

// embedded names the foreign data in certgraft. Data of a module have their
// licence in the module.
const embedded = `
certgraft contains certificates that others publish:

- Mozilla's set of root certificates, of the Go module golang.org/x/crypto/x509roots/fallback. It is
  made from certdata.txt of NSS, which is under the Mozilla Public License 2.0
  (https://www.mozilla.org/MPL/2.0/). The source is
  https://hg.mozilla.org/projects/nss/file/tip/lib/ckfw/builtins/certdata.txt.
- Certificates of providers (Amazon RDS and others), which their publishers distribute to clients.
  bundles/snapshots/README.md says where each is from.
`

// notice returns the text: the modules that a program links, and the licence of
// each in its own words.
func notice(dir string) (string, error) {
	modules, err := linked(dir)
	if err != nil {
		return "", err
	}
	var out strings.Builder
	name := "certgraft"
	if modules["github.com/certgraft/certgraft/frontend"] != nil {
		name = "certgraft-frontend"
	}
	fmt.Fprintf(&out, "%s\nCopyright the certgraft authors. Apache License 2.0: see LICENSE.\n", name)
	if name == "certgraft" {
		out.WriteString(embedded)
	}
	texts := map[string][]string{} // the modules with a licence of these words
	for _, m := range modules {
		found, err := m.licences()
		if err != nil {
			return "", err
		}
		for _, text := range found {
			texts[text] = append(texts[text], m.String())
		}
	}
	fmt.Fprintf(&out, "\n%s contains the modules below, and Go's standard library. Each licence is in the words of its module.\n", name)
	byModules := map[string][]string{}
	for text, names := range texts {
		slices.Sort(names)
		key := strings.Join(slices.Compact(names), "\n")
		byModules[key] = append(byModules[key], text)
	}
	for _, key := range slices.Sorted(maps.Keys(byModules)) {
		fmt.Fprintf(&out, "\n%s\n%s\n", strings.Repeat("=", 80), key)
		slices.Sort(byModules[key])
		for _, text := range byModules[key] {
			fmt.Fprintf(&out, "%s\n\n%s\n", strings.Repeat("-", 80), text)
		}
	}
	return out.String(), nil
}

// module is a module with packages that a program links.
type module struct {
	Path, Version, Dir string
	Main               bool

	packages map[string]bool // the directories of the linked packages
}

func (m *module) String() string { return strings.TrimSpace(m.Path + " " + m.Version) }

// linked returns the modules that a program links on Linux or macOS, by path. The
// standard library is one of them. Its licence is taken from golang.org/x/sys,
// because some distributions package Go without it.
func linked(dir string) (map[string]*module, error) {
	modules := map[string]*module{}
	for _, system := range []string{"linux", "darwin"} {
		cmd := exec.Command("go", "list", "-deps", "-tags", "urfave_cli_no_docs,nethttpomithttp2", "-json=Dir,Standard,Module", ".")
		cmd.Dir, cmd.Env, cmd.Stderr = dir, append(os.Environ(), "GOOS="+system, "CGO_ENABLED=0"), os.Stderr
		out, err := cmd.Output()
		if err != nil {
			return nil, fmt.Errorf("go list in %s: %w", dir, err)
		}
		for d := json.NewDecoder(bytes.NewReader(out)); ; {
			var p struct {
				Dir      string
				Standard bool
				Module   *module
			}
			if err := d.Decode(&p); err == io.EOF {
				break
			} else if err != nil {
				return nil, err
			}
			m := p.Module
			if p.Standard {
				continue
			}
			if modules[m.Path] == nil {
				modules[m.Path] = m
				m.packages = map[string]bool{}
			}
			modules[m.Path].packages[p.Dir] = true
		}
	}
	like := modules["golang.org/x/sys"]
	if like == nil {
		return nil, fmt.Errorf("%s does not link golang.org/x/sys", dir)
	}
	modules["std"] = &module{Path: "Go's standard library", Dir: like.Dir, packages: map[string]bool{like.Dir: true}}
	return modules, nil
}

var (
	licenceFile = regexp.MustCompile(`(?i)^(licen[cs]e|copying|notice)([.-].*)?$`)

	// Two licences that have the same words in each module.
	apache  = regexp.MustCompile(`(?s) *Apache License\s+Version 2\.0, January 2004.*?END OF TERMS AND CONDITIONS`)
	mozilla = regexp.MustCompile(`(?s)Mozilla Public License, version 2\.0\s+1\. Definitions.*Exhibit B.*`)
)

// licences returns the licence texts of a module: those in its root, and those
// beside the linked packages.
func (m *module) licences() ([]string, error) {
	if m.Main || strings.HasPrefix(m.Path, "github.com/certgraft/") {
		return nil, nil
	}
	dirs := map[string]bool{}
	for dir := range m.packages {
		for ; len(dir) >= len(m.Dir); dir = filepath.Dir(dir) {
			dirs[dir] = true
		}
	}
	var texts []string
	for _, dir := range slices.Sorted(maps.Keys(dirs)) {
		entries, err := os.ReadDir(dir)
		if err != nil {
			return nil, err
		}
		for _, e := range entries {
			if !licenceFile.MatchString(e.Name()) || e.IsDir() || strings.HasSuffix(e.Name(), ".go") || strings.HasSuffix(e.Name(), ".docs") {
				continue
			}
			text, err := fs.ReadFile(os.DirFS(dir), e.Name())
			if err != nil {
				return nil, err
			}
			texts = append(texts, m.short(tidy(string(text))))
		}
	}
	if len(texts) == 0 {
		return nil, fmt.Errorf("%s has no licence", m)
	}
	return texts, nil
}

// short replaces the words of the two long licences by their names.
func (m *module) short(text string) string {
	text = apache.ReplaceAllString(text, "Apache License, Version 2.0: the text is in LICENSE.")
	return mozilla.ReplaceAllString(text, "Mozilla Public License 2.0: https://www.mozilla.org/MPL/2.0/. The source is https://"+m.Path+".")
}

// tidy removes white space that differs between copies of a licence.
func tidy(text string) string {
	lines := strings.Split(strings.ReplaceAll(text, "\r", ""), "\n")
	for i := range lines {
		lines[i] = strings.TrimRight(lines[i], " \t\f")
	}
	return strings.Trim(strings.Join(lines, "\n"), "\n")
}
