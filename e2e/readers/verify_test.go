//go:build e2e

package readers

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/certgraft/certgraft/e2e/rig"
	"github.com/certgraft/certgraft/internal/cases"
)

// Where OpenSSL trusts a server and others in the root do not, verify names those: the real
// clients refuse it.
func TestVerifyNamesThoseThatRefuse(t *testing.T) {
	chains := slices.DeleteFunc(cases.Chains(t, time.Now()), func(c cases.Chain) bool { return verifyLines[c.ID] == nil })
	root := newRoot(t, "trixie")
	nameHosts(t, root, chains)
	trustAll(t, root, set(t, chains))
	for _, c := range chains {
		port := serve(t, c)
		rig.Write(t, root+"/opt/cases.txt", fmt.Sprintf("%s %s %d\n", c.ID, c.Host, port))
		var out struct {
			Verdict struct{ Status string }
			Caveats []string
		}
		text, err := rig.Try(t, rig.Certgraft, "verify", "--json", "--root", root, "--servername", c.Host, fmt.Sprintf("127.0.0.1:%d", port))
		if jsonErr := json.Unmarshal([]byte(text), &out); jsonErr != nil || err != nil {
			t.Fatalf("%s: %v %v\n%s", c.ID, err, jsonErr, text)
		}
		for _, client := range clients {
			title, watched := verifyTitles[client.reader]
			if !watched {
				continue
			}
			named := slices.ContainsFunc(out.Caveats, func(line string) bool { return strings.Contains(line, title) })
			refuses := causeOf(answers(t, client, root, client.trust...)[c.ID]) != "ok"
			if named != refuses || refuses != slices.Contains(verifyLines[c.ID], client.reader) {
				t.Errorf("%s of %s: it refuses: %v, verify names it: %v\n%q", c.ID, client.reader, refuses, named, out.Caveats)
			}
		}
	}
}

// verifyTitles is how verify names clients of the root.
var verifyTitles = map[string]string{
	"python/3.13": "Python's ssl 3.13", "curl/8.14": "curl (", "java/21": "Java 21", "erlang/27": "Erlang 27", "requests/2.32": "Python's requests 2.32", "node-debian/20": "Node of a distribution",
}

// verifyLines are cases, and who refuses.
var verifyLines = map[string][]string{
	"plain":         {},
	"leaf-no-aki":   {"python/3.13"},                // R4
	"root-no-usage": {"python/3.13"},                // R4
	"cn-only":       {"requests/2.32", "erlang/27"}, // R6
	"wildcard":      {"erlang/27"},                  // R7
	"underscore":    {"java/21"},                    // R7
	"self-signed":   {"erlang/27"},                  // R3
	"sha224-leaf":   {"java/21", "erlang/27"},
}
