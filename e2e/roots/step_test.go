//go:build e2e

package roots

import (
	"crypto/sha256"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/certgraft/certgraft/e2e/rig"
)

// steps are what a RUN step may do to the stores.
var steps = map[string]string{
	"nothing":               "true",
	"other files":           "mkdir /srv/a; echo x >/srv/a/b; echo y >>/etc/motd",
	"touch":                 "touch /etc/ssl/certs /etc/ssl/certs/ca-certificates.crt /usr/local/share",
	"chmod":                 "chmod 640 /etc/ssl/certs/ca-certificates.crt; chmod 750 /etc/ssl",
	"chown":                 "chown 12:34 /etc/ssl/certs/ca-certificates.crt",
	"the tool":              "update-ca-certificates",
	"the tool afresh":       "update-ca-certificates --fresh",
	"own CA":                "cp /opt/own.pem /usr/local/share/ca-certificates/own.crt; update-ca-certificates",
	"own CA comes and goes": "cp /opt/own.pem /usr/local/share/ca-certificates/own.crt; update-ca-certificates; rm /usr/local/share/ca-certificates/own.crt; update-ca-certificates --fresh",
	"deselected":            "sed -i 's,^mozilla/ISRG_Root_X1,!&,' /etc/ca-certificates.conf; update-ca-certificates",
	"appended":              "cat /opt/own.pem >>/etc/ssl/certs/ca-certificates.crt",
	"same bytes":            "cp /etc/ssl/certs/ISRG_Root_X1.pem /tmp/x; cat /tmp/x >/usr/share/ca-certificates/mozilla/ISRG_Root_X1.crt; rm /tmp/x",
	"anchors gone":          "rm -rf /usr/local/share/ca-certificates",
	"bundle gone":           "rm /etc/ssl/certs/ca-certificates.crt",
	"all gone":              "rm -rf /etc/ssl",
	"gone and back":         "mv /etc/ssl/certs /etc/ssl/away; cp -a /etc/ssl/away /etc/ssl/certs; rm -r /etc/ssl/away",
	"other file of it":      "grep -c BEGIN /etc/ssl/certs/ca-certificates.crt >/dev/null; cp /usr/share/ca-certificates/mozilla/ISRG_Root_X1.crt /srv/",
	"another install":       "/opt/certgraft install -q --offline /opt/own.pem",
	"install and remove":    "/opt/certgraft install -q --offline /opt/own.pem; /opt/certgraft remove -q --all",
	"hard link":             "ln /etc/ssl/certs/ca-certificates.crt /srv/bundle",
	"nested":                "/opt/certgraft run --in-root /opt/corp.pem -- /opt/certgraft run --in-root /opt/own.pem -- true",
	"parallel":              "for i in 1 2 3 4; do /opt/certgraft run --in-root /opt/own.pem -- sleep 0.$i & done; wait",
}

// What a step leaves in its layer is what it leaves without us, for an engine that
// drops what is as it was below.
func TestRunInRootLeavesNoTrace(t *testing.T) {
	for _, suite := range suites {
		t.Run(suite, func(t *testing.T) {
			if suite != suites[0] {
				rig.Slow(t) // the tools are the same
			}
			leaveNoTrace(t, rig.Debian(t, suite))
		})
	}
}

func leaveNoTrace(t *testing.T, root string) {
	t.Helper()
	rig.Run(t, "cp", rig.Certgraft, filepath.Join(root, "opt/certgraft"))
	for _, name := range []string{"corp", "own"} {
		rig.Write(t, filepath.Join(root, "opt", name+".pem"), rig.Read(t, rig.NewAuthority(t, name+" Root").CAFile))
	}
	for _, name := range slices.Sorted(maps.Keys(steps)) {
		t.Run(name, func(t *testing.T) {
			plain := layerOf(t, root, "sh", "-c", steps[name])
			trusted := layerOf(t, root, "/opt/certgraft", "run", "--in-root", "/opt/corp.pem", "--", "sh", "-c",
				`grep -q "$(sed -n 2p /opt/corp.pem)" /etc/ssl/certs/ca-certificates.crt || exit 9; `+steps[name])
			rig.Same(t, "the layer of the step", plain, trusted)
		})
	}
}

// layerOf runs a command in a root that is an overlay's lower directory, and returns
// what differs in the upper one.
func layerOf(t *testing.T, root string, command ...string) map[string]string {
	t.Helper()
	dir := t.TempDir()
	upper, work := filepath.Join(dir, "upper"), filepath.Join(dir, "work")
	for _, d := range []string{upper, work} {
		if err := os.Mkdir(d, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	merged := rig.Mount(t, "-t", "overlay", "-o", fmt.Sprintf("lowerdir=%s,upperdir=%s,workdir=%s", root, upper, work), "overlay")
	rig.Chroot(t, merged, command...)
	return changed(t, root, upper)
}

// changed returns what an upper directory has that the lower one has not: what is
// the same by kind, mode, owner, size, time and bytes is none.
func changed(t *testing.T, lower, upper string) map[string]string {
	t.Helper()
	found := map[string]string{}
	err := filepath.WalkDir(upper, func(name string, _ fs.DirEntry, err error) error {
		if err != nil || name == upper {
			return err
		}
		rel, _ := filepath.Rel(upper, name)
		is, was := facts(t, name), facts(t, filepath.Join(lower, rel))
		if is != was {
			found[rel], _, _ = strings.Cut(is, " at ")
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return found
}

// facts says all of a name that a layer has.
func facts(t *testing.T, name string) string {
	t.Helper()
	info, err := os.Lstat(name)
	if err != nil {
		return ""
	}
	st := info.Sys().(*syscall.Stat_t)
	what := ""
	switch {
	case info.Mode().IsRegular():
		what = fmt.Sprintf("%x", sha256.Sum256([]byte(rig.Read(t, name))))
	case info.Mode()&fs.ModeSymlink != 0:
		what, _ = os.Readlink(name)
	case info.Mode()&fs.ModeCharDevice != 0:
		return "gone"
	}
	return fmt.Sprintf("%s %d:%d %s at %d", info.Mode(), st.Uid, st.Gid, what, info.ModTime().UnixNano())
}
