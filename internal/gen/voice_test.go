package main

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/urfave/cli/v2"

	"github.com/certgraft/certgraft/internal/command"
)

// stiff are phrases without a subject or a noun.
var stiff = []string{
	"is none", "those that", "what is to be", "is to be ", "are to be ", "is there and", "set are", "set is, too", "of the images that were",
	"mount say", "could not be told", "cannot be told", "again and again", "larger than any is", "the time is up", "it is what it was", "can be had",
	"no layer more", "so it is with",
}

// People read one word for one thing, in sentences that have a subject.
func TestVoice(t *testing.T) {
	for name, text := range peopleRead(t) {
		for i, line := range strings.Split(text, "\n") {
			for _, phrase := range append(stiff, unwanted(t)...) {
				if regexp.MustCompile(`(?i)\b` + regexp.QuoteMeta(strings.TrimSpace(phrase)) + `\b`).MatchString(line) {
					t.Errorf("%s:%d says %q: %s", name, i+1, phrase, line)
				}
			}
		}
	}
}

// The test finds a word and a phrase.
func TestVoiceFinds(t *testing.T) {
	words := unwanted(t)
	if len(words) < 15 {
		t.Fatalf("CONTRIBUTING.md has only %d words that are not used", len(words))
	}
	for _, word := range words {
		if strings.TrimSpace(word) == "" || strings.Contains(word, "|") {
			t.Errorf("the word %q in CONTRIBUTING.md is not a word", word)
		}
	}
}

// unwanted are the words of the last column of the table in CONTRIBUTING.md.
func unwanted(t *testing.T) (words []string) {
	t.Helper()
	data, err := os.ReadFile(root + "/CONTRIBUTING.md")
	if err != nil {
		t.Fatal(err)
	}
	_, table, ok := strings.Cut(string(data), "| word | means | not |\n| --- | --- | --- |\n")
	if !ok {
		t.Fatal("CONTRIBUTING.md has no table of words")
	}
	for row := range strings.Lines(table) {
		cells := strings.Split(strings.Trim(row, "|\n "), "|")
		if len(cells) != 3 {
			return words
		}
		words = append(words, strings.Split(strings.TrimSpace(cells[2]), ", ")...)
	}
	return words
}

var codeBlock = regexp.MustCompile("(?ms)^ *```.*?^ *```|`[^`\n]*`")

// peopleRead returns the texts for people by name: pages without code, and the
// help.
func peopleRead(t *testing.T) map[string]string {
	t.Helper()
	found := map[string]string{}
	names, err := filepath.Glob(root + "/docs/*.md")
	if err != nil || len(names) < 15 {
		t.Fatalf("only %d pages: %v", len(names), err)
	}
	for _, name := range append(names, root+"/README.md", root+"/SECURITY.md") {
		data, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		found[strings.TrimPrefix(name, root+"/")] = codeBlock.ReplaceAllStringFunc(string(data), func(code string) string {
			return strings.Repeat("\n", strings.Count(code, "\n"))
		})
	}
	for _, c := range command.App().Commands {
		var text strings.Builder
		text.WriteString(c.Usage + "\n" + c.Description)
		for _, f := range c.Flags {
			text.WriteString("\n" + f.(cli.DocGenerationFlag).GetUsage())
		}
		found["help of "+c.Name] = text.String()
	}
	return found
}
