package main

import (
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/certgraft/certgraft/installer"
)

// The table of docs/distrust.md names each store in its first column, and no others.
func TestDistrustPageHasEachStore(t *testing.T) {
	_, table, _ := strings.Cut(distrustHead, "| what keeps the CA out |\n")
	table, _, _ = strings.Cut(table, "\n\n")
	var named []string
	for row := range strings.Lines(table) {
		cell, _, _ := strings.Cut(strings.TrimPrefix(row, "| "), " | ")
		for _, id := range regexp.MustCompile("`([^`]+)`").FindAllStringSubmatch(cell, -1) {
			named = append(named, id[1])
		}
	}
	stores := slices.DeleteFunc(installer.StoreNames(), func(name string) bool { return name == "auto" || name == "system" })
	for _, name := range stores {
		if !slices.Contains(named, name) {
			t.Errorf("the table of docs/distrust.md has no row for the store `%s`: add to distrustHead in internal/gen/distrust.go what keeps a CA out of it, or that nothing does; then make docs", name)
		}
	}
	for _, name := range named {
		if !slices.Contains(stores, name) {
			t.Errorf("the table of docs/distrust.md names `%s`, which is not a store: edit distrustHead in internal/gen/distrust.go, then make docs", name)
		}
	}
}
