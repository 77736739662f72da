package command

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// On a terminal lines break between words, a verdict has colour, and a command for
// copying stays on its line.
func TestSheet(t *testing.T) {
	long := "not trusted: " + strings.Repeat("word ", 20)
	command := "  what to do: certgraft install --root /a/very/long/name/of/a/directory/that/goes/on ./ROOT.pem; or else"
	for _, test := range []struct {
		sheet *sheet
		want  string
	}{
		{&sheet{}, long + "\n" + command + "\nFAILED\x00ok\n"},
		{&sheet{columns: 80}, "not trusted: " + strings.Repeat("word ", 12) + "word\n  " + strings.TrimSpace(strings.Repeat("word ", 7)) + "\n  what to do:\n      certgraft install --root /a/very/long/name/of/a/directory/that/goes/on ./ROOT.pem\n    or else\nFAILED\x00ok\n"},
		{&sheet{columns: 200, colour: true}, "\x1b[31;1mnot trusted\x1b[0m" + long[len("not trusted"):] + "\n  \x1b[36mwhat to do\x1b[0m" + command[len("  what to do"):] + "\nFAILED\x00ok\n"},
	} {
		fmt.Fprintf(test.sheet, "%s\n%s\nFAILED\x1bok\n", long, command)
		if got, want := string(test.sheet.printed()), strings.ReplaceAll(test.want, "\x00", "\ufffd"); got != want {
			t.Errorf("columns %d:\n%q, want\n%q", test.sheet.columns, got, want)
		}
	}
}

// A file is not a terminal: scripts get whole lines without colour.
func TestSheetOfAFile(t *testing.T) {
	f, err := os.Create(filepath.Join(t.TempDir(), "out"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if s := newPrinter(nil, f, f, environ{}).sheet(f); s.columns != 0 || s.colour {
		t.Errorf("a file has %d columns and colour %v", s.columns, s.colour)
	}
}
