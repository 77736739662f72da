package main

import (
	"os/exec"
	"testing"
)

// NOTICE names each module that the frontend links.
func TestNotice(t *testing.T) {
	if out, err := exec.Command("go", "run", "-C", "..", "./internal/release", "notice", "--check", "frontend").CombinedOutput(); err != nil {
		t.Errorf("%v\n%s", err, out)
	}
}
