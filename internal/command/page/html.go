package page

import (
	"bytes"
	"fmt"
	"html"
	"strings"

	"github.com/certgraft/certgraft/internal/command/words"
)

// markup is text that already is HTML. All other text is escaped.
type markup string

// htmlWriter writes HTML that is also well-formed XML: a test reads it with a
// strict parser.
type htmlWriter struct{ buf bytes.Buffer }

// put formats its arguments. Text from a certificate, a root or the command line
// is hostile. So put escapes every argument except numbers and markup, and callers
// need not. Attributes are in double quotes.
func (h *htmlWriter) put(format string, args ...any) {
	inert := make([]any, len(args))
	for i, a := range args {
		switch a.(type) {
		case int, float64, markup:
			inert[i] = a
		default:
			inert[i] = escapeHTML(fmt.Sprint(a))
		}
	}
	fmt.Fprintf(&h.buf, format, inert...)
}

// escapeHTML returns s as the text of an element or an attribute.
func escapeHTML(s string) string { return html.EscapeString(strings.Map(words.Visible, s)) }

// codes returns names as a list within a line.
func codes(names []string) markup {
	var out []string
	for _, n := range names {
		out = append(out, "<code>"+escapeHTML(n)+"</code>")
	}
	return markup(strings.Join(out, ", "))
}

func openIf(open bool) markup {
	if open {
		return ` open="open"`
	}
	return ""
}

// tile writes a number and its label. Class is its colour unless n is 0.
func (h *htmlWriter) tile(n int, label, link, class string) {
	if n == 0 {
		class = "none"
	}
	h.put(`<li class="%s"><b>%d</b> `, class, n)
	if link == "" || n == 0 {
		h.put("<span>%s</span></li>\n", label)
		return
	}
	h.put("<a href=\"%s\">%s</a></li>\n", link, label)
}
