package roottest

import (
	"os"
	"path/filepath"
	"syscall"
	"testing"
)

// Script writes a shell script that can be run at once. No other test starts a
// program during the write. Otherwise the new process would hold the open file
// until its exec, and no process can run a file that is open for writing ("text
// file busy").
func Script(t testing.TB, name, text string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		t.Fatal(err)
	}
	syscall.ForkLock.RLock()
	defer syscall.ForkLock.RUnlock()
	if err := os.WriteFile(name, []byte("#!/bin/sh\n"+text), 0o755); err != nil {
		t.Fatal(err)
	}
}
