package command

import (
	"crypto/sha256"
	_ "embed" // the style sheet
	"encoding/base64"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/certgraft/certgraft/certs"
)

//go:embed inspect_html.css
var inspectStyle string

// render returns the page: one file that asks for nothing from elsewhere, runs
// nothing, and is the same for the same root, moment and program.
func (c *inspectPage) render() []byte {
	h := &htmlWriter{}
	c.head(h)
	c.summary(h)
	c.problems(h)
	c.expiries(h)
	c.storeList(h)
	if c.root {
		c.disagreements(h)
		c.installed(h)
	}
	h.put("</main>\n<footer>Written by certgraft %s. Dates are UTC.</footer>\n</body></html>\n", version())
	return h.buf.Bytes()
}

// head starts the page. Its policy lets a browser use this style sheet and
// nothing else, should ever a name slip through as markup.
func (c *inspectPage) head(h *htmlWriter) {
	sum := sha256.Sum256([]byte(inspectStyle))
	h.put(htmlStart+`<html lang="en"><head><meta charset="utf-8"/>
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'sha256-%s'"/>
<meta name="viewport" content="width=device-width, initial-scale=1"/><meta name="color-scheme" content="light dark"/>
<title>%s</title>
<style>%s</style></head>
<body><main>
`, markup(base64.StdEncoding.EncodeToString(sum[:])), c.title, markup(inspectStyle))
}

// summary writes the title and the numbers that matter.
func (c *inspectPage) summary(h *htmlWriter) {
	h.put("<header><h1>%s</h1>\n<p class=\"about\">", c.title)
	for _, fact := range c.about {
		h.put("<span>%s</span> ", fact)
	}
	h.put("<span>judged at %s</span></p></header>\n<ul class=\"tiles\">\n", c.now.UTC().Format("2006-01-02 15:04"))
	count := map[life]int{}
	for cert := range c.all.All() {
		count[lifeOf(cert, c.now)]++
	}
	h.tile(c.all.Len(), nouns(c.all.Len(), "certificate"), "", "plain")
	if c.root {
		h.tile(len(c.stores), nouns(len(c.stores), "store"), "#stores", "plain")
	}
	h.tile(count[lifeExpired], "expired", "#expiries", "expired")
	h.tile(count[lifeSoon], "expiring in 90 days", "#expiries", "soon")
	if c.root {
		h.tile(len(c.recorded), "added by certgraft", "#certgraft", "ours")
		n := 0
		for _, d := range c.disputes {
			n += len(d.certs)
		}
		h.tile(n, "not in every store", "#disagree", "soon")
	}
	h.put("</ul>\n")
}

// nouns returns the noun that goes with n.
func nouns(n int, one string) string { return strings.TrimPrefix(plural(n, one), strconv.Itoa(n)+" ") }

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

// problems lists what is wrong, first of all.
func (c *inspectPage) problems(h *htmlWriter) {
	h.put("<section id=\"problems\"><h2>Problems and warnings</h2>\n")
	n := len(c.warnings)
	for _, s := range c.stores {
		n += len(s.problems)
	}
	if n == 0 {
		h.put("<p class=\"fine\">None.</p></section>\n")
		return
	}
	h.put("<ul class=\"problems\">\n")
	for _, s := range c.stores {
		for _, p := range s.problems {
			h.put("<li class=\"expired\"><code>%s</code>: %s</li>\n", s.path, p)
		}
	}
	for _, w := range c.warnings {
		h.put("<li class=\"soon\">%s</li>\n", w)
	}
	h.put("</ul></section>\n")
}

// storeList writes each store with what it holds.
func (c *inspectPage) storeList(h *htmlWriter) {
	h.put("<section id=\"stores\"><h2>%s</h2>\n", map[bool]string{true: "Stores", false: "Certificates"}[c.root])
	if len(c.stores) == 0 {
		h.put("<p>No trust store: programs here trust nobody, or only roots of their own.</p>\n")
	}
	for _, s := range c.stores {
		h.put(`<details%s><summary><code>%s</code> <span class="badge">%s</span> <span class="badge">%s</span>`,
			openIf(len(c.stores) == 1), s.path, s.format, plural(len(s.certs), "certificate"))
		c.storeBadges(h, s)
		h.put("</summary>\n")
		if len(s.aliases) > 0 {
			h.put("<p>Also reached as %s.</p>\n", codes(s.aliases))
		}
		c.table(h, s.certs)
		h.put("</details>\n")
	}
	h.put("</section>\n")
}

