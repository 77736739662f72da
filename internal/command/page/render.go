package page

import (
	"crypto/sha256"
	_ "embed" // the style sheet
	"encoding/base64"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/certgraft/certgraft/certs"
	"github.com/certgraft/certgraft/internal/command/words"
)

//go:embed page.css
var style string

// Start is the beginning of every page.
const Start = "<!DOCTYPE html>\n"

// Render returns the page as one file. Version is the version of certgraft. The
// page loads nothing and runs no script. The same root, moment and version give
// the same bytes.
func (p *Page) Render(version string) []byte {
	h := &htmlWriter{}
	p.head(h)
	p.summary(h)
	p.problems(h)
	if p.root {
		p.installed(h)
	}
	p.expiries(h)
	p.storeList(h)
	if p.root {
		p.readerList(h)
		p.disagreements(h)
	}
	h.put("</main>\n<footer>Written by certgraft %s. Dates are UTC.</footer>\n</body></html>\n", version)
	return h.buf.Bytes()
}

// head starts the page. Its policy lets a browser use only this style sheet, even
// if a name ever got through as markup.
func (p *Page) head(h *htmlWriter) {
	sum := sha256.Sum256([]byte(style))
	h.put(Start+`<html lang="en"><head><meta charset="utf-8"/>
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'sha256-%s'"/>
<meta name="viewport" content="width=device-width, initial-scale=1"/><meta name="color-scheme" content="light dark"/>
<title>%s</title>
<style>%s</style></head>
<body><main>
`, markup(base64.StdEncoding.EncodeToString(sum[:])), p.title, markup(style))
}

// summary writes the title and the main numbers.
func (p *Page) summary(h *htmlWriter) {
	h.put("<header><h1>%s</h1>\n<p class=\"about\">", p.title)
	for _, fact := range p.about {
		h.put("<span>%s</span> ", fact)
	}
	h.put("<span>judged at %s</span></p></header>\n<ul class=\"tiles\">\n", p.now.UTC().Format("2006-01-02 15:04"))
	count := map[life]int{}
	for cert := range p.all.All() {
		count[lifeOf(cert, p.now)]++
	}
	h.tile(p.all.Len(), nouns(p.all.Len(), "certificate"), "", "plain")
	if p.root {
		h.tile(len(p.stores), nouns(len(p.stores), "store"), "#stores", "plain")
		h.tile(len(p.readers), nouns(len(p.readers), "reader"), "#readers", "plain")
	}
	h.tile(count[lifeExpired], "expired", "#expiries", "expired")
	h.tile(count[lifeSoon], "expiring in 90 days", "#expiries", "soon")
	if p.root {
		h.tile(len(p.recorded), "added by certgraft", "#certgraft", "ours")
		n := 0
		for _, d := range p.disputes {
			n += len(d.certs)
		}
		h.tile(n, "not in every store", "#disagree", "soon")
	}
	h.put("</ul>\n")
}

// nouns returns the singular or plural for n.
func nouns(n int, one string) string {
	return strings.TrimPrefix(words.Plural(n, one), strconv.Itoa(n)+" ")
}

// problems lists the faults, before all else.
func (p *Page) problems(h *htmlWriter) {
	h.put("<section id=\"problems\"><h2>Problems and warnings</h2>\n")
	n := len(p.warnings)
	for _, s := range p.stores {
		n += len(s.problems)
	}
	if n == 0 {
		h.put("<p class=\"fine\">None.</p></section>\n")
		return
	}
	h.put("<ul class=\"problems\">\n")
	for _, s := range p.stores {
		for _, problem := range s.problems {
			h.put("<li class=\"expired\"><code>%s</code>: %s</li>\n", s.path, problem)
		}
	}
	for _, w := range p.warnings {
		h.put("<li class=\"soon\">%s</li>\n", w)
	}
	h.put("</ul></section>\n")
}

// installed writes what certgraft added, by source.
func (p *Page) installed(h *htmlWriter) {
	h.put("<section id=\"certgraft\"><h2>Added by certgraft</h2>\n")
	if len(p.sources) == 0 {
		h.put("<p class=\"fine\">Nothing.</p>\n")
	}
	for _, s := range p.sources {
		h.put("<details%s><summary><b>%s</b> from <code>%s</code></summary>\n", openIf(true), words.Plural(len(s.certs)+len(s.lost), "certificate"), s.name)
		h.put("<p>Pin of what the source held: <code class=\"long\">@set:%s</code></p>\n", s.set)
		if len(s.lost) > 0 {
			h.put("<p class=\"lost\">In the record, and in no store any more: %s.</p>\n", codes(s.lost))
		}
		p.table(h, byName(slices.Values(s.certs)))
		h.put("</details>\n")
	}
	if len(p.distrusted) > 0 {
		h.put("<p class=\"lost\">Distrusted by certgraft, and in no store: %s.</p>\n", codes(p.distrusted))
	}
	h.put("</section>\n")
}

