package main

import (
	"bytes"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/certgraft/certgraft/internal/command"
	"github.com/certgraft/certgraft/internal/roottest"
)

// The command accepts every word that completion offers for a flag. If a flag
// takes no other word, the error says so and names the words.
func TestWordsAreTaken(t *testing.T) {
	calls := harmless(t)
	seen := map[string]bool{}
	for _, c := range documented(t).commands {
		for _, f := range c.flags {
			flag := "--" + f.names[0]
			if f.words == nil || testing.Short() && seen[flag] { // commands share the check of a flag
				continue
			}
			seen[flag] = true
			for _, word := range f.words {
				if status, said := calls.run(t, c.name, flag, word); status == 2 {
					t.Errorf("%s %s %s is offered and refused: %s", c.name, flag, word, said)
				}
			}
			status, said := calls.run(t, c.name, flag, "nonsense")
			switch {
			case f.others:
			case status != 2:
				t.Errorf("%s %s takes other words", c.name, flag)
			default:
				_, named, _ := strings.Cut(strings.TrimSpace(said), "it is ")
				named, _, _ = strings.Cut(strings.TrimPrefix(named, "one of "), "\n")
				taken := strings.Split(strings.ReplaceAll(named, " or ", ", "), ", ")
				if !slices.Equal(taken, f.words) {
					t.Errorf("%s %s takes %q, and %q are offered", c.name, flag, taken, f.words)
				}
			}
		}
	}
	for _, shell := range []string{"bash", "zsh", "fish"} {
		if status, said := calls.run(t, "completion", shell); status != 0 {
			t.Errorf("completion %s: %s", shell, said)
		}
	}
}

// harmlessCalls are the arguments for a harmless call of a command, by the name of
// the command, or by its name and a flag.
type harmlessCalls map[string][]string

func harmless(t *testing.T) harmlessCalls {
	t.Helper()
	dir := t.TempDir()
	at := func(name string) string { return filepath.Join(dir, name) }
	corp := root + "/testdata/bundles/corp.pem"
	image := "oci:" + at("image") + ":1"
	everyPlatform(t, at("image"))
	if err := os.Mkdir(at("root"), 0o755); err != nil {
		t.Fatal(err)
	}
	calls := harmlessCalls{
		"lock":    {"--lock", at("lock"), corp},
		"install": {"--dry-run", "--root", at("root"), "--lock", at("lock")},
		"patch":   {"--dry-run", "--lock", at("lock"), "--tag", "oci:" + at("new") + ":1", image},
		"remove":  {"--dry-run", "--all", "--image", image, "--tag", "oci:" + at("new") + ":1"},
		"bundle":  {"--lock", at("lock"), "--output", at("bundle")},

		"distrust":         {"--dry-run", "--image", image, "--tag", "oci:" + at("new") + ":1", corp},
		"distrust --fsync": {"--dry-run", "--root", at("root"), corp},
		"distrust --hooks": {"--dry-run", "--root", at("root"), corp},

		"remove --fsync": {"--dry-run", "--all", "--root", at("root")}, // an image has no disk
		"run":            {"--lock", at("lock"), "--", "true"},
		"hook":           {"--strict", "in", "--lock", at("lock")},
		"cdi":            {"--output", at("cdi.json"), "--lock", at("lock")},
		"env":            {"--root", at("root")},
		"inspect":        {image},
		"check":          {image},
		"diff":           {image, image},
		"verify":         {"--offline", "--only", "--with", corp, "127.0.0.1:1"},
		"completion":     nil,
	}
	if status, said := calls.run(t, "lock"); status != 0 {
		t.Fatal(said)
	}
	return calls
}

// everyPlatform makes an image in dir for each offered platform.
func everyPlatform(t *testing.T, dir string) {
	layout := roottest.OpenLayout(t, dir)
	tree := roottest.TarTree(t, roottest.TreeFile(t, root+"/testdata/roots/bookworm.before.txtar"))
	var images []roottest.Descriptor
	for _, c := range documented(t).commands {
		for _, f := range c.flags {
			if f.names[0] == "platform" && images == nil {
				for _, platform := range f.words {
					images = append(images, layout.Image(roottest.Image{Platform: platform, Packed: "gzip", Layers: [][]byte{tree}}))
				}
			}
		}
	}
	layout.Tag(layout.Index(roottest.OCIIndex, nil, images...), "1")
}

// run runs a command with args and then the harmless arguments.
func (h harmlessCalls) run(t *testing.T, name string, args ...string) (status int, said string) {
	t.Helper()
	rest, known := h[strings.Join(append([]string{name}, args[:min(len(args), 1)]...), " ")]
	if !known {
		rest, known = h[name]
	}
	if !known {
		t.Fatalf("%s: no arguments are known that do no harm", name)
	}
	switch {
	case name == "bundle":
		if err := os.RemoveAll(rest[len(rest)-1]); err != nil {
			t.Fatal(err)
		}
	case name == "remove" && slices.Contains(args, "--hooks"): // only roots have hooks
		rest = []string{"--dry-run", "--all", "--root", h["env"][1]}
	case name == "verify" && slices.Contains(args, "--platform"): // only images have platforms
		rest = []string{"--image", h["inspect"][0], "127.0.0.1:1"}
	}
	if slices.Contains(args, "known") { // only for sources without a lock
		rest = withoutLock(rest)
	}
	var out, problems bytes.Buffer
	status = command.Run(t.Context(), slices.Concat([]string{"certgraft", name}, args, rest), strings.NewReader(""), &out, &problems)
	return status, problems.String()
}

// withoutLock returns arguments that name a source and no lock.
func withoutLock(args []string) []string {
	at := slices.Index(args, "--lock")
	args = slices.Delete(slices.Clone(args), at, at+2)
	end := slices.Index(args, "--")
	if end < 0 {
		end = len(args)
	}
	return slices.Insert(args, end, root+"/testdata/bundles/corp.pem")
}
