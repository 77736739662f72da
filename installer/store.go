package installer

import (
	"fmt"
	"slices"
	"strings"

	"github.com/certgraft/certgraft/certs"
)

// store is one convention for keeping trusted certificates. Adding one is a
// file with a type of its own and a row in the table below.
type store interface {
	// name is what the user and the record call the store.
	name() string
	// install adds what is wanted and not there, and reports it.
	install(e *edit, want []wanted) error
	// remove takes gone out, as far as this program added it, and reports it.
	remove(e *edit, gone map[certs.Fingerprint]bool) error
}

// stores is every store, and when it is edited.
var stores = []struct {
	store store
	used  func(e *edit) bool
	extra bool // not a part of what --stores system means
}{
	{debian, func(e *edit) bool { return e.family("debian") }, false},
	{alpine, func(e *edit) bool { return e.family("alpine") }, false},
	{fedora, func(e *edit) bool { return e.family(fedora.id) }, false},
	{arch, func(e *edit) bool { return e.family(arch.id) }, false},
	{suse, func(e *edit) bool { return e.family(suse.id) }, false},
	{photon, func(e *edit) bool { return e.family(photon.id) }, false},
	{flatcar, func(e *edit) bool { return e.family(flatcar.id) }, false},
	{clearLinux, func(e *edit) bool { return e.family(clearLinux.id) }, false},
	{openwrt, func(e *edit) bool { return e.family(openwrt.id) }, false},
	{bundleStore{}, func(*edit) bool { return true }, false},
	{javaStore{}, func(e *edit) bool { return !e.opt.Append && len(e.keystores()) > 0 }, true},
	{envStore{}, func(e *edit) bool { return len(e.opt.Environ) > 0 }, true},
}

func (e *edit) family(name string) bool { return !e.opt.Append && e.report.Detection.Family == name }

// stores returns the stores that are to be edited.
func (e *edit) stores() ([]store, error) {
	var chosen []store
	known := map[string]bool{"auto": true, "system": true}
	var names []string
	for _, row := range stores {
		if !row.used(e) {
			continue
		}
		known[row.store.name()] = true
		names = append(names, row.store.name())
		if e.opt.Stores == nil || slices.ContainsFunc(e.opt.Stores, func(n string) bool {
			return n == "auto" || n == row.store.name() || n == "system" && !row.extra
		}) {
			chosen = append(chosen, row.store)
		}
	}
	for _, n := range e.opt.Stores {
		if !known[n] {
			return nil, hinted{fmt.Errorf("this root has no store %q", n), "stores: " + strings.Join(names, ", ") + "; system for the distribution's own"}
		}
	}
	return chosen, nil
}
