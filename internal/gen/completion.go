package main

import (
	"maps"
	"slices"
	"strings"

	"github.com/certgraft/certgraft/bundles"
)

// transports are the prefixes of the names of images.
var transports = []string{"docker://", "oci:", "oci-archive:", "docker-archive:", "docker-daemon:"}

// kind is the kind of a flag's value: "" for no value, "dir", "file", "words" of
// the flag, or "other".
func (f flagDoc) kind() string {
	switch {
	case f.words != nil:
		return "words"
	case f.placeholder == "":
		return ""
	case f.placeholder == "DIR":
		return "dir"
	case f.takesFile:
		return "file"
	}
	return "other"
}

// operandKind is the kind of a command's arguments.
func operandKind(c commandDoc) string {
	switch {
	case strings.HasPrefix(c.args, "IMAGE SOURCE"):
		return "image-sources"
	case strings.HasPrefix(c.args, "SOURCE"):
		return "sources"
	case strings.HasPrefix(c.args, "WHAT"):
		return "file"
	case strings.HasPrefix(c.args, "[ID"):
		return "ids"
	case strings.Contains(c.args, "HOST"):
		return "hosts"
	case strings.Contains(c.args, "ROOT"), c.args == "A B":
		return "image"
	case c.args == "":
		return ""
	}
	return "shells"
}

// completedIDs returns the names of sources, without and with a region.
func completedIDs(providers []*bundles.Provider) (ids, regions []string) {
	for _, p := range providers {
		ids = append(ids, p.ID)
		for _, region := range slices.Sorted(maps.Keys(p.Regions)) {
			regions = append(regions, p.ID+":"+region)
		}
	}
	return ids, regions
}

func names(commands []commandDoc) []string {
	var all []string
	for _, c := range commands {
		all = append(all, c.name)
	}
	return all
}

const generatedBy = "# Made from the command tree by go run ./internal/gen. Do not edit.\n"
