package main

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"
)

// pageWidth is the limit for a line of a page. Tables and code are not folded,
// because Markdown does not allow it.
const pageWidth = 120

// written are the patterns of the pages that people and make bench write.
var written = []string{"README.md", "CONTRIBUTING.md", "SECURITY.md", "docs/*.md"}

// pageFiles folds the written pages.
func pageFiles(dir string) (map[string][]byte, error) {
	files := map[string][]byte{}
	for _, pattern := range written {
		names, err := filepath.Glob(filepath.Join(dir, pattern))
		if err != nil {
			return nil, err
		}
		for _, full := range names {
			data, err := os.ReadFile(full)
			if err != nil {
				return nil, err
			}
			name, _ := filepath.Rel(dir, full)
			files[filepath.ToSlash(name)] = []byte(fold(string(data)))
		}
	}
	return files, nil
}

// folded folds the pages that a part makes.
func folded(make part) part {
	return func(dir string) (map[string][]byte, error) {
		files, err := make(dir)
		for name, data := range files {
			if filepath.Ext(name) == ".md" {
				files[name] = []byte(fold(string(data)))
			}
		}
		return files, err
	}
}

var (
	listItem = regexp.MustCompile(`^( *)([-*+]|[0-9]+\.) `)
	// markup is a word that would start a list, a heading, a quotation or a table
	// at the beginning of a line.
	markup = regexp.MustCompile(`^([-*+>]|[0-9]+[.)]|#+|\|.*)$`)
)

// fold breaks the lines of a page that exceed pageWidth. A paragraph or list item
// without such a line keeps its breaks.
func fold(page string) string {
	var out, block []string
	flush := func() {
		out = append(out, foldBlock(block)...)
		block = nil
	}
	code := false
	for line := range strings.SplitSeq(page, "\n") {
		fence := strings.HasPrefix(strings.TrimSpace(line), "```")
		switch {
		case fence || code || !isProse(line):
			flush()
			out = append(out, line)
			code = code != fence
		case listItem.MatchString(line):
			flush()
			block = []string{line}
		default:
			block = append(block, line)
		}
	}
	flush()
	return strings.Join(out, "\n")
}

// isProse reports whether a line outside code may be folded.
func isProse(line string) bool {
	text := strings.TrimSpace(line)
	return text != "" && !strings.HasPrefix(text, "|") && !strings.HasPrefix(text, "#") && !strings.HasPrefix(text, "<!--")
}

// foldBlock folds the lines of one paragraph or list item.
func foldBlock(block []string) []string {
	long := false
	for _, line := range block {
		long = long || utf8.RuneCountInString(line) > pageWidth
	}
	if !long {
		return block
	}
	first := listItem.FindString(block[0])
	if first == "" {
		first = block[0][:len(block[0])-len(strings.TrimLeft(block[0], " "))]
	}
	rest := strings.Repeat(" ", len(first))
	var lines []string
	line := first
	for i, word := range keepLinks(proseWords(strings.TrimPrefix(strings.Join(block, "\n"), first))) {
		if i > 0 && line != rest {
			if utf8.RuneCountInString(line)+1+utf8.RuneCountInString(word) > pageWidth && !markup.MatchString(word) {
				lines = append(lines, line)
				line = rest
			} else {
				line += " "
			}
		}
		line += word
	}
	return append(lines, line)
}

// keepLinks joins the words of a short link.
func keepLinks(words []string) (kept []string) {
	for i := 0; i < len(words); i++ {
		word := words[i]
		if strings.HasPrefix(word, "[") && !strings.Contains(word, "]") {
			n := slices.IndexFunc(words[i:], func(w string) bool { return strings.Contains(w, "](") })
			if link := strings.Join(words[i:i+n+1], " "); n > 0 && utf8.RuneCountInString(link) < pageWidth/2 {
				word, i = link, i+n
			}
		}
		kept = append(kept, word)
	}
	return kept
}

// proseWords splits text at white space, but not inside a code span.
func proseWords(text string) (words []string) {
	for i, part := range strings.Split(text, "`") {
		if i%2 == 1 { // a code span belongs to the words beside it
			words[len(words)-1] += "`" + strings.Join(strings.Fields(part), " ") + "`"
			continue
		}
		fields := strings.Fields(part)
		if i > 0 && len(fields) > 0 && !startsWithSpace(part) {
			words[len(words)-1] += fields[0]
			fields = fields[1:]
		}
		words = append(words, fields...)
		if i == 0 && len(words) == 0 || endsWithSpace(part) {
			words = append(words, "")
		}
	}
	if n := len(words); n > 0 && words[n-1] == "" {
		words = words[:n-1]
	}
	return words
}

func startsWithSpace(s string) bool { return s != strings.TrimLeft(s, " \n") }
func endsWithSpace(s string) bool   { return s != strings.TrimRight(s, " \n") }
