package command

import (
	"bytes"
	"io"
	"os"
	"strings"
	"unicode/utf8"

	"golang.org/x/term"

	"github.com/certgraft/certgraft/internal/command/words"
)

// sheet collects a report before it is printed. On a terminal it breaks lines
// between words, fits tables and colours verdicts.
type sheet struct {
	bytes.Buffer

	columns int // of the terminal; 0 without one
	colour  bool
}

// sheet returns an empty sheet for a stream.
func (p *printer) sheet(to io.Writer) *sheet {
	f, ok := to.(*os.File)
	if !ok || !isTerminal(to) {
		return &sheet{}
	}
	columns, _, err := term.GetSize(int(f.Fd()))
	if err != nil || columns < 40 {
		columns = 80
	}
	return &sheet{columns: columns, colour: p.env.colour()}
}

// columnsOf returns the width of the terminal that a report goes to, or 0 for
// another stream.
func columnsOf(w io.Writer) int {
	if s, ok := w.(*sheet); ok {
		return s.columns
	}
	return 0
}

// table writes rows in columns.
func table(w io.Writer, rows [][]string) { words.Table(w, rows, columnsOf(w)) }

// printed returns the report as it will be printed.
func (s *sheet) printed() []byte {
	text := bytes.Map(words.Visible, s.Bytes())
	if s.columns == 0 {
		return text
	}
	var out bytes.Buffer
	for line := range bytes.Lines(text) {
		for _, part := range s.broken(strings.TrimSuffix(string(line), "\n")) {
			out.WriteString(s.coloured(part) + "\n")
		}
	}
	return out.Bytes()
}

// broken breaks a line between words. Rows of tables already fit. A command keeps
// a whole line, so that it can be copied.
func (s *sheet) broken(line string) []string {
	text := strings.TrimLeft(line, " ")
	if utf8.RuneCountInString(line) <= s.columns || strings.Contains(text, "  ") {
		return []string{line}
	}
	indent := line[:len(line)-len(text)]
	before, command, found := strings.Cut(text, ": certgraft ")
	if !found {
		return s.wrapped(text, indent, indent+"  ")
	}
	command, after, more := strings.Cut(command, "; ")
	lines := append(s.wrapped(before+":", indent, indent+"  "), indent+"    certgraft "+command)
	if more {
		lines = append(lines, s.wrapped(after, indent+"  ", indent+"  ")...)
	}
	return lines
}

// wrapped breaks text into lines. The first line begins with first, the others
// with next.
func (s *sheet) wrapped(text, first, next string) []string {
	lines := words.Wrap(text, s.columns-len(first), next[len(first):])
	for i := range lines {
		lines[i] = first + lines[i]
	}
	return lines
}

// green is the colour of a good verdict.
const green = "32"

// verdictColours are the colours of verdicts, which are the first words of lines.
var verdictColours = []struct{ word, sgr string }{
	{"FAILED", red}, {"not trusted", red}, {"refused", red}, {"distrusted", red}, {"missing", red}, {"not-allowed", red}, {"forbidden", red}, {"unreadable", red}, {"expired", red},
	{"no verdict", yellow}, {"warn", yellow}, {"but", yellow}, {"expiring", yellow}, {"weak", yellow}, {"disagree", yellow},
	{"trusted", green}, {"ok", green}, {"done", green},
	{"what to do", cyan}, {"dry run", cyan},
}

// coloured colours the verdict at the start of a line.
func (s *sheet) coloured(line string) string {
	text := strings.TrimLeft(line, " ")
	if !s.colour {
		return line
	}
	for _, v := range verdictColours {
		if rest, ok := strings.CutPrefix(text, v.word); ok && (rest == "" || strings.ContainsAny(rest[:1], ": ")) {
			return line[:len(line)-len(text)] + "\x1b[" + v.sgr + "m" + v.word + "\x1b[0m" + rest
		}
	}
	return line
}
