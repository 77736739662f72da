package words

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"unicode/utf8"
)

// Table writes rows in columns, three spaces apart. If columns is not 0 and a row
// is too long, it breaks cells between words. A first or last cell that leaves no
// room for the others gets a line of its own.
func Table(w io.Writer, rows [][]string, columns int) {
	t := grid{rows: rows, gap: 3, widths: naturalWidths(rows, 1<<16)}
	if columns > 0 && t.end() > columns {
		t.columns, t.gap = columns, 2
		t.fit()
	}
	for _, row := range rows {
		t.write(w, row)
	}
}

// Limits of a table that is too wide. A cell of the first column wider than hangs
// gets a line of its own. The other columns keep a width of narrow, or of their
// longest word up to wordy.
const (
	hangs  = 26
	narrow = 12
	wordy  = 36
)

// grid is a table with the widths of its columns.
type grid struct {
	rows    [][]string
	widths  []int
	gap     int
	columns int // limit of a line; 0 means none
}

// naturalWidths returns the width of each column without broken cells. Two cells
// do not count: a first cell wider than hanging, and the last cell of a short row,
// which extends over further columns.
func naturalWidths(rows [][]string, hanging int) []int {
	n := 0
	for _, row := range rows {
		n = max(n, len(row))
	}
	widths := make([]int, n)
	for _, row := range rows {
		for i, cell := range row {
			wide := utf8.RuneCountInString(cell)
			if i == 0 && wide > hanging || i == len(row)-1 && i < n-1 {
				continue
			}
			widths[i] = max(widths[i], wide)
		}
	}
	return widths
}

// start returns the beginning of a column.
func (t *grid) start(column int) int {
	at := 0
	for _, w := range t.widths[:column] {
		at += w + t.gap
	}
	return at
}

func (t *grid) end() int { return t.start(len(t.widths)) - t.gap }

// fit narrows the columns until a row fits. Before that it lets the first column
// hang.
func (t *grid) fit() {
	if t.shrink(); t.end() > t.columns {
		t.widths = naturalWidths(t.rows, hangs)
		t.shrink()
	}
}

// shrink narrows the columns after the first. It always takes the widest.
func (t *grid) shrink() {
	least := t.leastWidths()
	for t.end() > t.columns {
		widest := -1
		for i := 1; i < len(t.widths); i++ {
			if t.widths[i] > least[i] && (widest < 0 || t.widths[i] > t.widths[widest]) {
				widest = i
			}
		}
		if widest < 0 {
			return
		}
		t.widths[widest]--
	}
}

func (t *grid) leastWidths() []int {
	least := make([]int, len(t.widths))
	for _, row := range t.rows {
		for i, cell := range row {
			for word := range strings.FieldsSeq(cell) {
				least[i] = max(least[i], narrow, min(utf8.RuneCountInString(word), wordy))
			}
		}
	}
	return least
}

// write writes a row. Without broken cells it takes one line.
func (t *grid) write(w io.Writer, row []string) {
	cells := make([][]string, len(row))
	for i, cell := range row {
		cells[i] = []string{cell}
		if wide := t.width(row, i); i > 0 && t.columns > 0 && utf8.RuneCountInString(cell) > wide {
			cells[i] = Wrap(cell, wide, "")
		}
	}
	if len(row) > 1 && utf8.RuneCountInString(row[0]) > t.widths[0] {
		fmt.Fprintln(w, row[0])
		cells[0] = nil
	}
	var below []string // lines of a last cell that is too wide for its column
	if last := len(row) - 1; last > 0 && t.columns > 0 && slices.ContainsFunc(cells[last], func(line string) bool { return utf8.RuneCountInString(line) > t.width(row, last) }) {
		below, cells[last] = Wrap(row[last], t.columns-4, ""), nil
	}
	for n := 0; slices.ContainsFunc(cells, func(c []string) bool { return n < len(c) }); n++ {
		t.line(w, cells, n)
	}
	for _, line := range below {
		fmt.Fprintln(w, "    "+line)
	}
}

// width is the limit for the width of a cell.
func (t *grid) width(row []string, i int) int {
	if i == len(row)-1 {
		return t.columns - t.start(i)
	}
	return t.widths[i]
}

// line writes line n of the cells of a row.
func (t *grid) line(w io.Writer, cells [][]string, n int) {
	var b strings.Builder
	at := 0
	for i, cell := range cells {
		if n >= len(cell) || cell[n] == "" {
			continue
		}
		b.WriteString(strings.Repeat(" ", max(t.start(i)-at, 0)) + cell[n])
		at = max(t.start(i), at) + utf8.RuneCountInString(cell[n])
	}
	fmt.Fprintln(w, b.String())
}
