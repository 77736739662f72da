package main

import (
	"os/exec"
	"slices"
	"strings"
	"testing"
)

// root is the directory of the module.
const root = "../.."

// What is made from others is what they make. The program has the catalogue that
// it was built with.
func TestGenerated(t *testing.T) {
	for _, make := range parts {
		made, err := make(root)
		if err != nil {
			t.Fatal(err)
		}
		for name, data := range made {
			if stale(root, name, data) {
				t.Errorf("%s is out of date: run make docs", name)
			}
		}
	}
}

// What mandoc finds wrong with the man page is nothing.
func TestManPageIsClean(t *testing.T) {
	if _, err := exec.LookPath("mandoc"); err != nil {
		t.Skip("mandoc is not installed")
	}
	out, err := exec.Command("mandoc", "-T", "lint", "-W", "warning", root+"/docs/certgraft.1").CombinedOutput()
	if err != nil || len(out) > 0 {
		t.Errorf("mandoc: %v\n%s", err, out)
	}
}

// documented returns the command tree.
func documented(t *testing.T) program {
	t.Helper()
	tree, err := readTree(root)
	if err != nil {
		t.Fatal(err)
	}
	return tree
}

// Each variable of a flag is among those that are documented.
func TestVariablesAreDocumented(t *testing.T) {
	tree := documented(t)
	for _, c := range tree.commands {
		for _, f := range c.flags {
			for _, name := range f.env {
				if !slices.ContainsFunc(tree.variables, func(v [2]string) bool { return strings.HasPrefix(v[0], name) }) {
					t.Errorf("%s --%s reads %s, which the comment of environ does not name", c.name, f.names[0], name)
				}
			}
		}
	}
}

// Every flag that completes words is one that there is.
func TestCompletedFlagsExist(t *testing.T) {
	known := map[string]bool{}
	for _, c := range documented(t).commands {
		for _, f := range c.flags {
			known[f.names[0]], known[c.name+" --"+f.names[0]] = true, true
		}
	}
	for _, m := range []map[string][]string{flagValues, flagHints} {
		for name := range m {
			if !known[name] {
				t.Errorf("there is no flag %s", name)
			}
		}
	}
}

// The words that complete a flag are those that its usage names.
func TestCompletedWordsAreInUsage(t *testing.T) {
	for _, c := range documented(t).commands {
		for _, f := range c.flags {
			for _, key := range []string{c.name + " --" + f.names[0], f.names[0]} {
				for _, w := range flagValues[key] {
					if !strings.Contains(f.usage, w) {
						t.Errorf("%s --%s: %q is completed, and is not in its usage: %s", c.name, f.names[0], w, f.usage)
					}
				}
			}
		}
	}
}
