// Package manifest reads the YAML of Kubernetes objects and of kubeconfig files:
// as much of YAML as kubectl, Helm and the libraries for it write, and no more.
//
// Start with [Scalars]. Read are mappings and lists in lines of their own, plain
// and quoted scalars and blocks behind | and >. Anchors, aliases, tags and
// directives are errors, so that nothing can grow: the time that it takes is
// linear in the size of the text.
package manifest

import (
	"bytes"
	"fmt"
	"strings"
)

// Scalar is one value of a document.
type Scalar struct {
	Path  []string // the keys that lead to it; lists have none
	Value string
	Line  int // on which it begins, from 1
}

// Key returns the last key, or "".
func (s Scalar) Key() string { return s.up(1) }

// Parent returns the key above the last, or "".
func (s Scalar) Parent() string { return s.up(2) }

func (s Scalar) up(n int) string {
	if len(s.Path) < n {
		return ""
	}
	return s.Path[len(s.Path)-n]
}

// Looks reports whether text is such a document: it has apiVersion at the start of
// a line.
func Looks(text []byte) bool {
	for at := 0; ; {
		n := bytes.Index(text[at:], []byte("apiVersion"))
		if n < 0 {
			return false
		}
		at += n
		before, after := text[:at], text[at+len("apiVersion"):]
		if len(before) > 0 && (before[len(before)-1] == '"' || before[len(before)-1] == '\'') && len(after) > 0 {
			before, after = before[:len(before)-1], after[1:]
		}
		before = bytes.TrimSuffix(before, []byte("\ufeff"))
		if (len(before) == 0 || before[len(before)-1] == '\n') && bytes.HasPrefix(after, []byte(":")) {
			return true
		}
		at++
	}
}

// Scalars returns the scalars of all documents in text, in order. The error names
// the line from which on the text is not what this package reads.
func Scalars(text []byte) ([]Scalar, error) {
	p := &parser{lines: split(strings.TrimPrefix(string(text), "\ufeff"))}
	for p.skipBlank(); p.more(); p.skipBlank() {
		if err := p.document(); err != nil {
			return nil, err
		}
	}
	return p.found, nil
}

// line is a line of text without its indentation.
type line struct {
	indent int
	text   string // without spaces at its end
	raw    string // the whole line
	number int
}

func split(text string) []line {
	var all []line
	for n, raw := range strings.Split(strings.ReplaceAll(text, "\r\n", "\n"), "\n") {
		body := strings.TrimLeft(raw, " ")
		all = append(all, line{len(raw) - len(body), strings.TrimRight(body, " \t"), raw, n + 1})
	}
	return all
}

// maxDepth bounds how deep values are nested.
const maxDepth = 32

type parser struct {
	lines []line
	at    int // the line that is next
	path  []string
	depth int
	found []Scalar
}

func (p *parser) more() bool { return p.at < len(p.lines) }

func (p *parser) next() *line { return &p.lines[p.at] }

// wrong is the error about the line that is next, or the last.
func (p *parser) wrong(format string, args ...any) error {
	number := p.lines[min(p.at, len(p.lines)-1)].number
	return fmt.Errorf("line %d: %s", number, fmt.Sprintf(format, args...))
}

// skipBlank goes to the next line that says something.
func (p *parser) skipBlank() {
	for p.more() && (p.next().text == "" || p.next().text[0] == '#') {
		p.at++
	}
}

// isMark reports whether a line divides documents.
func (l *line) isMark() bool {
	return l.indent == 0 && (l.text == "---" || l.text == "..." || strings.HasPrefix(l.text, "--- #"))
}

// document reads one document, up to the mark behind it.
func (p *parser) document() error {
	if p.next().isMark() {
		p.at++
		return nil
	}
	if err := p.block(0); err != nil {
		return err
	}
	if p.skipBlank(); p.more() && !p.next().isMark() {
		return p.wrong("its indentation fits nothing above it")
	}
	return nil
}

// block reads a mapping or a list whose lines are indented by at least that much.
func (p *parser) block(least int) error {
	p.skipBlank()
	if !p.more() || p.next().isMark() || p.next().indent < least {
		return nil
	}
	if p.depth++; p.depth > maxDepth {
		return p.wrong("values are nested more than %d deep", maxDepth)
	}
	defer func() { p.depth-- }()
	indent := p.next().indent
	for p.more() && !p.next().isMark() && p.next().indent == indent {
		l := p.next()
		if strings.HasPrefix(l.text, "\t") {
			return p.wrong("a tab is no indentation")
		}
		read := p.entry
		if isItem(l.text) {
			read = p.item
		}
		if err := read(l); err != nil {
			return err
		}
		p.skipBlank()
	}
	return nil
}

func isItem(text string) bool { return text == "-" || strings.HasPrefix(text, "- ") }

// item reads an element of a list: a scalar, or a block that begins on the same
// line.
func (p *parser) item(l *line) error {
	rest := strings.TrimLeft(l.text[1:], " ")
	if rest == "" || rest[0] == '#' {
		p.at++
		return p.block(l.indent + 1)
	}
	_, _, isEntry := cutKey(rest)
	if !isEntry && !isItem(rest) {
		return p.value(rest, l.indent)
	}
	outer := l.indent
	l.indent, l.text = l.indent+len(l.text)-len(rest), rest
	return p.block(outer + 1)
}

// entry reads a key and its value.
func (p *parser) entry(l *line) error {
	key, rest, ok := cutKey(l.text)
	if !ok {
		return p.wrong("it is neither KEY: VALUE nor an element of a list")
	}
	p.path = append(p.path, key)
	defer func() { p.path = p.path[:len(p.path)-1] }()
	if rest != "" && rest[0] != '#' {
		return p.value(rest, l.indent)
	}
	p.at++
	p.skipBlank()
	if p.more() && p.next().indent == l.indent && isItem(p.next().text) {
		return p.list(l.indent)
	}
	return p.block(l.indent + 1)
}

// list reads the elements of a list that is not indented more than its key is.
func (p *parser) list(indent int) error {
	for p.more() && p.next().indent == indent && isItem(p.next().text) {
		if err := p.item(p.next()); err != nil {
			return err
		}
		p.skipBlank()
	}
	return nil
}

// cutKey cuts a line into key and value.
func cutKey(text string) (key, rest string, ok bool) {
	if text != "" && (text[0] == '"' || text[0] == '\'') {
		end := strings.IndexByte(text[1:], text[0])
		if end < 0 {
			return "", "", false
		}
		key = text[1 : 1+end]
		rest, ok = strings.CutPrefix(strings.TrimLeft(text[2+end:], " "), ":")
		return key, strings.TrimLeft(rest, " "), ok && !strings.Contains(key, `\`)
	}
	if strings.ContainsAny(first(text), "&*!|>%@`?{}[],#") {
		return "", "", false
	}
	if key, ok = strings.CutSuffix(text, ":"); ok && !strings.Contains(key, ": ") {
		return key, "", true
	}
	key, rest, ok = strings.Cut(text, ": ")
	return key, strings.TrimLeft(rest, " "), ok
}

// first returns the first byte of text.
func first(text string) string { return text[:min(len(text), 1)] }

// add adds a scalar at the path.
func (p *parser) add(value string, line int) {
	p.found = append(p.found, Scalar{append([]string(nil), p.path...), value, line})
}
