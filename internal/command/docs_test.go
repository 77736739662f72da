package command_test

import (
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/certgraft/certgraft/internal/command"
)

func itoa(n int) string { return strconv.Itoa(n) }

// parsedOnly are the command lines that are not run, by what is in them, and
// why not.
var parsedOnly = []struct{ text, why string }{
	{"docker-daemon:", "needs an engine"},
	{"docker run", "needs an engine"},
}

// Every command line in the documentation is one that the program takes: each is
// parsed, and run in a place of its own with what it names: files, roots, images
// in a registry, servers behind a proxy.
func TestDocumentedCommands(t *testing.T) {
	world := newDocWorld(t)
	ran, inline := 0, 0
	skipped := map[string]int{}
	for _, file := range docFiles(t) {
		block, dir := -1, ""
		lines := docLines(t, file)
		if strings.Contains(file, "Dockerfile") && len(lines) != 6 {
			t.Errorf("%d command lines in %s, want 6", len(lines), file)
		}
		for _, l := range lines {
			if !l.inline && block != l.block {
				block, dir = l.block, world.place(t)
			}
			t.Run(l.at, func(t *testing.T) {
				parseDocLine(t, l)
				if l.inline {
					inline++
					return
				}
				if why := onlyParsed(l.text); why != "" {
					skipped[why]++
					t.Logf("parsed only, %s: %s", why, l.text)
					return
				}
				ran++
				out, err := world.shell(t, dir, l.text)
				if err != nil {
					t.Errorf("%s\n%v\n%s", l.text, err, out)
				}
				l.compare(t, out)
			})
		}
	}
	t.Logf("%d command lines run, %d in sentences parsed, not run: %v", ran, inline, skipped)
	if ran < 60 {
		t.Errorf("only %d command lines are found", ran)
	}
}

func onlyParsed(text string) string {
	for _, p := range parsedOnly {
		if strings.Contains(text, p.text) {
			return p.why
		}
	}
	return ""
}

// parseDocLine holds each call in a line against the command tree.
func parseDocLine(t *testing.T, l docLine) {
	t.Helper()
	for _, call := range callsCertgraft.FindAllStringSubmatch(l.text, -1) {
		args := words(call[1])
		if l.inline && strings.ToUpper(args[0]) == args[0] {
			continue
		}
		if err := command.Parses(append([]string{"certgraft"}, args...)); err != nil {
			t.Errorf("%s: %v", l.text, err)
		}
	}
}

var figures = regexp.MustCompile(`[0-9][0-9.]*| +`)

// compare holds what a page shows below a command line against what is written,
// but for figures and the width of columns. A page may shorten digests, and says
// what is downloaded, which nothing is here: then nothing is compared.
func (l docLine) compare(t *testing.T, out string) {
	t.Helper()
	shown := strings.TrimSpace(strings.Join(l.output, "\n"))
	if shown == "" || strings.Contains(shown, "…") || strings.Contains(shown, "downloaded") {
		return
	}
	plain := func(s string) string { return figures.ReplaceAllString(strings.TrimSpace(s), "#") }
	if plain(shown) != plain(out) {
		t.Errorf("%s writes\n%s\nand the page shows\n%s", l.text, out, shown)
	}
}

// A mistake in a page is found.
func TestDocumentedCommandsFindsMistakes(t *testing.T) {
	for _, text := range []string{"certgraft instal x", "certgraft install --ofline x", "cat x | certgraft patch - --tagg y", "certgraft verify x --timeout"} {
		err := error(nil)
		for _, call := range callsCertgraft.FindAllStringSubmatch(text, -1) {
			err = command.Parses(append([]string{"certgraft"}, words(call[1])...))
		}
		if err == nil {
			t.Errorf("%s passes", text)
		}
	}
}
