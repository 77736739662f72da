// Package words holds what several kinds of output need to put counts, lists and
// other people's names into sentences: start with [Plural].
package words

import (
	"fmt"
	"strings"
	"unicode"
)

// Plural returns n and the noun that goes with it.
func Plural(n int, one string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %ss", n, one)
}

// Some names the first few of names and counts the others.
func Some(names []string, most int) string {
	if len(names) <= most {
		return strings.Join(names, "; ")
	}
	return fmt.Sprintf("%s and %d more", strings.Join(names[:most], "; "), len(names)-most)
}

// Visible replaces what could move a terminal's cursor, or turn the direction of
// a line: names of files are anybody's. It is a mapping for [strings.Map].
func Visible(r rune) rune {
	switch {
	case r == '\n', unicode.IsPrint(r):
		return r
	case unicode.IsSpace(r):
		return ' '
	}
	return unicode.ReplacementChar
}

// Or names alternatives: a, b or c.
func Or(names []string) string {
	last := len(names) - 1
	if last < 1 {
		return strings.Join(names, "")
	}
	return strings.Join(names[:last], ", ") + " or " + names[last]
}
