// Package manifest reads the YAML of Kubernetes objects and kubeconfig files. It
// reads only the part of YAML that kubectl, Helm and their libraries write.
//
// Start with [Scalars]. It reads mappings and lists on lines of their own, plain
// and quoted scalars, and blocks after | and >. Anchors, aliases, tags and
// directives are errors. So no text can expand, and the time is linear in the size
// of the text.
package manifest

import (
	"bytes"
	"fmt"
	"strings"
)

// Scalar is one value of a document.
type Scalar struct {
	Path  []string // the keys above the scalar; lists have none
	Value string
	Line  int // the first line, from 1
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

// Looks reports whether text looks like a manifest: a line starts with apiVersion.
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
// the first line that this package cannot read.
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

// maxDepth is the limit for nested values.
const maxDepth = 32

type parser struct {
	lines []line
	at    int // index of the next line
	path  []string
	depth int
	found []Scalar
}

func (p *parser) more() bool { return p.at < len(p.lines) }

func (p *parser) next() *line { return &p.lines[p.at] }

// wrong is an error about the next line, or about the last line at the end.
func (p *parser) wrong(format string, args ...any) error {
	number := p.lines[min(p.at, len(p.lines)-1)].number
	return fmt.Errorf("line %d: %s", number, fmt.Sprintf(format, args...))
}

// skipBlank skips blank lines and comments.
func (p *parser) skipBlank() {
	for p.more() && (p.next().text == "" || p.next().text[0] == '#') {
		p.at++
	}
}

// isMark reports whether a line separates documents.
func (l *line) isMark() bool {
	return l.indent == 0 && (l.text == "---" || l.text == "..." || strings.HasPrefix(l.text, "--- #"))
}

// document reads one document, up to the mark after it.
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

// block reads a mapping or list whose lines are indented by at least least.
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

// list reads the elements of a list that has the same indentation as its key.
func (p *parser) list(indent int) error {
	for p.more() && p.next().indent == indent && isItem(p.next().text) {
		if err := p.item(p.next()); err != nil {
			return err
		}
		p.skipBlank()
	}
	return nil
}

// cutKey splits a line into key and value.
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

// first returns the first byte of text, or "".
func first(text string) string { return text[:min(len(text), 1)] }

// add adds a scalar at the present path.
func (p *parser) add(value string, line int) {
	p.found = append(p.found, Scalar{append([]string(nil), p.path...), value, line})
}
