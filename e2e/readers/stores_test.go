//go:build e2e

package readers

import (
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/certgraft/certgraft/e2e/rig"
	"github.com/certgraft/certgraft/internal/cases"
)

// Every client loads every store of certificates as readers/testdata/stores.tsv has it: that
// says which of the two CAs it trusts by it.
func TestStores(t *testing.T) {
	rig.Slow(t)
	servers, stores := cases.Stores(t, time.Now())
	slices.SortFunc(servers, func(a, b cases.Chain) int { return strings.Compare(a.ID, b.ID) })
	lines := serveAll(t, servers)
	loaded := newTable()
	const suite = "trixie" // from one release to the next, this does not change
	root := newRoot(t, suite)
	nameHosts(t, root, servers)
	rig.Write(t, root+"/opt/cases.txt", lines)
	for _, s := range stores {
		lay(t, root, s)
		for _, c := range tried(suite) {
			if c.reads(s) {
				loaded.set(s.ID, c.reader, trusted(answers(t, c, root, environ(s.Env)...)))
			}
		}
	}
	var ids []string
	for _, s := range stores {
		ids = append(ids, s.ID)
	}
	loaded.compare(t, "readers/testdata/stores.tsv", ids)
}

// reads reports whether a client could read a store: Java reads keystores alone, and NSS a
// database.
func (c client) reads(s cases.Store) bool {
	isJava := strings.HasPrefix(c.reader, "java/")
	return !strings.HasPrefix(c.reader, "nss/") && isJava == (s.Group == "java")
}

// lay gives a root the files of a store, and no others.
func lay(t *testing.T, root string, s cases.Store) {
	t.Helper()
	rig.Run(t, "rm", "-rf", filepath.Join(root, "etc/ssl/certs"), filepath.Join(root, "opt/extra"), filepath.Join(root, "opt/extra.pem"))
	rig.Run(t, "mkdir", "-p", filepath.Join(root, "etc/ssl/certs"))
	for name, data := range s.Files {
		rig.Write(t, filepath.Join(root, name), data)
	}
	for name, to := range s.Links {
		if err := os.Symlink(to, filepath.Join(root, name)); err != nil {
			t.Fatal(err)
		}
	}
}

func environ(variables map[string]string) (env []string) {
	for _, name := range slices.Sorted(maps.Keys(variables)) {
		env = append(env, name+"="+variables[name])
	}
	return env
}

// trusted says which of the two servers a client trusts: "a", "b", "ab" or "-".
func trusted(said map[string]string) string {
	var out strings.Builder
	for _, id := range []string{"a", "b"} {
		if causeOf(said[id]) == "ok" {
			out.WriteString(id)
		}
	}
	if out.String() == "" {
		return "-"
	}
	return out.String()
}