func openIf(open bool) markup {
	if open {
		return ` open="open"`
	}
	return ""
}

// storeBadges counts what stands out in a store.
func (c *inspectPage) storeBadges(h *htmlWriter, s pageStore) {
	count := map[string]int{"problems": len(s.problems)}
	for _, cert := range s.certs {
		count[string(lifeOf(cert, c.now))]++
		if c.recorded[cert.Fingerprint()] != nil {
			count["ours"]++
		}
	}
	for _, b := range []struct{ key, class, what string }{
		{"expired", "expired", "expired"},
		{"soon", "soon", "expiring soon"},
		{"early", "soon", "not valid yet"},
		{"ours", "ours", "by certgraft"},
		{"problems", "expired", "with problems"},
	} {
		switch n := count[b.key]; {
		case n == 0:
		case b.key == "problems":
			h.put(` <span class="badge %s">%s</span>`, b.class, plural(n, "problem"))
		default:
			h.put(` <span class="badge %s">%d %s</span>`, b.class, n, b.what)
		}
	}
}

// disagreements writes which stores lack what others have.
func (c *inspectPage) disagreements(h *htmlWriter) {
	h.put("<section id=\"disagree\"><h2>Where the stores disagree</h2>\n")
	switch {
	case len(c.stores) < 2:
		h.put("<p class=\"fine\">There are no two stores to compare.</p>\n")
	case len(c.disputes) == 0:
		h.put("<p class=\"fine\">Nowhere: all %d hold the same certificates.</p>\n", len(c.stores))
	}
	for _, d := range c.disputes {
		h.put("<details%s><summary><b>%s</b> in %s, <b>not in</b> %s</summary>\n",
			openIf(len(d.certs) <= 3), plural(len(d.certs), "certificate"), codes(d.in), codes(d.missing))
		c.table(h, byName(slices.Values(d.certs)))
		h.put("</details>\n")
	}
	h.put("</section>\n")
}

// installed writes what certgraft added and from where.
func (c *inspectPage) installed(h *htmlWriter) {
	h.put("<section id=\"certgraft\"><h2>Added by certgraft</h2>\n")
	if len(c.sources) == 0 {
		h.put("<p class=\"fine\">Nothing.</p>\n")
	}
	for _, s := range c.sources {
		h.put("<details><summary><b>%s</b> from <code>%s</code></summary>\n", plural(len(s.certs)+len(s.lost), "certificate"), s.name)
		h.put("<p>Pin of what the source held: <code class=\"long\">@set:%s</code></p>\n", s.set)
		if len(s.lost) > 0 {
			h.put("<p class=\"lost\">In the record, and in no store any more: %s.</p>\n", codes(s.lost))
		}
		c.table(h, byName(slices.Values(s.certs)))
		h.put("</details>\n")
	}
	h.put("</section>\n")
}

// table writes a row for each certificate.
func (c *inspectPage) table(h *htmlWriter, list []*certs.Certificate) {
	if len(list) == 0 {
		return
	}
	h.put("<div class=\"wide\"><table><thead><tr><th>Certificate</th><th>Expires</th><th>SHA-256 fingerprint</th></tr></thead><tbody>\n")
	for _, cert := range list {
		c.row(h, cert)
	}
	h.put("</tbody></table></div>\n")
}

func (c *inspectPage) row(h *htmlWriter, cert *certs.Certificate) {
	at := lifeOf(cert, c.now)
	h.put("<tr><td><b>%s</b>", nameOf(cert))
	if at == lifeEarly {
		h.put(" <span class=\"badge soon\">valid from %s</span>", cert.NotBefore().Format(time.DateOnly))
	}
	for _, source := range c.recorded[cert.Fingerprint()] {
		h.put(" <span class=\"badge ours\">from %s</span>", source)
	}
	if _, remark := (certs.Policy{Now: c.now}).Judge(cert); remark != "" && at != lifeExpired && at != lifeEarly {
		h.put(" <span class=\"badge soon\">%s</span>", remark)
	}
	h.put("<small>%s</small></td>", cert.Subject())
	h.put("<td class=\"date %s\">%s<small>%s</small></td>", at, cert.NotAfter().Format(time.DateOnly), distance(c.now, cert.NotAfter()))
	h.put("<td><code class=\"print\">%s</code></td></tr>\n", cert.Fingerprint())
}
