//go:build e2e

// Package rig is what the rooms of e2e share: roots of distributions, which are
// made once with mmdebstrap and kept in a cache, throw-away CAs, servers, a Docker
// engine, registries and images. Each room is a package below e2e that runs
// certgraft against the real thing. It needs root on Debian and the packages that
// .ci/run installs, and has [Main] as its TestMain.
//
// The rooms run one after the other (make e2e passes -p 1): they share ports,
// mounts and the cache, and some of them measure time.
package rig

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// checkout is where go test runs a room, two directories up.
var checkout, _ = filepath.Abs("../..")

// Certgraft is the binary under test.
var Certgraft = File("build/certgraft")

// File returns the path of a file of the checkout.
func File(name string) string { return filepath.Join(checkout, name) }

// Main runs the tests of a room and returns the status of the process.
func Main(m *testing.M) int {
	if os.Geteuid() != 0 {
		fmt.Fprintln(os.Stderr, "e2e: not root: these tests make root file systems and chroot into them")
		return 1
	}
	if _, err := os.Stat(Certgraft); err != nil {
		fmt.Fprintln(os.Stderr, "e2e: build/certgraft is missing: run make e2e")
		return 1
	}
	// Variables that redirect trust would make every client lie.
	for _, kv := range os.Environ() {
		name, value, _ := strings.Cut(kv, "=")
		if strings.HasSuffix(value, ".crt") || strings.Contains(name, "SSL_CERT") || strings.Contains(name, "CA_") {
			_ = os.Unsetenv(name)
		}
	}
	defer stopEngine()
	return m.Run()
}

// Run runs a command and returns what it printed; the test ends if it fails.
func Run(t *testing.T, name string, args ...string) string {
	t.Helper()
	out, err := Try(t, name, args...)
	if err != nil {
		t.Fatalf("%s %s: %v\n%s", name, strings.Join(args, " "), err, out)
	}
	return out
}

// Try is run for commands that may fail.
func Try(t *testing.T, name string, args ...string) (string, error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, name, args...)
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	err := cmd.Run()
	return out.String(), err
}

// Fails runs a command that must end with that status.
func Fails(t *testing.T, status int, name string, args ...string) string {
	t.Helper()
	out, err := Try(t, name, args...)
	exit, ok := errors.AsType[*exec.ExitError](err)
	if !ok || exit.ExitCode() != status {
		t.Fatalf("%s %s: %v, want status %d\n%s", name, strings.Join(args, " "), err, status, out)
	}
	return out
}

// RDS returns the arguments that install the RDS bundle: the real one where the
// data for tests is there, else the snapshot.
func RDS(t *testing.T) []string {
	t.Helper()
	if dir := os.Getenv("CERTGRAFT_TESTDATA"); dir != "" {
		return []string{filepath.Join(dir, "bundles/aws-rds/global-bundle.pem")}
	}
	t.Log("CERTGRAFT_TESTDATA is not set: the snapshot of the RDS bundle stands in for the real one")
	return []string{"--offline", "aws-rds"}
}

// Slow skips what takes minutes, most of them to build other programs, unless it
// is asked for: make e2e SLOW=1, as the workflow does.
func Slow(t *testing.T) {
	t.Helper()
	if os.Getenv("CERTGRAFT_SLOW") == "" {
		t.Skip("takes minutes: make e2e SLOW=1")
	}
}

// Write writes a file, with the directories above it, and returns its name.
func Write(t *testing.T, name, data string) string {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(name, []byte(data), 0o644); err != nil {
		t.Fatal(err)
	}
	return name
}

// Read returns what is in a file.
func Read(t *testing.T, name string) string {
	t.Helper()
	data, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

// Update is set where a test is to write what it compares with.
var Update = flag.Bool("update", false, "capture testdata/roots anew from the real tools")
