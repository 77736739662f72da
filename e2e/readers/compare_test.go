//go:build e2e

package readers

import (
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/certgraft/certgraft/e2e/rig"
)

// table is what was measured: a cell for each case and client.
type table map[string]map[string]string

func newTable() table { return table{} }

func (m table) set(row, column, cell string) {
	if m[row] == nil {
		m[row] = map[string]string{}
	}
	m[row][column] = cell
}

// compare holds each column that was measured against a file of the checkout, or
// writes the file.
func (m table) compare(t *testing.T, name string, rows []string) {
	t.Helper()
	file := rig.File(name)
	was := readTable(file)
	if !*rig.Update {
		for _, row := range rows {
			for column, cell := range m[row] {
				if was[row][column] != cell {
					t.Errorf("%s: %s of %s: %q, and %s has %q", row, column, name, cell, name, was[row][column])
				}
			}
		}
		return
	}
	for row, cells := range was {
		for column, cell := range cells {
			if _, measured := m[row][column]; !measured && slices.Contains(rows, row) {
				m.set(row, column, cell)
			}
		}
	}
	rig.Write(t, file, m.text(rows))
}

// text writes the table: columns in the order of the clients.
func (m table) text(rows []string) string {
	var out strings.Builder
	line := func(first string, cell func(column string) string) {
		out.WriteString(first)
		for _, c := range clients {
			out.WriteString("\t" + cell(c.reader))
		}
		out.WriteString("\n")
	}
	line("case", func(column string) string { return column })
	for _, row := range rows {
		line(row, func(column string) string { return m[row][column] })
	}
	return out.String()
}

// readTable reads a table; a file that does not exist is an empty one.
func readTable(file string) table {
	m := newTable()
	data, err := os.ReadFile(file)
	if err != nil {
		return m
	}
	lines := strings.Split(strings.TrimSpace(string(data)), "\n")
	columns := strings.Split(lines[0], "\t")
	for _, l := range lines[1:] {
		cells := strings.Split(l, "\t")
		for i := 1; i < len(cells) && i < len(columns); i++ {
			m.set(cells[0], columns[i], cells[i])
		}
	}
	return m
}
