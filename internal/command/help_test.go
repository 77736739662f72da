package command

import (
	"bytes"
	"strings"
	"testing"
	"unicode/utf8"
)

// Help fits a terminal of 80 columns, and lists flags by heading in the order of the
// pages.
func TestHelpFits(t *testing.T) {
	app := App()
	for _, c := range append([]string{""}, names(commands)...) {
		write, wanted := helpWanted(app, strings.Fields("certgraft "+c+" --help"))
		if !wanted {
			t.Fatalf("certgraft %s --help shows no help", c)
		}
		var text bytes.Buffer
		write(&text)
		for line := range strings.Lines(text.String()) {
			if n := utf8.RuneCountInString(strings.TrimSuffix(line, "\n")); n > 80 {
				t.Errorf("certgraft %s --help: a line of %d columns: %s", c, n, line)
			}
		}
		last := -1
		for _, category := range Categories() {
			at := strings.Index(text.String(), "\n"+category+"\n")
			if at >= 0 && at < last {
				t.Errorf("certgraft %s --help: %s stands too early", c, category)
			}
			last = max(last, at)
		}
		if !strings.Contains(text.String(), "--help, -h") {
			t.Errorf("certgraft %s --help does not name --help", c)
		}
	}
}

func names(all []builder) (names []string) {
	for _, b := range all {
		names = append(names, b.name)
	}
	return names
}

// Every flag has a heading of the help. Without a heading the help would omit it.
func TestEveryFlagIsInHelp(t *testing.T) {
	app := App()
	for _, c := range app.Commands {
		var text bytes.Buffer
		commandHelp(&text, c)
		for _, f := range c.Flags {
			if name, _ := flagHelp(f); !strings.Contains(text.String(), "\n  "+name) {
				t.Errorf("certgraft %s --help lacks %s", c.Name, name)
			}
		}
	}
}