// storeList writes each store with its content.
func (p *Page) storeList(h *htmlWriter) {
	h.put("<section id=\"stores\"><h2>%s</h2>\n", map[bool]string{true: "Stores", false: "Certificates"}[p.root])
	if len(p.stores) == 0 {
		h.put("<p>No trust store: programs here trust no server, or only roots of their own.</p>\n")
	}
	for _, s := range p.stores {
		h.put(`<details%s><summary><code>%s</code> <span class="badge">%s</span> <span class="badge">%s</span>`,
			openIf(len(p.stores) == 1), s.path, s.format, words.Plural(len(s.certs), "certificate"))
		p.storeBadges(h, s)
		h.put("</summary>\n")
		if len(s.aliases) > 0 {
			h.put("<p>Also reached as %s.</p>\n", codes(s.aliases))
		}
		p.table(h, s.certs)
		h.put("</details>\n")
	}
	h.put("</section>\n")
}

// storeBadges counts the certificates of a store that need attention.
func (p *Page) storeBadges(h *htmlWriter, s store) {
	count := map[string]int{"problems": len(s.problems)}
	for _, cert := range s.certs {
		count[string(lifeOf(cert, p.now))]++
		if p.recorded[cert.Fingerprint()] != nil {
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
			h.put(` <span class="badge %s">%s</span>`, b.class, words.Plural(n, "problem"))
		default:
			h.put(` <span class="badge %s">%d %s</span>`, b.class, n, b.what)
		}
	}
}

// disagreements writes which stores lack certificates that others have.
func (p *Page) disagreements(h *htmlWriter) {
	h.put("<section id=\"disagree\"><h2>Where the stores disagree</h2>\n")
	switch {
	case len(p.stores) < 2:
		h.put("<p class=\"fine\">There are no two stores to compare.</p>\n")
	case len(p.disputes) == 0:
		h.put("<p class=\"fine\">Nowhere: all %d hold the same certificates.</p>\n", len(p.stores))
	}
	for _, d := range p.disputes {
		h.put("<details%s><summary><b>%s</b> in %s, <b>not in</b> %s</summary>\n",
			openIf(len(d.certs) <= 3), words.Plural(len(d.certs), "certificate"), codes(d.in), codes(d.missing))
		p.table(h, byName(slices.Values(d.certs)))
		h.put("</details>\n")
	}
	h.put("</section>\n")
}

// table writes one row for each certificate.
func (p *Page) table(h *htmlWriter, list []*certs.Certificate) {
	if len(list) == 0 {
		return
	}
	h.put("<div class=\"wide\"><table><thead><tr><th>Certificate</th><th>Expires</th><th>SHA-256 fingerprint</th></tr></thead><tbody>\n")
	for _, cert := range list {
		p.row(h, cert)
	}
	h.put("</tbody></table></div>\n")
}

func (p *Page) row(h *htmlWriter, cert *certs.Certificate) {
	at := lifeOf(cert, p.now)
	h.put("<tr><td><b>%s</b>", nameOf(cert))
	if at == lifeEarly {
		h.put(" <span class=\"badge soon\">valid from %s</span>", cert.NotBefore().Format(time.DateOnly))
	}
	for _, source := range p.recorded[cert.Fingerprint()] {
		h.put(" <span class=\"badge ours\">from %s</span>", source)
	}
	if _, remark := (certs.Policy{Now: p.now}).Judge(cert); remark != "" && at != lifeExpired && at != lifeEarly {
		h.put(" <span class=\"badge soon\">%s</span>", remark)
	}
	h.put("<small>%s</small>", cert.Subject())
	if key := cert.KeyName(); key != "" {
		h.put("<small>%s</small>", key)
	}
	h.put("</td>")
	h.put("<td class=\"date %s\">%s<small>%s</small></td>", at, cert.NotAfter().Format(time.DateOnly), distance(p.now, cert.NotAfter()))
	h.put("<td><code class=\"print\">%s</code></td></tr>\n", cert.Fingerprint())
}
