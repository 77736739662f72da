package command

import (
	"context"
	"fmt"
	"io"
	"runtime"
	"runtime/debug"

	"github.com/urfave/cli/v2"
)

// A release build sets these by -ldflags -X: the version (v1.2.3), the commit, and
// its time (RFC 3339). A release omits the stamps of the go command, which differ
// between a clone and an archive of the same source. In other builds these are
// empty. Nothing sets them at run time.
var release, commit, committed string

// versionResult is the JSON of certgraft version.
type versionResult struct {
	Version  string `json:"version"`
	Revision string `json:"revision,omitzero"`
	Time     string `json:"time,omitzero"`     // of the commit
	Modified bool   `json:"modified,omitzero"` // the work tree differed from the commit
	Go       string `json:"go"`
	Platform string `json:"platform"`
}

// version returns the version of the release; else the module version that the go
// command stamped; else "(devel)".
func version() string { return thisBuild().Version }

func thisBuild() versionResult {
	info, _ := debug.ReadBuildInfo() // nil in a binary without modules
	return buildOf(info, versionResult{Version: release, Revision: commit, Time: committed})
}

// buildOf completes the stamps of a release with the stamps of the go command. If
// the release has a version, only the version of Go and the platform are added.
func buildOf(info *debug.BuildInfo, v versionResult) versionResult {
	v.Go, v.Platform = runtime.Version(), runtime.GOOS+"/"+runtime.GOARCH
	if v.Version != "" {
		return v
	}
	v.Version = "(devel)"
	if info == nil {
		return v
	}
	if info.Main.Version != "" {
		v.Version = info.Main.Version
	}
	for _, s := range info.Settings {
		switch s.Key {
		case "vcs.revision":
			v.Revision = s.Value
		case "vcs.time":
			v.Time = s.Value
		case "vcs.modified":
			v.Modified = s.Value == "true"
		}
	}
	return v
}

func (v versionResult) text(w io.Writer) {
	fmt.Fprintf(w, "certgraft %s %s %s\n", v.Version, v.Platform, v.Go)
	if v.Revision == "" {
		return
	}
	fmt.Fprintf(w, "commit %s", v.Revision)
	if v.Time != "" {
		fmt.Fprintf(w, " of %s", v.Time)
	}
	if v.Modified {
		fmt.Fprint(w, ", modified")
	}
	fmt.Fprintln(w)
}

func versionCommand(p *printer) *cli.Command {
	return &cli.Command{
		Name:  "version",
		Usage: "write the version of certgraft and of what it was built with",
		Action: taking(0, 0, "", func(context.Context, []string) error {
			v := thisBuild()
			return p.result(v, v.text)
		}),
	}
}
