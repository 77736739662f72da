package main

import (
	"strings"
	"testing"
)

func TestFold(t *testing.T) {
	long := strings.Repeat("word ", 30) + "`a command  with words` end."
	for _, c := range []struct{ in, want string }{
		{"short\nlines\n", "short\nlines\n"},
		{"| " + long + " |\n", "| " + long + " |\n"},
		{"```\n" + long + "\n```\n", "```\n" + long + "\n```\n"},
		{"- " + long + "\n- b\n", "- " + strings.Repeat("word ", 22) + "word\n  " + strings.Repeat("word ", 7) + "`a command with words` end.\n- b\n"},
		{strings.Repeat("x", 100) + " y [a link of words](https://example.com/page) z\n", strings.Repeat("x", 100) + " y\n[a link of words](https://example.com/page) z\n"},
		{strings.Repeat("x", 118) + " - y\n", strings.Repeat("x", 118) + " -\ny\n"},
		{strings.Repeat("x", 110) + " (`certgraft list`), y\n", strings.Repeat("x", 110) + "\n(`certgraft list`), y\n"},
	} {
		if got := fold(c.in); got != c.want {
			t.Errorf("fold %q\n got %q\nwant %q", c.in, got, c.want)
		}
	}
}
