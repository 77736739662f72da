package command

import (
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/certgraft/certgraft/installer"
)

// withFound is the width that a terminal must have for the column with the places
// of readers. --json always has them.
const withFound = 160

// readersText writes which reader reads which file, equal readers in one row; the
// damage that keeps readers from reading; and the databases that certgraft does
// not read.
func (r rootResult) readersText(w io.Writer) {
	rows := [][]string{{"READER", "CERTIFICATES", "READS", "FOUND"}}
	for _, group := range readerGroups(r.Readers) {
		s, found := group[0], group[0].Path
		if n := len(group) - 1; n > 0 {
			found += fmt.Sprintf(" and %d more", n)
		}
		rows = append(rows, []string{s.String(), fmt.Sprint(s.Certificates), readsText(s), found})
	}
	if columns := columnsOf(w); columns > 0 && columns < withFound {
		for i, row := range rows {
			rows[i] = row[:len(row)-1]
		}
	}
	if len(rows) > 1 {
		table(w, rows)
	}
	for _, group := range readerGroups(r.Readers) {
		for _, problem := range group[0].Problems {
			fmt.Fprintf(w, "%s: %s\n", group[0], problem)
		}
	}
	for _, d := range r.Databases {
		fmt.Fprintf(w, "%s is a database of NSS, for %s. It is not read here: %s\n", d.Path, d.Whom, d.Lists())
	}
}

// readsText names the files that a reader reads, and the variable that would add
// one.
func readsText(s installer.ReaderState) string {
	reads := s.Reads
	if s.Variable != "" {
		reads = append(slices.Clip(reads), "what "+s.Variable+" names")
	}
	return strings.Join(reads, ", ")
}

// readerGroups groups the readers that differ only by their path.
func readerGroups(all []installer.ReaderState) (groups [][]installer.ReaderState) {
	key := func(s installer.ReaderState) string {
		return fmt.Sprint(s.ID, s.Release, s.Reads, s.Certificates, s.Problems)
	}
	for _, s := range all {
		at := slices.IndexFunc(groups, func(g []installer.ReaderState) bool { return key(g[0]) == key(s) })
		if at < 0 {
			groups = append(groups, nil)
			at = len(groups) - 1
		}
		groups[at] = append(groups[at], s)
	}
	return groups
}
