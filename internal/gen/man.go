package main

import (
	"fmt"
	"regexp"
	"strings"
)

// manPage makes docs/certgraft.1, in the macros of mdoc(7).
func manPage(p program) string {
	var b strings.Builder
	b.WriteString(".\\\" Made from the command tree by go run ./internal/gen. Do not edit.\n" +
		".Dd November 25, 2026\n.Dt CERTGRAFT 1\n.Os\n.Sh NAME\n.Nm certgraft\n.Nd " + roff(p.usage) + "\n.Sh SYNOPSIS\n")
	for _, c := range p.commands {
		fmt.Fprintf(&b, ".Nm certgraft\n.Cm %s\n", c.name)
		b.WriteString(".Op Ar flags\n")
		if c.args != "" {
			fmt.Fprintf(&b, ".Ar %s\n", roff(c.args))
		}
	}
	b.WriteString(".Sh DESCRIPTION\n")
	for _, text := range p.about {
		b.WriteString(prose(text) + "\n.Pp\n")
	}
	b.WriteString("Flags may stand before or after arguments;\n.Fl \\-\nends them.\nThe commands are:\n")
	for _, c := range p.commands {
		c.man(&b)
	}
	b.WriteString(".Sh ENVIRONMENT\n.Bl -tag -width Ds\n")
	for _, v := range p.variables {
		fmt.Fprintf(&b, ".It Ev %s\n%s\n", roff(v[0]), prose(v[1]))
	}
	b.WriteString(".El\n.Sh FILES\n.Bl -tag -width Ds\n" +
		".It Pa /usr/local/share/certgraft/installed.json\nWhat was installed into a root, and into which of its stores.\n" +
		".It Pa certgraft.lock\nWhat\n.Cm lock\nwrote down.\n.El\n.Sh EXIT STATUS\n.Bl -tag -width Ds\n")
	for _, s := range statuses {
		fmt.Fprintf(&b, ".It %s\n%s\n", s[0], prose(s[1]))
	}
	b.WriteString(".El\n.Pp\nWhen more than one applies: 2 over 3 over 4 over 5 over 1.\nThe status of\n.Cm run\nis that of its command.\n.Sh EXAMPLES\n")
	for _, c := range p.commands {
		for _, e := range c.examples {
			fmt.Fprintf(&b, ".Dl %s\n", roff(e[0]))
			if e[1] != "" {
				fmt.Fprintf(&b, ".D1 %s\n", roff(e[1]))
			}
		}
	}
	b.WriteString(".Sh SEE ALSO\n.Xr openssl 1 ,\n.Xr update-ca-certificates 8\n")
	return b.String()
}

func (c commandDoc) man(b *strings.Builder) {
	fmt.Fprintf(b, ".Ss certgraft %s\n%s\n", c.name, prose(strings.ToUpper(c.usage[:1])+c.usage[1:]+"."))
	for _, text := range c.about {
		b.WriteString(".Pp\n" + prose(text) + "\n")
	}
	b.WriteString(".Bl -tag -width Ds\n")
	for _, f := range c.flags {
		b.WriteString(".It")
		for i, n := range f.names {
			if i > 0 {
				b.WriteString(" ,")
			}
			b.WriteString(" Fl " + strings.ReplaceAll(dashed(n)[1:], "-", `\-`))
		}
		if f.placeholder != "" {
			b.WriteString(" Ar " + roff(f.placeholder))
		}
		text := f.usage + f.remarks("")
		if f.defaults != "" {
			text += "; default " + f.defaults
		}
		b.WriteString("\n" + prose(text+".") + "\n")
	}
	b.WriteString(".El\n")
}

// roff escapes text.
func roff(text string) string {
	text = strings.NewReplacer(`\`, `\e`, "…", "...", "--", `\-\-`, `"`, `\(dq`, "'", `\(aq`, "~", `\(ti`, "^", `\(ha`).Replace(text)
	if strings.HasPrefix(text, ".") {
		text = `\&` + text
	}
	return text
}

// prose escapes text. It writes each sentence on lines of its own of up to 80
// bytes, as mandoc asks for.
func prose(text string) string {
	var b strings.Builder
	for sentence := range strings.SplitSeq(sentences.ReplaceAllString(text, "$1\n"), "\n") {
		column := 0
		for word := range strings.FieldsSeq(sentence) {
			word = roff(word)
			switch {
			case column == 0:
			case column+1+len(word) > 80:
				b.WriteString("\n")
				column = 0
			default:
				b.WriteString(" ")
				column++
			}
			b.WriteString(word)
			column += len(word)
		}
		b.WriteString("\n")
	}
	return strings.TrimSuffix(b.String(), "\n")
}

var sentences = regexp.MustCompile(`([a-zA-Z)]\.) `)
