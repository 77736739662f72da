package command_test

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/certgraft/certgraft/internal/command"
)

func itoa(n int) string { return strconv.Itoa(n) }

// parsedOnly are the command lines that do not run, by their text, with the
// reason.
var parsedOnly = []struct{ text, why string }{
	{"docker-daemon:", "needs an engine"},
	{"docker run", "needs an engine"},
	{"run --in-root", "edits the root that it runs in; e2e builds the stage"},
}

// The program accepts every command line in the documentation. Each is parsed, and
// runs in a place of its own with everything that it names: files, roots, images
// in a registry, servers behind a proxy.
func TestDocumentedCommands(t *testing.T) {
	d := docRun{world: newDocWorld(t), skipped: map[string]int{}}
	for _, file := range docFiles(t) {
		t.Run(filepath.Base(file), func(t *testing.T) { d.page(t, file) })
	}
	t.Logf("%d command lines run, %d in sentences parsed, not run: %v", d.ran, d.inline, d.skipped)
	if d.ran < 90 && !testing.Short() {
		t.Errorf("only %d command lines are found", d.ran)
	}
}

// docRun tests the command lines of pages and counts them.
type docRun struct {
	world *docWorld

	ran, inline int
	skipped     map[string]int // by the reason
}

func (d *docRun) page(t *testing.T, file string) {
	lines := docLines(t, file)
	if strings.Contains(file, "Dockerfile") && len(lines) != 7 {
		t.Errorf("%d command lines in %s, want 7", len(lines), file)
	}
	blocks := map[int]string{}
	for _, l := range lines {
		blocks[l.block] += l.text + "\n"
	}
	block, dir := -1, ""
	for _, l := range lines {
		if !l.inline && block != l.block && (filepath.Base(file) == "README.md" || !testing.Short()) {
			block, dir = l.block, d.world.place(t, blocks[l.block])
		}
		t.Run(l.at, func(t *testing.T) { d.line(t, dir, l) })
	}
}

func (d *docRun) line(t *testing.T, dir string, l docLine) {
	parseDocLine(t, l)
	if l.inline {
		d.inline++
		return
	}
	if dir == "" {
		d.skipped["short"]++
		return
	}
	if why := onlyParsed(l.text); why != "" {
		d.skipped[why]++
		t.Logf("parsed only, %s: %s", why, l.text)
		return
	}
	d.ran++
	out, err := d.world.shell(t, dir, l.text)
	if err != nil {
		t.Errorf("%s\n%v\n%s", l.text, err, out)
	}
	l.compare(t, out)
}

func onlyParsed(text string) string {
	for _, p := range parsedOnly {
		if strings.Contains(text, p.text) {
			return p.why
		}
	}
	return ""
}

// parseDocLine compares each call in a line with the command tree.
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

// compare compares the output that a page shows with the real output, except for
// numbers and the width of columns. A page may shorten digests. If the page shows
// a download, nothing is compared, because here nothing is downloaded.
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

// No command line of a page edits the machine that runs the tests.
func TestDocumentedCommandsStayInTheirPlace(t *testing.T) {
	dir := t.TempDir()
	t.Setenv("CERTGRAFT_DOCS", dir)
	for _, text := range []string{"install x", "remove --all", "distrust @all", "distrust --undo"} {
		args, err := docArgs(append([]string{"certgraft"}, words(text)...))
		if at := slices.Index(args, "--root"); err != nil || at < 0 || args[at+1] != filepath.Join(dir, "live") {
			t.Errorf("%s: %q %v", text, args, err)
		}
	}
	if args, err := docArgs(words("certgraft run --in-root x -- true")); err == nil {
		t.Errorf("%q passes", args)
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

var (
	pageLink = regexp.MustCompile(`\]\(([^)\s]+)\)`)
	heading  = regexp.MustCompile(`(?m)^#+ (.*)$`)
	unlinked = regexp.MustCompile(`[^\p{L}\p{N} _-]`)
)

// Every link of a page leads to a file that exists, and to a heading in it.
func TestDocumentationLinks(t *testing.T) {
	for _, file := range docFiles(t) {
		data, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range pageLink.FindAllStringSubmatch(string(data), -1) {
			name, anchor, _ := strings.Cut(m[1], "#")
			if strings.Contains(name, "://") {
				continue
			}
			to := file
			if name != "" {
				to = filepath.Join(filepath.Dir(file), name)
			}
			text, err := os.ReadFile(to)
			if info, e := os.Stat(to); e == nil && info.IsDir() {
				err = nil
			}
			switch {
			case err != nil:
				t.Errorf("%s links to %s: %v", file, m[1], err)
			case anchor != "" && !hasHeading(string(text), anchor):
				t.Errorf("%s links to %s, which has no such heading", file, m[1])
			}
		}
	}
}

// hasHeading reports whether a page has the heading for an anchor. GitHub derives
// anchors from headings.
func hasHeading(page, anchor string) bool {
	for _, h := range heading.FindAllStringSubmatch(page, -1) {
		slug := strings.ReplaceAll(unlinked.ReplaceAllString(strings.ToLower(strings.TrimSpace(h[1])), ""), " ", "-")
		if slug == anchor {
			return true
		}
	}
	return false
}
