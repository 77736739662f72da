package page

// readerList writes the readers of the root, the files that each loads, and the
// damage that keeps it from loading more.
func (p *Page) readerList(h *htmlWriter) {
	h.put("<section id=\"readers\"><h2>Readers</h2>\n")
	if len(p.readers) == 0 {
		h.put("<p class=\"fine\">No program that is known was found.</p>\n")
	} else {
		h.put("<div class=\"wide\"><table><thead><tr><th>Reader</th><th>Certificates</th><th>Reads</th></tr></thead><tbody>\n")
		for _, s := range p.readers {
			h.put("<tr><td><b>%s</b><small>%s</small></td><td>%d</td><td>%s", s.String(), s.Path, s.Certificates, codes(s.Reads))
			if s.Variable != "" {
				h.put(" what <code>%s</code> names", s.Variable)
			}
			for _, problem := range s.Problems {
				h.put("<small class=\"lost\">%s</small>", problem)
			}
			h.put("</td></tr>\n")
		}
		h.put("</tbody></table></div>\n")
	}
	for _, d := range p.databases {
		h.put("<p><code>%s</code> is a database of NSS, for %s. It is not read here: <code>%s</code></p>\n", d.Path, d.Whom, d.Lists())
	}
	h.put("</section>\n")
}
