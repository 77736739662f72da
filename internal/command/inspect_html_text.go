package command

import (
	"bytes"
	"cmp"
	"fmt"
	"html"
	"iter"
	"slices"
	"strings"
	"time"

	"github.com/certgraft/certgraft/certs"
	"github.com/certgraft/certgraft/installer"
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
func escapeHTML(s string) string { return html.EscapeString(strings.Map(visible, s)) }

// codes returns names as a list in a line.
func codes(names []string) markup {
	var out []string
	for _, n := range names {
		out = append(out, "<code>"+escapeHTML(n)+"</code>")
	}
	return markup(strings.Join(out, ", "))
}

// life is where in its life a certificate is; the style sheet has a class for
// each.
type life string

const (
	lifeExpired life = "expired"
	lifeSoon    life = "soon"  // expires within [installer.ExpiresSoon]
	lifeEarly   life = "early" // not valid yet
	lifeValid   life = "valid"
)

func lifeOf(c *certs.Certificate, now time.Time) life {
	switch {
	case now.After(c.NotAfter()):
		return lifeExpired
	case now.Before(c.NotBefore()):
		return lifeEarly
	case now.Add(installer.ExpiresSoon).After(c.NotAfter()):
		return lifeSoon
	}
	return lifeValid
}

// distance says how far then is from now. It counts seconds, since a
// [time.Duration] ends after 292 years and certificates do not.
func distance(now, then time.Time) string {
	days := (then.Unix() - now.Unix()) / (24 * 60 * 60)
	if then.Before(now) {
		return span(-days) + " ago"
	}
	return "in " + span(days)
}

func span(days int64) string {
	switch {
	case days < 1:
		return "less than a day"
	case days < 90:
		return plural(int(days), "day")
	case days < 2*365:
		return plural(int(days/30), "month")
	}
	return plural(int(days*100/36525), "year")
}

// nameOf returns what people call a certificate.
func nameOf(c *certs.Certificate) string {
	return cmp.Or(c.Name(), c.Subject(), "(no name)")
}

// byName returns the certificates in the order of their names.
func byName(all iter.Seq[*certs.Certificate]) []*certs.Certificate {
	return slices.SortedStableFunc(all, func(a, b *certs.Certificate) int {
		return cmp.Or(
			strings.Compare(strings.ToLower(nameOf(a)), strings.ToLower(nameOf(b))),
			strings.Compare(a.Fingerprint().String(), b.Fingerprint().String()),
		)
	})
}

// byExpiry returns the certificates, those that expire first first.
func byExpiry(all iter.Seq[*certs.Certificate]) []*certs.Certificate {
	list := byName(all)
	slices.SortStableFunc(list, func(a, b *certs.Certificate) int { return a.NotAfter().Compare(b.NotAfter()) })
	return list
}
