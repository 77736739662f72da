package command

import (
	"path"
	"slices"
	"strings"

	"github.com/certgraft/certgraft/certs"
	"github.com/certgraft/certgraft/probe"
	"github.com/certgraft/certgraft/readers"
)

// anchorDirs are the directories in which people put CAs for the distribution's
// tool, with the name of the tool.
var anchorDirs = []struct{ dir, tool string }{
	{"usr/local/share/ca-certificates", "update-ca-certificates"},
	{"etc/pki/ca-trust/source/anchors", "update-ca-trust"},
	{"etc/ca-certificates/trust-source/anchors", "update-ca-trust"},
	{"etc/pki/trust/anchors", "update-ca-certificates"},
}

// mostWaiting is the limit of files to read, 200.
const mostWaiting = 200

// waiting adds a line to the verdict if a file for the distribution's tool has the
// missing CA: the tool has not run.
func (t *trust) waiting(c readers.Case, v *probe.Verdict) {
	if t.at == nil || !slices.Contains([]probe.Cause{probe.UntrustedRoot, probe.UnknownIssuer, probe.SelfSigned, probe.MissingIntermediate}, v.Cause) {
		return
	}
	for _, d := range anchorDirs {
		files := t.readers.FilesIn(d.dir)
		for _, name := range files[:min(len(files), mostWaiting)] {
			if !t.wouldTrust(name, c) {
				continue
			}
			why := d.tool + " was not run since"
			if d.tool == "update-ca-certificates" && path.Ext(name) != ".crt" && strings.HasPrefix(d.dir, "usr/local") {
				why = d.tool + " takes only files whose names end in .crt"
			}
			v.Text += "; the CA waits in /" + name + ": " + why
			if t.at.image == (imageName{}) {
				v.Cure = t.install + " " + shellQuoted(strings.TrimSuffix(t.at.name, "/")+"/"+name)
			}
			return
		}
	}
}

// wouldTrust reports whether the CAs of a file would make the server trusted.
func (t *trust) wouldTrust(name string, c readers.Case) bool {
	data, err := t.readers.Content(name)
	if err != nil {
		return false
	}
	c.With = &certs.Set{}
	found, _, _ := certs.ParseAll(data) // only certificates can make a server trusted
	for _, one := range found {
		c.With.Add(one, name)
	}
	return c.With.Len() > 0 && t.readers.Default().Decide(c).Trusted
}
