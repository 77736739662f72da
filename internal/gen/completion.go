package main

import (
	"maps"
	"slices"
	"strings"

	"github.com/certgraft/certgraft/bundles"
	"github.com/certgraft/certgraft/probe"
)

// flagValues are the words that a flag takes, by its name, or COMMAND --NAME
// where commands differ. Those of a flag that takes nothing else are in its
// usage, which a test checks.
var flagValues = map[string][]string{
	"bundle --format": {"pem", "split", "der"},
	"env --format":    {"sh", "dockerfile", "json", "compose"},
	"policy":          {"exact", "additions", "any"},
	"expired":         {"skip", "keep", "fail"},
	"non-ca":          {"keep", "skip", "fail"},
	"hooks":           {"auto", "none"},
	"fsync":           {"auto", "always", "never"},
	"scan":            {"auto", "all"},
	"patch --env":     {"auto", "none"},
	"starttls":        probe.ProtocolNames(),
}

// flagHints are words that a flag takes beside others.
var flagHints = map[string][]string{
	"stores":   {"auto", "system", "java", "php", "python", "ruby", "conda", "composer"},
	"platform": {"linux/amd64", "linux/arm64", "linux/arm/v7", "linux/ppc64le", "linux/s390x", "linux/riscv64"},
	"proxy":    {"none", "http://"},
}

// transports begin the names of images.
var transports = []string{"docker://", "oci:", "oci-archive:", "docker-archive:", "docker-daemon:"}

// valueKind says what may stand behind a flag: "" nothing, "dir", "file",
// "words" with the words, or "other".
func valueKind(c commandDoc, f flagDoc) (kind string, words []string) {
	for _, key := range []string{c.name + " --" + f.names[0], f.names[0]} {
		if words = slices.Concat(flagValues[key], flagHints[key]); words != nil {
			return "words", words
		}
	}
	switch {
	case f.placeholder == "":
		return "", nil
	case f.placeholder == "DIR":
		return "dir", nil
	case f.takesFile:
		return "file", nil
	}
	return "other", nil
}

// operandKind says what the arguments of a command are.
func operandKind(c commandDoc) string {
	switch {
	case strings.HasPrefix(c.args, "IMAGE SOURCE"):
		return "image-sources"
	case strings.HasPrefix(c.args, "SOURCE"):
		return "sources"
	case c.args == "[ID]":
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

// completedIDs returns the names that sources may have, without and with a region.
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
