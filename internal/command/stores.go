package command

import (
	"slices"
	"strings"

	"github.com/certgraft/certgraft/installer"
	"github.com/certgraft/certgraft/internal/hint"
)

// checkStores refuses names of stores that there are nowhere.
func checkStores(names []string) error {
	known := installer.StoreNames()
	for _, name := range names {
		if !slices.Contains(known, name) {
			return hint.Add(usagef("--stores %s: there is no such store", name), "stores: "+strings.Join(known, ", "))
		}
	}
	return nil
}

// splitList splits a value of comma-separated names.
func splitList(value string) []string {
	var names []string
	for name := range strings.SplitSeq(value, ",") {
		if name = strings.TrimSpace(name); name != "" {
			names = append(names, name)
		}
	}
	return names
}
