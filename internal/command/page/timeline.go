package page

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"time"

	"github.com/certgraft/certgraft/certs"
	"github.com/certgraft/certgraft/internal/command/words"
)

// The measures of the timeline, in units of its view box.
const (
	chartWidth  = 960
	chartHeight = 236
	chartBase   = 192 // foot of the bars
	chartTall   = 146 // height of the tallest bar
	widestBar   = 48
	mostColumns = 56 // more would make the years unreadable
)

// chartColumn is a range of years that share a bar.
type chartColumn struct {
	from, to int // years, both included
	gap      bool
	certs    []*certs.Certificate
}

// expiries writes the timeline, and the certificates that expire first.
func (p *Page) expiries(h *htmlWriter) {
	h.put("<section id=\"expiries\"><h2>When they expire</h2>\n")
	if p.all.Len() == 0 {
		h.put("<p>There is no certificate.</p></section>\n")
		return
	}
	p.chart(h)
	first := byExpiry(p.all.All())
	urgent := 0
	for _, cert := range first {
		if at := lifeOf(cert, p.now); at == lifeExpired || at == lifeSoon {
			urgent++
		}
	}
	const most, least = 100, 5
	shown := min(max(urgent, least), most)
	if shown >= len(first) { // the table of all certificates is as short
		h.put("</section>\n")
		return
	}
	h.put("<details%s><summary>%s</summary>\n", openIf(urgent > 0 && urgent <= 10), firstWords(urgent, shown))
	p.table(h, first[:shown])
	h.put("</details></section>\n")
}

func firstWords(urgent, shown int) string {
	switch {
	case urgent == 0:
		return fmt.Sprintf("The %d that expire first", shown)
	case urgent > shown:
		return fmt.Sprintf("The first %d of %d that have expired or soon will", shown, urgent)
	case urgent < shown:
		return fmt.Sprintf("%d that have expired or soon will, and the next", urgent)
	}
	return fmt.Sprintf("%d that have expired or soon will", urgent)
}

// chart draws a bar for each year in which certificates expire.
func (p *Page) chart(h *htmlWriter) {
	columns := chartColumns(slices.Collect(p.all.All()), p.now)
	tallest := 1
	for _, col := range columns {
		tallest = max(tallest, len(col.certs))
	}
	pitch := min(widestBar, chartWidth/float64(len(columns)))
	h.put("<figure><div class=\"wide\"><svg viewBox=\"0 0 %d %d\" role=\"img\" aria-label=\"Certificates by the year in which they expire\">\n", chartWidth, chartHeight)
	for i, col := range columns {
		p.column(h, col, float64(i)*pitch, pitch, chartTall/float64(tallest))
	}
	h.put("<line class=\"axis\" x1=\"0\" x2=\"%.1f\" y1=\"%d\" y2=\"%d\"/>\n", pitch*float64(len(columns)), chartBase, chartBase)
	p.today(h, columns, pitch)
	h.put("</svg></div>\n<figcaption><span class=\"aside\">Swipe the chart sideways to see all of it. </span>Certificates by the year in which they expire.")
	for _, class := range p.chartClasses(slices.Collect(p.all.All())) {
		h.put(" <span class=\"key %s\">%s</span>", class.name, class.words)
	}
	h.put("</figcaption></figure>\n")
}

// chartClass is the certificates with the same colour.
type chartClass struct {
	name, words string
	count       int
}

// chartClasses counts the certificates of each colour in use. The first is the
// foot of a bar.
func (p *Page) chartClasses(list []*certs.Certificate) []chartClass {
	classes := []chartClass{
		{name: "expired", words: "expired"}, {name: "soon", words: "within 90 days"}, {name: "early", words: "not valid yet"},
		{name: "valid", words: "valid"}, {name: "ours", words: "valid, added by certgraft"},
	}
	for _, cert := range list {
		name := string(lifeOf(cert, p.now))
		if name == string(lifeValid) && p.recorded[cert.Fingerprint()] != nil {
			name = "ours"
		}
		i := slices.IndexFunc(classes, func(k chartClass) bool { return k.name == name })
		classes[i].count++
	}
	return slices.DeleteFunc(classes, func(k chartClass) bool { return k.count == 0 })
}

