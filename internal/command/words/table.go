package words

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"unicode/utf8"
)

// Table lays out rows in columns of equal width, three spaces apart. Where columns is
// not 0 and a row is longer, cells break between words, and a first or last cell that
// leaves no room for the others has a line of its own.
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

// Of a table that is too wide, the first column hangs where its cells are wider than
// hangs, and other columns become no narrower than narrow, or than a word of up to
// wordy.
const (
	hangs  = 26
	narrow = 12
	wordy  = 36
)

// grid is a table and how wide its columns are.
type grid struct {
	rows    [][]string
	widths  []int
	gap     int
	columns int // 0: a line may be as long as it is
}

// naturalWidths returns how wide each column is where no cell is broken. The last cell
// of a row that is shorter than others goes over their columns, and a first cell that
// is wider than hanging does not count.
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

// start returns where a column begins.
func (t *grid) start(column int) int {
	at := 0
	for _, w := range t.widths[:column] {
		at += w + t.gap
	}
	return at
}

func (t *grid) end() int { return t.start(len(t.widths)) - t.gap }

// fit narrows columns until a row fits, the first by hanging it.
func (t *grid) fit() {
	if t.shrink(); t.end() > t.columns {
		t.widths = naturalWidths(t.rows, hangs)
		t.shrink()
	}
}

// shrink narrows the columns behind the first, always the widest of them.
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

// write writes a row, of one line where no cell is broken.
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
	var below []string // what is too wide for its column
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

// width is how wide a cell of a row may be.
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
