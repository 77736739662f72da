package command

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/certgraft/certgraft/bundles"
	"github.com/certgraft/certgraft/certs"
	"github.com/certgraft/certgraft/internal/command/words"
)

// sourceResult is one loaded source.
type sourceResult struct {
	Source       string          `json:"source"`
	Origin       string          `json:"origin"` // download, cache, snapshot, file or stdin
	URLs         []string        `json:"urls,omitzero"`
	SHA256       string          `json:"sha256,omitzero"` // of the bytes, where the source is one file
	Set          string          `json:"set"`             // digest for @set
	Certificates int             `json:"certificates"`
	Findings     []findingResult `json:"findings,omitzero"`
}

// sourceRows returns one row of a report for each source.
func sourceRows(sources []sourceResult) (rows [][]string) {
	for _, s := range sources {
		rows = append(rows, []string{s.Source, words.Plural(s.Certificates, "certificate"), s.from()})
	}
	return rows
}

func (s sourceResult) from() string {
	switch s.Origin {
	case "download":
		return "downloaded from " + hosts(s.URLs)
	case "snapshot":
		if s.Source == "mozilla" {
			return "from the snapshot in this program, of " + certs.MozillaDate
		}
		return "from the snapshot in this program"
	case "cache":
		return "from the cache"
	case "stdin":
		return "from standard input"
	}
	return "from a file"
}

// hosts names each host of urls once.
func hosts(urls []string) string {
	var names []string
	for _, u := range urls {
		if h := host(u); !slices.Contains(names, h) {
			names = append(names, h)
		}
	}
	return strings.Join(names, ", ")
}

// findingResult is an oddity in the bytes of a source.
type findingResult struct {
	File    string `json:"file,omitzero"`
	Line    int    `json:"line,omitzero"`
	Verdict string `json:"verdict"` // repaired or skipped
	Reason  string `json:"reason"`
}

// findingsOf returns the oddities in the bytes of a bundle, or nil.
func findingsOf(b *bundles.Bundle) (all []findingResult) {
	for _, f := range b.Findings {
		one := newFinding(f.Finding)
		one.File = f.File
		all = append(all, one)
	}
	return all
}

func newFinding(f *certs.Finding) findingResult {
	return findingResult{Line: f.Line, Verdict: f.Verdict.String(), Reason: f.Reason}
}

// warnFindings warns of the oddities in the bytes of a source.
func (p *printer) warnFindings(source string, all []findingResult) {
	for _, f := range all {
		p.warn(fmt.Sprintf("%s: %v", source, f))
	}
}

// String returns the finding as the text of a warning.
func (f findingResult) String() string { return f.place() + f.Verdict + ": " + f.Reason }

func (f findingResult) place() string {
	switch {
	case f.File != "" && f.Line > 0:
		return f.File + ":" + strconv.Itoa(f.Line) + ": "
	case f.File != "":
		return f.File + ": "
	case f.Line > 0:
		return "line " + strconv.Itoa(f.Line) + ": "
	}
	return ""
}
