package manifest

import (
	"strconv"
	"strings"
)

// value reads a scalar that begins with text on the next line, in a block with
// this indentation.
func (p *parser) value(text string, indent int) error {
	switch text[0] {
	case '|', '>':
		return p.literal(text, indent)
	case '"':
		return p.quoted(text, indent, double)
	case '\'':
		return p.quoted(text, indent, single)
	case '{', '[':
		return p.flow(text, indent)
	case '&', '*':
		return p.wrong("anchors and aliases are not read")
	case '!':
		return p.wrong("tags are not read")
	case '%', '@', '`':
		return p.wrong("a value cannot begin with %s", strconv.Quote(text[:1]))
	}
	return p.plain(text, indent)
}

// plain reads a scalar without quotes. Further lines with more indentation belong
// to it.
func (p *parser) plain(text string, indent int) error {
	start := p.next().number
	var parts []string
	for {
		text, _, _ = strings.Cut(text, " #")
		parts = append(parts, strings.TrimRight(text, " \t"))
		p.at++
		for p.more() && p.next().text == "" {
			p.at++
		}
		if !p.more() || p.next().indent <= indent || p.next().text[0] == '#' {
			break
		}
		if text = p.next().text; strings.Contains(text, ": ") || strings.HasSuffix(text, ":") {
			return p.wrong("a value on a line of its own is followed by a key")
		}
	}
	p.add(strings.Join(parts, " "), start)
	return nil
}

// literal reads a block after | or >.
func (p *parser) literal(header string, indent int) error {
	start := p.next().number
	options, _, _ := strings.Cut(header[1:], " #")
	body := 0
	for _, c := range strings.TrimSpace(options) {
		switch {
		case c == '-' || c == '+':
		case c >= '1' && c <= '9' && body == 0:
			body = indent + int(c-'0')
		default:
			return p.wrong("%s does not begin a block", strconv.Quote(header))
		}
	}
	var b strings.Builder
	for p.at++; p.more(); p.at++ {
		l := p.next()
		if l.text == "" {
			b.WriteByte('\n')
			continue
		}
		if body == 0 && l.indent > indent {
			body = l.indent
		}
		if l.indent <= indent || l.indent < body {
			break
		}
		b.WriteString(l.raw[body:])
		b.WriteByte('\n')
	}
	p.add(b.String(), start)
	return nil
}

// style is one of the two styles of quotes.
type style struct {
	end     func(text string) int // the index of the closing quote in text, or -1
	escapes bool                  // a backslash at the end of a line removes the line break
	decode  func(text string) (string, bool)
}

var (
	single = style{singleEnd, false, func(s string) (string, bool) { return strings.ReplaceAll(s, "''", "'"), true }}
	double = style{doubleEnd, true, unescape}
)

// quoted reads a scalar in quotes, which may span lines. One line break becomes a
// space. A line break with empty lines becomes as many breaks as there are empty
// lines.
func (p *parser) quoted(text string, indent int, s style) error {
	start := p.next().number
	var b strings.Builder
	join := ""
	for text = text[1:]; ; text = p.next().text {
		end := s.end(text)
		part := text
		if end >= 0 {
			part = text[:end]
		}
		if part == "" && end < 0 && b.Len() > 0 {
			join = strings.TrimPrefix(join, " ") + "\n"
		} else {
			open := end < 0 && s.escapes && endsInEscape(part)
			if open {
				part = part[:len(part)-1]
			}
			b.WriteString(join)
			b.WriteString(part)
			if join = " "; open || b.Len() == 0 {
				join = ""
			}
		}
		p.at++
		if end >= 0 {
			return p.endQuoted(text[end+1:], start, b.String(), s)
		}
		if !p.more() || p.next().text != "" && p.next().indent <= indent && indent > 0 {
			return p.wrong("the quote that begins on line %d has no end", start)
		}
	}
}

// endQuoted adds a scalar whose closing quote was read, and checks the text after
// it.
func (p *parser) endQuoted(after string, start int, text string, s style) error {
	value, ok := s.decode(text)
	after = strings.TrimLeft(after, " \t")
	switch {
	case after != "" && after[0] != '#':
		p.at--
		return p.wrong("text follows a quoted value")
	case !ok:
		p.at--
		return p.wrong("an escape of a quoted value is not one of YAML")
	}
	p.add(value, start)
	return nil
}

func singleEnd(text string) int {
	for i := 0; i < len(text); i++ {
		if text[i] != '\'' {
			continue
		}
		if i+1 == len(text) || text[i+1] != '\'' {
			return i
		}
		i++
	}
	return -1
}

func doubleEnd(text string) int {
	for i := 0; i < len(text); i++ {
		switch text[i] {
		case '\\':
			i++
		case '"':
			return i
		}
	}
	return -1
}

func endsInEscape(text string) bool {
	return (len(text)-len(strings.TrimRight(text, `\`)))%2 == 1
}

// escapes are the escapes of YAML with one letter, and their characters.
const (
	escapes = `0abtnvfre "/\N_LP`
	stands  = "\x00\a\b\t\n\v\f\r\x1b \"/\\\u0085\u00a0\u2028\u2029"
)

// unescape decodes the escapes of a double-quoted scalar.
func unescape(text string) (string, bool) {
	var b strings.Builder
	for {
		before, after, found := strings.Cut(text, `\`)
		b.WriteString(before)
		if !found {
			return b.String(), true
		}
		if after == "" {
			return "", false
		}
		if i := strings.IndexByte(escapes, after[0]); i >= 0 {
			b.WriteRune([]rune(stands)[i])
			text = after[1:]
			continue
		}
		digits := map[byte]int{'x': 2, 'u': 4, 'U': 8}[after[0]]
		if digits == 0 || len(after) <= digits {
			return "", false
		}
		n, err := strconv.ParseUint(after[1:1+digits], 16, 32)
		if err != nil {
			return "", false
		}
		b.WriteRune(rune(n))
		text = after[1+digits:]
	}
}

// flow skips a collection in braces or brackets, which may span lines.
func (p *parser) flow(text string, indent int) error {
	start, depth := p.next().number, 0
	for quote := byte(0); ; text = p.next().text {
		for i := 0; i < len(text); i++ {
			switch c := text[i]; {
			case quote == '"' && c == '\\':
				i++
			case quote != 0:
				if c == quote {
					quote = 0
				}
			case c == '"' || c == '\'':
				quote = c
			case c == '{' || c == '[':
				depth++
			case c == '}' || c == ']':
				if depth--; depth == 0 {
					if after := strings.TrimLeft(text[i+1:], " "); after != "" && after[0] != '#' {
						return p.wrong("text follows a collection in brackets")
					}
					p.at++
					return nil
				}
			case c == '&' || c == '*':
				return p.wrong("anchors and aliases are not read")
			}
		}
		p.at++
		if !p.more() || p.next().text != "" && p.next().indent <= indent && indent > 0 {
			return p.wrong("the bracket that begins on line %d has no end", start)
		}
	}
}
