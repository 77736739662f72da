package settings

import (
	"strings"
)

// readGit reads a gitconfig: git-config(1), "Syntax". Keys are SECTION.KEY in
// lower case. The subsection is ignored.
func readGit(text string, yield func(line int, key, value string)) {
	section := ""
	for line, s := range joined(text) {
		s = strings.TrimSpace(s)
		if rest, ok := strings.CutPrefix(s, "["); ok {
			var head string
			head, s = cutHead(rest)
			section, _, _ = strings.Cut(strings.TrimSpace(head), " ")
			section = strings.ToLower(section)
			s = strings.TrimSpace(s)
		}
		if key, value, ok := strings.Cut(s, "="); ok && s[0] != '#' && s[0] != ';' {
			yield(line, section+"."+strings.ToLower(strings.TrimSpace(key)), unquoted(value))
		}
	}
}

// cutHead splits a line after the bracket that closes the head of a section. A
// bracket in quotes belongs to the name.
func cutHead(s string) (head, rest string) {
	inside := false
	for i := 0; i < len(s); i++ {
		switch {
		case s[i] == '\\':
			i++
		case s[i] == '"':
			inside = !inside
		case s[i] == ']' && !inside:
			return s[:i], s[i+1:]
		}
	}
	return s, ""
}

// unquoted returns a value of a gitconfig without its quotes, escapes and
// comments.
func unquoted(s string) string {
	var out strings.Builder
	inside := false
	for i := 0; i < len(s); i++ {
		switch c := s[i]; {
		case c == '\\' && i+1 < len(s):
			i++
			out.WriteByte(s[i])
		case c == '"':
			inside = !inside
		case (c == '#' || c == ';') && !inside:
			return strings.TrimSpace(out.String())
		default:
			out.WriteByte(c)
		}
	}
	return strings.TrimSpace(out.String())
}

// readINI reads the format of Python's configparser. It ignores sections.
func readINI(text string, yield func(line int, key, value string)) {
	for line, s := range plain(text, "#;") {
		if at := strings.IndexAny(s, "=:"); at > 0 {
			yield(line, strings.ToLower(strings.TrimSpace(s[:at])), strings.TrimSpace(s[at+1:]))
		}
	}
}

// readNPM reads an .npmrc: npmrc(5).
func readNPM(text string, yield func(line int, key, value string)) {
	for line, s := range plain(text, "#;") {
		if key, value, ok := strings.Cut(s, "="); ok {
			value = strings.TrimSpace(value)
			if !strings.HasPrefix(value, `"`) && !strings.HasPrefix(value, "'") {
				if at := strings.IndexAny(value, "#;"); at >= 0 {
					value = value[:at]
				}
			}
			yield(line, strings.TrimSpace(key), strings.Trim(value, `"' `))
		}
	}
}

// readYAML reads the scalars of a mapping that stand on the line of their key.
func readYAML(text string, yield func(line int, key, value string)) {
	for line, s := range lines(text) {
		key, value, ok := strings.Cut(s, ":")
		if !ok || strings.TrimLeft(key, " \t#") != key {
			continue
		}
		value, _, _ = strings.Cut(value, " #")
		yield(line, strings.Trim(key, `"' `), strings.Trim(strings.TrimSpace(value), `"'`))
	}
}

// readCurl reads a .curlrc: curl(1), "--config".
func readCurl(text string, yield func(line int, key, value string)) {
	for line, s := range plain(text, "#") {
		at := strings.IndexAny(s, " \t=:")
		if at < 0 {
			continue
		}
		value := strings.TrimLeft(s[at:], " \t=:")
		if quoted, ok := strings.CutPrefix(value, `"`); ok {
			value, _, _ = strings.Cut(quoted, `"`)
		} else if end := strings.IndexAny(value, " \t"); end >= 0 {
			value = value[:end]
		}
		yield(line, strings.TrimLeft(s[:at], "-"), value)
	}
}

// readProperties reads Java's properties: java.util.Properties.load.
func readProperties(text string, yield func(line int, key, value string)) {
	for line, s := range joined(text) {
		s = strings.TrimSpace(s)
		if s == "" || s[0] == '#' || s[0] == '!' {
			continue
		}
		if at := strings.IndexAny(s, "=: \t"); at > 0 {
			value := strings.TrimLeft(strings.TrimLeft(s[at:], " \t"), "=:")
			yield(line, s[:at], strings.ReplaceAll(strings.TrimSpace(value), `\`, ""))
		}
	}
}

// readWget reads a wgetrc. Its commands ignore case, - and _.
func readWget(text string, yield func(line int, key, value string)) {
	for line, s := range plain(text, "#") {
		if key, value, ok := strings.Cut(s, "="); ok {
			key = strings.NewReplacer("-", "", "_", "").Replace(strings.ToLower(strings.TrimSpace(key)))
			yield(line, key, strings.TrimSpace(value))
		}
	}
}

// readAPT reads the configuration of apt: apt.conf(5). Keys omit the names of the
// scopes around them.
func readAPT(text string, yield func(line int, key, value string)) {
	for line, s := range plain(text, "#") {
		for part := range strings.SplitSeq(s, ";") {
			before, value, ok := strings.Cut(part, `"`)
			value, _, closed := strings.Cut(value, `"`)
			words := strings.FieldsFunc(before, func(r rune) bool { return strings.ContainsRune(" \t{}:", r) })
			if ok && closed && len(words) > 0 && !strings.HasPrefix(words[0], "//") {
				yield(line, strings.ToLower(words[len(words)-1]), value)
			}
		}
	}
}

// lines yields the lines of a text with their numbers.
func lines(text string) func(yield func(int, string) bool) {
	return func(yield func(int, string) bool) {
		n := 0
		for s := range strings.Lines(strings.TrimPrefix(text, "\ufeff")) {
			n++
			if !yield(n, strings.TrimRight(s, "\r\n")) {
				return
			}
		}
	}
}

// plain yields the lines without the white space around them, and skips comments.
func plain(text, comments string) func(yield func(int, string) bool) {
	return func(yield func(int, string) bool) {
		for n, s := range lines(text) {
			s = strings.TrimSpace(s)
			if s != "" && !strings.ContainsRune(comments, rune(s[0])) && !yield(n, s) {
				return
			}
		}
	}
}

// joined yields the lines. A \ at the end of a line joins the next line to it.
func joined(text string) func(yield func(int, string) bool) {
	return func(yield func(int, string) bool) {
		first, whole := 0, ""
		for n, s := range lines(text) {
			if first == 0 {
				first = n
			}
			if rest, ok := strings.CutSuffix(s, `\`); ok && !strings.HasSuffix(rest, `\`) {
				whole += strings.TrimLeft(rest, " \t")
				continue
			}
			if !yield(first, whole+s) {
				return
			}
			first, whole = 0, ""
		}
	}
}
