package command

import (
	"context"
	"fmt"
	"io"
	"runtime"
	"runtime/debug"

	"github.com/urfave/cli/v2"
)

// What a release build says of itself, by -ldflags -X: its version (v1.2.3), and
// the commit and its time (RFC 3339). A release leaves out the go command's own
// stamps, which differ between a clone and an archive of the same source. In
// other builds these are empty, and nothing sets them while the program runs.
var release, commit, committed string

// versionResult is the JSON of certgraft version.
type versionResult struct {
	Version  string `json:"version"`
	Revision string `json:"revision,omitzero"`
	Time     string `json:"time,omitzero"`     // of the commit
	Modified bool   `json:"modified,omitzero"` // the work tree was not the commit
	Go       string `json:"go"`
	Platform string `json:"platform"`
}

// version returns the version of the program: that of the release, else that
// of the module as the go command stamped it, else "(devel)".
func version() string { return thisBuild().Version }

func thisBuild() versionResult {
	info, _ := debug.ReadBuildInfo() // nil in a binary without modules
	return buildOf(info, versionResult{Version: release, Revision: commit, Time: committed})
}

// buildOf completes what a release says of itself with what the go command
// stamped into the binary. A release is whole by itself: what it does not say
// is not taken from elsewhere.
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
