package command

import (
	"slices"
	"strings"

	"github.com/urfave/cli/v2"

	"github.com/certgraft/certgraft/installer"
	"github.com/certgraft/certgraft/internal/hint"
)

// editOptions are the flags of the commands that put certificates into stores.
type editOptions struct {
	stores                                                      string
	appendOnly, withMozilla, overrideBlocklist, sync, keepGoing bool
}

// flags returns the flags of a command. What names its target: a root or an image.
func (o *editOptions) flags(what string) []cli.Flag {
	return []cli.Flag{
		wordFlag{&cli.StringFlag{Name: "stores", Category: targetFlags, Usage: "edit only these `STORES`, separated by commas: auto, system, java …", Value: "auto", Destination: &o.stores}, installer.StoreNames(), true},
		&cli.BoolFlag{Name: "append", Category: targetFlags, Usage: "only append to the bundle file: no anchors, no links", Destination: &o.appendOnly},
		&cli.BoolFlag{Name: "with-mozilla", Category: targetFlags, Usage: "where there is no bundle yet, start it with the Mozilla roots", Destination: &o.withMozilla},
		&cli.BoolFlag{Name: "override-blocklist", Category: targetFlags, Usage: "install certificates that the " + what + " has deselected", Destination: &o.overrideBlocklist},
		&cli.BoolFlag{Name: "sync", Category: targetFlags, Usage: "take out what was installed before and the source no longer has", Destination: &o.sync},
		&cli.BoolFlag{Name: "keep-going", Category: targetFlags, Usage: "edit the other stores when one fails", Destination: &o.keepGoing},
	}
}

// installer returns the flags as options of package installer.
func (o *editOptions) installer() (installer.Options, error) {
	opt := installer.Options{Append: o.appendOnly, WithMozilla: o.withMozilla, OverrideBlocklist: o.overrideBlocklist, Sync: o.sync, KeepGoing: o.keepGoing}
	if o.stores != "auto" {
		opt.Stores = splitList(o.stores)
	}
	return opt, checkStores(opt.Stores)
}

// checkStores refuses unknown names of stores.
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
