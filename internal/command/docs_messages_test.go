package command_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// Whoever looks for the words that a program printed finds them on the page: those of the
// field are in the data for tests, and e2e/clients has the programs print them.
func TestMessagesOfTheFieldAreDocumented(t *testing.T) {
	dir := os.Getenv("CERTGRAFT_TESTDATA")
	if dir == "" {
		t.Skip("CERTGRAFT_TESTDATA is not set: the list of messages is not here")
	}
	list, err := os.ReadFile(filepath.Join(dir, "messages.txt"))
	if err != nil {
		t.Fatal(err)
	}
	page, err := os.ReadFile("../../docs/troubleshooting.md")
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(strings.TrimSpace(string(list)), "\n")
	if len(lines) < 60 {
		t.Errorf("only %d messages are listed", len(lines))
	}
	for _, line := range lines {
		program, text, _ := strings.Cut(line, "|")
		if text == "" || !strings.Contains(string(page), text) {
			t.Errorf("%s prints %q, and docs/troubleshooting.md does not have it", program, text)
		}
	}
}