// column draws a bar with its number and its years at x.
func (p *Page) column(h *htmlWriter, col chartColumn, x, pitch, scale float64) {
	middle := x + pitch/2
	if col.gap {
		h.put("<g><title>none from %d to %d</title><text x=\"%.1f\" y=\"%d\">⋯</text></g>\n", col.from, col.to, middle, chartBase+18)
		return
	}
	h.put("<g>")
	if n := len(col.certs); n > 0 {
		var names []string
		for _, cert := range byExpiry(slices.Values(col.certs)) {
			names = append(names, nameOf(cert))
		}
		h.put("<title>%s, %s: %s</title>", col.years(), words.Plural(n, "certificate"), words.Some(names, 12))
		h.put("<text class=\"count\" x=\"%.1f\" y=\"%.1f\">%d</text>", middle, chartBase-float64(n)*scale-5, n)
	}
	y := float64(chartBase)
	for _, class := range p.chartClasses(col.certs) {
		tall := float64(class.count) * scale
		y -= tall
		h.put("<rect class=\"%s\" x=\"%.1f\" y=\"%.1f\" width=\"%.1f\" height=\"%.1f\"/>", class.name, x+pitch*0.12, y, pitch*0.76, tall)
	}
	if pitch > 36 && col.from == col.to {
		h.put("<text x=\"%.1f\" y=\"%d\">%s</text></g>\n", middle, chartBase+18, col.years())
		return
	}
	h.put("<text class=\"steep\" transform=\"translate(%.1f %d) rotate(-60)\">%s</text></g>\n", middle+4, chartBase+12, col.years())
}

// today marks the moment of the page by a line.
func (p *Page) today(h *htmlWriter, columns []chartColumn, pitch float64) {
	year := p.now.UTC().Year()
	i := slices.IndexFunc(columns, func(col chartColumn) bool { return col.from <= year && year <= col.to })
	passed := (float64(year-columns[i].from) + float64(p.now.UTC().YearDay()-1)/366) / float64(columns[i].to-columns[i].from+1)
	x := (float64(i) + passed) * pitch
	anchor := "start"
	at := x + 4
	if x > chartWidth-90 {
		anchor, at = "end", x-4
	}
	h.put("<line class=\"now\" x1=\"%.1f\" x2=\"%.1f\" y1=\"4\" y2=\"%d\"/>", x, x, chartBase)
	h.put("<text class=\"now\" text-anchor=\"%s\" x=\"%.1f\" y=\"14\">%s</text>\n", anchor, at, p.now.UTC().Format(time.DateOnly))
}

func (col chartColumn) years() string {
	if col.from == col.to {
		return strconv.Itoa(col.from)
	}
	return fmt.Sprintf("%d–%d", col.from, col.to)
}

// chartColumns sorts the certificates into columns, each of as few years as the
// width allows. A gap stands for a long time without expiries: some roots end next
// year, others in a hundred years.
func chartColumns(list []*certs.Certificate, now time.Time) []chartColumn {
	var columns []chartColumn
	for _, width := range []int{1, 2, 5, 10, 50, 100, 1000} {
		if columns = columnsOf(list, now, width); len(columns) <= mostColumns {
			break
		}
	}
	return columns
}

func columnsOf(list []*certs.Certificate, now time.Time, width int) []chartColumn {
	first := func(t time.Time) int { return t.UTC().Year() / width * width }
	byYear := map[int][]*certs.Certificate{first(now): nil}
	for _, c := range list {
		byYear[first(c.NotAfter())] = append(byYear[first(c.NotAfter())], c)
	}
	var columns []chartColumn
	next := 0
	for i, from := range slices.Sorted(maps.Keys(byYear)) {
		if i > 0 {
			columns = append(columns, emptyColumns(next, from, width)...)
		}
		next = from + width
		columns = append(columns, chartColumn{from: from, to: next - 1, certs: byYear[from]})
	}
	return columns
}

// emptyColumns fills the years between two columns.
func emptyColumns(from, to, width int) []chartColumn {
	if to-from > 2*width {
		return []chartColumn{{from: from, to: to - 1, gap: true}}
	}
	var columns []chartColumn
	for ; from < to; from += width {
		columns = append(columns, chartColumn{from: from, to: from + width - 1})
	}
	return columns
}
