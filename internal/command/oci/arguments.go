package oci

import (
	"slices"
	"strings"
)

// Arguments are the arguments of a runtime that its wrapper needs.
type Arguments struct {
	Command string // create, start, …; "" without a command
	Bundle  string // directory of the container that is made or run
	Log     Log
}

// Makes reports whether the runtime will make a container.
func (a Arguments) Makes() bool { return a.Command == "create" || a.Command == "run" }

// Options of runc and crun whose value is the next argument.
var (
	globalValues = []string{"log", "log-format", "log-level", "root", "criu", "rootless", "cgroup-manager"}
	bundleNames  = []string{"bundle", "b"}
)

// ParseArguments reads the arguments of a runtime, without its name.
func ParseArguments(args []string) Arguments {
	a, at := Arguments{Bundle: "."}, 0
	for ; at < len(args) && strings.HasPrefix(args[at], "-"); at++ {
		name, value, given := option(args[at])
		if !given && slices.Contains(globalValues, name) {
			if at++; at < len(args) {
				value = args[at]
			}
		}
		switch name {
		case "log":
			a.Log.File = value
		case "log-format":
			a.Log.JSON = value == "json"
		}
	}
	if at >= len(args) {
		return a
	}
	a.Command = args[at]
	for i, arg := range args[at+1:] {
		switch name, value, given := option(arg); {
		case !slices.Contains(bundleNames, name):
		case given:
			a.Bundle = value
		case at+2+i < len(args):
			a.Bundle = args[at+2+i]
		}
	}
	return a
}

// option returns the name of an option, and its value if the same argument has it.
func option(arg string) (name, value string, given bool) {
	if !strings.HasPrefix(arg, "-") {
		return "", "", false
	}
	return strings.Cut(strings.TrimLeft(arg, "-"), "=")
}
