package command_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// A user who searches for a message of a program finds it on a page. The messages
// come from the data for tests. e2e/clients makes the programs print them.
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
