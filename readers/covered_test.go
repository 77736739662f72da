package readers

import (
	"cmp"
	"os"
	"slices"
	"strings"
	"testing"
)

// A reader has everything that CONTRIBUTING.md requires: a client in e2e/readers
// for each set of its rules, and the results of that client in both tables.
func TestEachReaderIsMeasured(t *testing.T) {
	clients, err := os.ReadFile("../e2e/readers/clients_test.go")
	if err != nil {
		t.Fatal(err)
	}
	for _, table := range []string{"matrix.tsv", "stores.tsv"} {
		columns, _ := measured(t, table)
		for _, gap := range gaps(columns) {
			t.Errorf("testdata/%s has no column of %s: run e2e/readers with -update", table, gap)
		}
	}
	for _, r := range table {
		if len(r.versions) > 0 && !strings.Contains(string(clients), `{reader: "`+r.id+`/`) {
			t.Errorf("%s has no client in e2e/readers/clients_test.go", r.id)
		}
	}
}

// A program that no run has measured is named with the variable that cures it.
func TestEachUnmeasuredReaderHasARemedy(t *testing.T) {
	for _, r := range others {
		if remedies[r.id].Variable == nil {
			t.Errorf("%s has no row with a variable in readers/remedies.go", r.id)
		}
	}
}

// gaps returns the sets of rules without a measured release.
func gaps(columns []string) (missing []string) {
	for _, r := range table {
		for _, v := range r.versions {
			if !slices.ContainsFunc(columns, func(c string) bool {
				id, release, _ := strings.Cut(c, "/")
				return id == r.id && r.at(release) == v.rules
			}) {
				missing = append(missing, r.id+" from "+cmp.Or(v.since, "its first release")+" on")
			}
		}
	}
	return missing
}
