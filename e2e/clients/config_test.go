//go:build e2e

package clients

import (
	"fmt"
	"path/filepath"
	"regexp"
	"slices"
	"testing"

	"github.com/certgraft/certgraft/e2e/rig"
)

// configured are files in /root by which programs read other CAs than the system's.
var configured = []struct{ client, file, text string }{
	{"curl", ".curlrc", "# ours\ncacert = \"/opt/own.pem\"\n"},
	{"git", ".gitconfig", "[include]\n\tpath = git/corp\n"},
	{"wget (GnuTLS)", ".wgetrc", "ca_certificate = /opt/own.pem\n"},
	{"npm", ".npmrc", "cafile=${HOME}/../opt/own.pem\n"},
}

// Programs whose configuration names a file of its own trust by what install adds to
// that file, as packages have them, and no longer once it is removed.
func TestR13Configuration(t *testing.T) {
	root, servers := clientRoot(t)
	rig.Write(t, filepath.Join(root, "opt/own.pem"), rig.Read(t, rig.NewAuthority(t, "Other Root").CAFile))
	rig.Write(t, filepath.Join(root, "root/git/corp"), fmt.Sprintf("[http \"https://localhost:%d\"]\n\tsslCAInfo = /opt/own.pem ; ours\n", servers.https))
	for _, c := range configured {
		rig.Write(t, filepath.Join(root, "root", c.file), c.text)
	}
	own := filepath.Join(root, "opt/own.pem")
	before, had := rig.Snapshot(t, filepath.Join(root, "etc")), rig.Read(t, own)
	tryAll := func(when string, accept bool) {
		t.Helper()
		for _, c := range configured {
			i := slices.IndexFunc(allClients, func(a client) bool { return a.name == c.client })
			out, err := rig.Try(t, "env", "-i", "HOME=/root", "PATH=/usr/sbin:/usr/bin:/sbin:/bin", fmt.Sprint("PORT=", servers.https), "/usr/sbin/chroot", root, "sh", "-ec", allClients[i].command)
			switch {
			case accept && err != nil:
				t.Errorf("%s: %s refuses: %s", when, c.client, out)
			case !accept && err == nil:
				t.Errorf("%s: %s accepts: %s", when, c.client, out)
			case !accept && !regexp.MustCompile(allClients[i].refused).MatchString(out):
				t.Errorf("%s: %s refuses for another reason: %s", when, c.client, out)
			}
		}
	}
	tryAll("before", false)
	// The file alone: curl, git and wget of Debian look into the system's directory too.
	rig.Run(t, rig.Certgraft, "install", "--stores", "config", "--root", root, filepath.Join(root, "opt/corp.pem"))
	tryAll("after install", true)
	rig.Run(t, rig.Certgraft, "remove", "--root", root, "--all")
	tryAll("after remove", false)
	rig.Same(t, "remove --all", before, rig.Snapshot(t, filepath.Join(root, "etc")))
	if rig.Read(t, own) != had {
		t.Errorf("%s is not what it was", own)
	}
}
