package probe

import (
	"maps"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// A protocol has everything that CONTRIBUTING.md requires: a dialogue if it speaks
// before the handshake or greets, a fuzz target if it reads answers, and a row in
// the documentation.
func TestEachProtocolIsCovered(t *testing.T) {
	fuzz, page := readText(t, "fuzz_test.go"), readText(t, "../docs/verify.md")
	played := map[string]bool{}
	for _, d := range dialogues {
		played[d.protocol] = true
	}
	documented := map[string]bool{}
	for _, row := range regexp.MustCompile(`(?m)^\| (`+"`[^|]*`"+`) \|`).FindAllStringSubmatch(page, -1) {
		for name := range strings.SplitSeq(row[1], ", ") {
			documented[strings.Trim(name, "`")] = true
		}
	}
	for _, p := range protocols {
		if (p.start != nil || p.hello != nil) && !played[p.Name] {
			t.Errorf("%s has no dialogue in servers_test.go", p.Name)
		}
		if p.start != nil && !strings.Contains(fuzz, `fuzzAnswer(f, "`+p.Name+`")`) {
			t.Errorf("%s has no line in fuzz_test.go", p.Name)
		}
		if !documented[p.Name] {
			t.Errorf("%s has no row in docs/verify.md", p.Name)
		}
	}
}

// otherServers names the test of a real server that is not in the table of e2e/verify.
var otherServers = map[string]struct{ file, test string }{
	"postgres":        {"e2e/verify/verify_test.go", "func TestVerifyPostgreSQL("},
	"postgres-direct": {"e2e/verify/direct_test.go", "func TestVerifyPostgreSQLDirect("},
}

// noServer says why no test asks a real server of a protocol.
var noServer = map[string]string{
	"mssql":        "Debian has no SQL Server; e2e/verify/mssql_test.go plays one for real clients",
	"mssql-strict": "Debian has no SQL Server; e2e/verify/mssql_test.go plays one for real clients",
	"kafka":        "neither Debian nor a Go module has Kafka; TLS at once, as with nginx",
	"neo4j":        "neither Debian nor a Go module has Neo4j; TLS at once, as with nginx",
}

// Tests of e2e ask a real server of each protocol. A protocol without one has its
// reason in noServer.
func TestEachProtocolHasAServer(t *testing.T) {
	const table = "e2e/verify/servers_test.go"
	_, rows, _ := strings.Cut(readText(t, "../"+table), "\nvar servers = []server{\n")
	rows, _, found := strings.Cut(rows, "\n}\n")
	asked := map[string]bool{}
	for _, row := range regexp.MustCompile(`(?m)^\t\{"[^"]+", "([^"]+)", .*, start\w+`).FindAllStringSubmatch(rows, -1) {
		asked[row[1]] = true
		if p := protocolNamed(row[1]); p == nil || p.Name != row[1] {
			t.Errorf("servers in %s has the protocol %q, which probe/protocol.go does not have", table, row[1])
		}
	}
	if !found || len(asked) == 0 {
		t.Fatalf("%s has no table of servers", table)
	}
	for _, p := range protocols {
		shown := 0
		if asked[p.Name] {
			shown++
		}
		if by, ok := otherServers[p.Name]; ok {
			shown++
			if !strings.Contains(readText(t, "../"+by.file), by.test) {
				t.Errorf("otherServers in probe/protocol_test.go: %s does not have %q, which asks a server of %s", by.file, by.test, p.Name)
			}
		}
		if noServer[p.Name] != "" {
			shown++
		}
		switch {
		case shown == 0:
			t.Errorf("no test asks a real server of %s: add a row to servers in %s, or the reason to noServer in probe/protocol_test.go", p.Name, table)
		case shown > 1:
			t.Errorf("%s has a real server, and more than it needs in otherServers or noServer of probe/protocol_test.go: take the row out", p.Name)
		}
	}
	for _, name := range slices.Concat(slices.Collect(maps.Keys(otherServers)), slices.Collect(maps.Keys(noServer))) {
		if p := protocolNamed(name); p == nil || p.Name != name {
			t.Errorf("otherServers or noServer in probe/protocol_test.go has %s, which is not a protocol", name)
		}
	}
}

// docs/verify.md says "no real server" of a protocol only if noServer has the reason.
func TestNoRealServerHasAReason(t *testing.T) {
	for _, row := range regexp.MustCompile("(?m)^\\| `([a-z0-9-]+)`.*\\| no real server \\|$").FindAllStringSubmatch(readText(t, "../docs/verify.md"), -1) {
		if noServer[row[1]] == "" {
			t.Errorf("docs/verify.md says %q of %s, and noServer in probe/protocol_test.go does not say why", "no real server", row[1])
		}
	}
}

func readText(t *testing.T, name string) string {
	t.Helper()
	data, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}
