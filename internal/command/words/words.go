// Package words puts counts, lists and foreign names into sentences. Start with
// [Plural].
package words

import (
	"fmt"
	"iter"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Plural returns n and the noun in its right form.
func Plural(n int, one string) string {
	if n == 1 {
		return "1 " + one
	}
	if stem, ok := strings.CutSuffix(one, "ory"); ok {
		return fmt.Sprintf("%d %sories", n, stem)
	}
	return fmt.Sprintf("%d %ss", n, one)
}

// Some names the first names, up to most, and counts the others.
func Some(names []string, most int) string {
	if len(names) <= most {
		return strings.Join(names, "; ")
	}
	return fmt.Sprintf("%s and %d more", strings.Join(names[:most], "; "), len(names)-most)
}

// Group yields the names of all entries with the same key. Keys come in the order
// of their first entry.
func Group[T any, K comparable](all []T, by func(T) (key K, name string)) iter.Seq2[K, []string] {
	var order []K
	names := map[K][]string{}
	for _, one := range all {
		key, name := by(one)
		if names[key] == nil {
			order = append(order, key)
		}
		names[key] = append(names[key], name)
	}
	return func(yield func(K, []string) bool) {
		for _, key := range order {
			if !yield(key, names[key]) {
				return
			}
		}
	}
}

// Visible replaces characters that could move the cursor of a terminal or turn the
// direction of a line, because anybody can choose the name of a file. It is a
// mapping for [strings.Map].
func Visible(r rune) rune {
	switch {
	case r == '\n', unicode.IsPrint(r):
		return r
	case unicode.IsSpace(r):
		return ' '
	}
	return unicode.ReplacementChar
}

// Or joins alternatives: a, b or c.
func Or(names []string) string { return joined(names, " or ") }

// List joins names: a, b and c.
func List(names []string) string { return joined(names, " and ") }

func joined(names []string, before string) string {
	last := len(names) - 1
	if last < 1 {
		return strings.Join(names, "")
	}
	return strings.Join(names[:last], ", ") + before + names[last]
}

// Wrap breaks text between words into lines of up to columns characters. Lines
// after the first are indented. A longer word gets a line of its own.
func Wrap(text string, columns int, indent string) (lines []string) {
	line, width := "", 0
	for word := range strings.FieldsSeq(text) {
		n := utf8.RuneCountInString(word)
		if width > 0 && width+1+n > columns {
			lines = append(lines, line)
			line, width = indent+word, utf8.RuneCountInString(indent)+n
			continue
		}
		if width > 0 {
			line, width = line+" ", width+1
		}
		line, width = line+word, width+n
	}
	return append(lines, line)
}
