package command

import (
	"runtime"
	"runtime/debug"
	"strings"
	"testing"
)

func TestVersionOfBuild(t *testing.T) {
	stamped := &debug.BuildInfo{Settings: []debug.BuildSetting{
		{Key: "vcs", Value: "git"}, {Key: "vcs.revision", Value: "0123abcd"}, {Key: "vcs.time", Value: "2026-01-02T03:04:05Z"}, {Key: "vcs.modified", Value: "true"},
	}}
	stamped.Main.Version = "v0.0.0-20260102030405-0123abcd+dirty"
	module := &debug.BuildInfo{}
	module.Main.Version = "v1.2.3"
	platform := " " + runtime.GOOS + "/" + runtime.GOARCH + " " + runtime.Version() + "\n"
	for what, c := range map[string]struct {
		info    *debug.BuildInfo
		release versionResult
		want    string
	}{
		"no build info":           {nil, versionResult{}, "certgraft (devel)" + platform},
		"a build without stamps":  {&debug.BuildInfo{}, versionResult{}, "certgraft (devel)" + platform},
		"go install of a version": {module, versionResult{}, "certgraft v1.2.3" + platform},
		"a work tree": {stamped, versionResult{}, "certgraft v0.0.0-20260102030405-0123abcd+dirty" + platform +
			"commit 0123abcd of 2026-01-02T03:04:05Z, modified\n"},
		"a release": {stamped, versionResult{Version: "v2.0.0", Revision: "beef", Time: "2027-01-01T00:00:00Z"}, "certgraft v2.0.0" + platform +
			"commit beef of 2027-01-01T00:00:00Z\n"},
		"a release that names no commit": {stamped, versionResult{Version: "v2.0.0"}, "certgraft v2.0.0" + platform},
	} {
		var got strings.Builder
		buildOf(c.info, c.release).text(&got)
		if got.String() != c.want {
			t.Errorf("%s:\n got %q\nwant %q", what, got.String(), c.want)
		}
	}
}
