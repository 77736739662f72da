package page

import (
	"bytes"
	"fmt"
	"html"
	"strings"

	"github.com/certgraft/certgraft/internal/command/words"
)

// markup is text that is HTML already. Everything else is escaped.
type markup string

// htmlWriter writes HTML that is well-formed XML too, so that a test can read
// it with a strict parser.
type htmlWriter struct{ buf bytes.Buffer }

// put writes its arguments into format. What comes from a certificate, a root
// or the command line is hostile: numbers and markup aside, every argument is
// escaped here, not where it is passed. Attributes are in double quotes.
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

// escapeHTML returns s as text for an element or an attribute.
func escapeHTML(s string) string { return html.EscapeString(strings.Map(words.Visible, s)) }

// codes returns names as a list in a line.
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

// tile writes a number and what it counts; class is its colour if it is not 0.
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
