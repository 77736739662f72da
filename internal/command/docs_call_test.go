package command_test

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
)

// docCall is a command line of the documentation, adapted to its place: it works
// on the root and the registry of the place, without a network.
type docCall struct {
	dir, registry, proxy string // of the place; see docWorld
	command              string
	args                 []string // flags and arguments
	behind               []string // for run: -- and what follows
}

// docArgs changes the arguments of a command line of the documentation.
func docArgs(args []string) ([]string, error) {
	if len(args) < 2 {
		return args, nil
	}
	c := docCall{
		dir: os.Getenv("CERTGRAFT_DOCS"), registry: os.Getenv("CERTGRAFT_DOCS_REGISTRY"), proxy: os.Getenv("CERTGRAFT_DOCS_PROXY"),
		command: args[1], args: slices.Clone(args[2:]),
	}
	if at := slices.Index(c.args, "--"); c.command == "run" && at >= 0 {
		c.args, c.behind = slices.Clone(c.args[:at]), c.args[at:]
	}
	for i, a := range c.args {
		if flag, value, ok := strings.Cut(a, "="); ok && strings.HasPrefix(a, "--") {
			c.args[i] = flag + "=" + c.value(value)
		} else {
			c.args[i] = c.value(a)
		}
	}
	if !c.has("--help") {
		c.connect()
		c.target()
	}
	if c.editsThisMachine() {
		return nil, fmt.Errorf("%q would edit this machine", args)
	}
	return slices.Concat(args[:2], c.args, c.behind), nil
}

// editsThisMachine reports whether the command would edit a root outside the place.
func (c *docCall) editsThisMachine() bool {
	switch c.command {
	case "run":
		return c.has("--in-root")
	case "install", "remove", "distrust":
		at := slices.Index(c.args, "--root")
		return !c.has("--help") && !c.has("--image") && !c.has("--from-file") && (at < 0 || filepath.IsAbs(c.args[at+1]) && !strings.HasPrefix(c.args[at+1], c.dir))
	}
	return false
}

var pinPlaceholder = regexp.MustCompile(`@(set|sha256):(…|HEX)$`)

// value returns an argument or the value of a flag, adapted to the place. An
// absolute path leads into the root of the place. An image comes from the registry
// of the place.
func (c *docCall) value(v string) string {
	v = pinPlaceholder.ReplaceAllString(v, "")
	if named := inRegistry(c.registry, v); strings.HasPrefix(v, "docker://") {
		v = "docker://" + named
	} else {
		v = named
	}
	if strings.HasPrefix(v, "/") && !strings.HasPrefix(v, c.dir) && !strings.HasPrefix(v, "/dev/") {
		v = filepath.Join(c.dir, "live", v)
	}
	return v
}

func (c *docCall) has(flag string) bool {
	return slices.ContainsFunc(c.args, func(a string) bool { return a == flag || strings.HasPrefix(a, flag+"=") })
}

// connect replaces the network: downloads come from the snapshots, connections go
// to the proxy.
func (c *docCall) connect() {
	fetches := slices.Contains([]string{"install", "bundle", "run", "patch", "lock", "check"}, c.command)
	https := slices.ContainsFunc(c.args, func(a string) bool { return strings.HasPrefix(a, "https://") })
	switch {
	case c.command == "verify":
		if at := slices.Index(c.args, "--proxy"); at >= 0 {
			c.args = slices.Delete(c.args, at, at+2)
		}
		c.args = append(c.args, "--offline", "--proxy", "http://"+c.proxy)
	case fetches && https:
		c.args = append(c.args, "--download-ca", filepath.Join(c.dir, "corp.pem"))
		os.Setenv("https_proxy", "http://"+c.proxy)
	case fetches && !c.has("--offline"):
		c.args = append(c.args, "--offline")
	}
}

// target makes the command work on the root of the place instead of this
// machine's.
func (c *docCall) target() {
	live := filepath.Join(c.dir, "live")
	elsewhere := c.has("--root") || c.has("--image") || c.has("--java") || c.has("--from-file")
	switch c.command {
	case "install", "remove", "distrust", "env", "bundle", "verify":
		if !elsewhere {
			c.args = append(c.args, "--root", live)
		}
	case "inspect", "check":
		if !elsewhere && !slices.ContainsFunc(c.args, func(a string) bool { return !strings.HasPrefix(a, "-") }) {
			c.args = append(c.args, live)
		}
	}
}

// docStatus is the expected exit status of a command line. A verdict against a
// server, or a difference, is an expected outcome.
func docStatus(args []string, status int) int {
	if status == 5 && slices.Contains([]string{"verify", "diff", "lock", "check"}, args[1]) {
		return 0
	}
	return status
}
