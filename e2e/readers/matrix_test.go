//go:build e2e

package readers

import (
	"fmt"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/certgraft/certgraft/e2e/rig"
	"github.com/certgraft/certgraft/internal/cases"
)

var suites = []string{"bookworm", "trixie", "sid"}

// tried are the clients of a suite that are run: the newest of each, and with SLOW=1 all.
// CERTGRAFT_READERS is a regular expression that chooses among them.
func tried(suite string) []client {
	chosen := regexp.MustCompile(os.Getenv("CERTGRAFT_READERS"))
	return slices.DeleteFunc(slices.Clone(clients), func(c client) bool {
		return c.suite != suite || c.slow && os.Getenv("CERTGRAFT_SLOW") == "" || !chosen.MatchString(c.reader)
	})
}

// Every client is run against every server, and does what readers/testdata/matrix.tsv has. With
// -update it is written, and readers/testdata/words.tsv with what they say.
func TestMatrix(t *testing.T) {
	rig.Slow(t)
	chains := cases.Chains(t, time.Now())
	lines := serveAll(t, chains)
	var ids []string
	for _, c := range chains {
		ids = append(ids, c.ID)
	}
	judged, said := newTable(), newTable()
	for _, suite := range suites {
		if len(tried(suite)) == 0 {
			continue
		}
		root := newRoot(t, suite)
		nameHosts(t, root, chains)
		trustAll(t, root, set(t, chains))
		rig.Write(t, root+"/opt/cases.txt", lines)
		for _, c := range tried(suite) {
			answered := answers(t, c, root, c.trust...)
			for _, id := range ids {
				if answered[id] == "" {
					t.Errorf("%s says nothing of %s", c.reader, id)
				}
			}
			for id, text := range answered {
				judged.set(id, c.reader, causeOf(text))
				said.set(id, c.reader, plain(text))
			}
		}
	}
	judged.compare(t, "readers/testdata/matrix.tsv", ids)
	compareWords(t, said, ids)
}

// serveAll runs a server for each chain, and returns what /opt/cases.txt says of them.
func serveAll(t *testing.T, chains []cases.Chain) string {
	t.Helper()
	var lines strings.Builder
	for _, c := range chains {
		fmt.Fprintf(&lines, "%s %s %d\n", c.ID, c.Host, serve(t, c))
	}
	return lines.String()
}

// answers returns what a client says of each server of /opt/cases.txt. One that cannot
// even begin, since it reads no store, says nothing.
func answers(t *testing.T, c client, root string, env ...string) map[string]string {
	t.Helper()
	said := map[string]string{}
	out, _ := tryInside(t, root, append(env, "sh", "-c", c.run)...)
	for line := range strings.Lines(out) {
		if id, text, ok := strings.Cut(strings.TrimRight(line, "\n"), "\t"); ok {
			said[id] = text
		}
	}
	return said
}
