//go:build e2e

package clients

import (
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/certgraft/certgraft/e2e/rig"
)

// followers are the clients that a step runs after it has installed its own CA.
var followers = []string{"OpenSSL", "curl", "git", "Go", "Python ssl", "Python requests, certifi's roots", "Node 24, official", "OpenJDK 21"}

// Every client trusts in a step that has the CAs in the root's stores, curl with no
// environment too, and Java with no options. Under the other mode a step that
// installs a CA of its own trusts that.
func TestClientsInStep(t *testing.T) {
	rig.Slow(t)
	root, servers := clientRoot(t)
	untouched := clientSnapshot(t, root)
	tried(t, "in-root", true, func(t *testing.T, c client) bool {
		return c.trusts(t, root, servers, nil, "certgraft", "run", "--in-root", "/opt/corp.pem", "--")
	})
	curl := allClients[slices.IndexFunc(allClients, func(c client) bool { return c.name == "curl" })]
	curl.command = strings.Replace(curl.command, "curl", "env -i curl", 1)
	if !curl.trusts(t, root, servers, nil, "certgraft", "run", "--in-root", "/opt/corp.pem", "--") {
		t.Error("curl needs its environment")
	}
	if out := rig.Chroot(t, root, "/usr/local/bin/certgraft", "run", "--in-root", "/opt/corp.pem", "--", "env"); strings.Contains(out, "JAVA_TOOL_OPTIONS") {
		t.Errorf("Java is told what it reads by itself:\n%s", out)
	}
	rig.Same(t, "after certgraft run --in-root", untouched, clientSnapshot(t, root))

	rig.Write(t, filepath.Join(root, "opt/other.pem"), rig.Read(t, rig.NewAuthority(t, "Other Root").CAFile))
	const install = `cp /opt/corp.pem /usr/local/share/ca-certificates/own.crt && update-ca-certificates >/dev/null 2>&1 && exec "$@"`
	for _, c := range allClients {
		if !slices.Contains(followers, c.name) {
			continue
		}
		t.Run("own/"+c.name, func(t *testing.T) {
			if !c.trusts(t, root, servers, nil, "certgraft", "run", "/opt/other.pem", "--", "sh", "-c", install, "sh") {
				t.Error("refuses what the step has installed itself")
			}
		})
		rig.Chroot(t, root, "sh", "-c", "rm /usr/local/share/ca-certificates/own.crt; update-ca-certificates --fresh >/dev/null 2>&1")
	}
}
