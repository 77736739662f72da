package main

import (
	"os/exec"
	"slices"
	"strings"
	"testing"

	"github.com/urfave/cli/v2"

	"github.com/certgraft/certgraft/internal/command"
)

// root is the directory of the module.
const root = "../.."

// The generated files are up to date. The program has the catalogue that it was
// built with.
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

// A flag names its value, or has words for completion.
func TestValuesAreNamed(t *testing.T) {
	for _, c := range command.App().Commands {
		for _, f := range c.Flags {
			doc := f.(cli.DocGenerationFlag)
			if doc.TakesValue() && !strings.Contains(doc.GetUsage(), "`") && documentedFlag(f).words == nil {
				t.Errorf("%s --%s: its usage names no `VALUE`, and it has no words", c.Name, f.Names()[0])
			}
		}
	}
}

// mandoc finds no fault in the man page.
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

// The documentation has each variable of a flag.
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
