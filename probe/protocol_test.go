package probe

import (
	"os"
	"regexp"
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

func readText(t *testing.T, name string) string {
	t.Helper()
	data, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}
