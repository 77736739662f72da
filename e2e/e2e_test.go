//go:build e2e

// Package e2e runs certgraft against the real thing: distributions made with
// mmdebstrap, their own tools, container engines, servers and clients. It needs
// root on Debian and the packages that .ci/run installs.
package e2e

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// certgraft is the binary under test.
var certgraft, _ = filepath.Abs("../build/certgraft")

func TestMain(m *testing.M) {
	if os.Geteuid() != 0 {
		fmt.Fprintln(os.Stderr, "e2e: not root: these tests make root file systems and chroot into them")
		os.Exit(1)
	}
	if _, err := os.Stat(certgraft); err != nil {
		fmt.Fprintln(os.Stderr, "e2e: build/certgraft is missing: run make e2e")
		os.Exit(1)
	}
	// Variables that redirect trust would make every client lie.
	for _, kv := range os.Environ() {
		name, value, _ := strings.Cut(kv, "=")
		if strings.HasSuffix(value, ".crt") || strings.Contains(name, "SSL_CERT") || strings.Contains(name, "CA_") {
			_ = os.Unsetenv(name)
		}
	}
	status := m.Run()
	stopEngine()
	removeRelease()
	os.Exit(status)
}

// run runs a command and returns what it printed; the test ends if it fails.
func run(t *testing.T, name string, args ...string) string {
	t.Helper()
	out, err := try(t, name, args...)
	if err != nil {
		t.Fatalf("%s %s: %v\n%s", name, strings.Join(args, " "), err, out)
	}
	return out
}

// try is run for commands that may fail.
func try(t *testing.T, name string, args ...string) (string, error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, name, args...)
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	err := cmd.Run()
	return out.String(), err
}

// fails runs a command that must end with that status.
func fails(t *testing.T, status int, name string, args ...string) string {
	t.Helper()
	out, err := try(t, name, args...)
	exit, ok := errors.AsType[*exec.ExitError](err)
	if !ok || exit.ExitCode() != status {
		t.Fatalf("%s %s: %v, want status %d\n%s", name, strings.Join(args, " "), err, status, out)
	}
	return out
}

// rds returns the arguments that install the RDS bundle: the real one where the
// data for tests is there, else the snapshot.
func rds(t *testing.T) []string {
	t.Helper()
	if dir := os.Getenv("CERTGRAFT_TESTDATA"); dir != "" {
		return []string{filepath.Join(dir, "bundles/aws-rds/global-bundle.pem")}
	}
	t.Log("CERTGRAFT_TESTDATA is not set: the snapshot of the RDS bundle stands in for the real one")
	return []string{"--offline", "aws-rds"}
}

// slow skips what takes minutes, most of them to build other programs, unless it
// is asked for: make e2e SLOW=1, as the workflow does.
func slow(t *testing.T) {
	t.Helper()
	if os.Getenv("CERTGRAFT_SLOW") == "" {
		t.Skip("takes minutes: make e2e SLOW=1")
	}
}

func write(t *testing.T, name, data string) string {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(name, []byte(data), 0o644); err != nil {
		t.Fatal(err)
	}
	return name
}
