//go:build e2e

package rig

import (
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
	"time"
)

// Background runs a server until the test ends, and waits until it is ready, for
// longer than a loaded machine needs. What it printed is shown if it ends before
// or is not ready then.
func Background(t *testing.T, cmd *exec.Cmd, ready func() bool) {
	t.Helper()
	log, err := os.Create(filepath.Join(t.TempDir(), "log"))
	if err != nil {
		t.Fatal(err)
	}
	cmd.Stdout, cmd.Stderr = log, log
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	err = cmd.Start()
	log.Close()
	if err != nil {
		t.Fatal(err)
	}
	ended := make(chan struct{})
	go func() { _ = cmd.Wait(); close(ended) }()
	t.Cleanup(func() {
		_ = syscall.Kill(-cmd.Process.Pid, syscall.SIGTERM)
		select {
		case <-ended:
		case <-time.After(10 * time.Second):
		}
		_ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL)
		<-ended
	})
	for end := time.Now().Add(2 * time.Minute); time.Now().Before(end); time.Sleep(50 * time.Millisecond) {
		if ready() {
			return
		}
		select {
		case <-ended:
			t.Fatalf("%q ended: %v\n%s", cmd.Args, cmd.ProcessState, Read(t, log.Name()))
		default:
		}
	}
	t.Fatalf("%q is not ready:\n%s", cmd.Args, Read(t, log.Name()))
}

// Listens returns whether something listens on a port of loopback.
func Listens(port int) func() bool {
	return func() bool {
		c, err := net.Dial("tcp", fmt.Sprintf("127.0.0.1:%d", port))
		if err != nil {
			return false
		}
		c.Close()
		return true
	}
}

// FreePort returns a port that nothing listens on. The kernel gives none of those
// away by itself, to a client or another test, before a server takes it.
func FreePort(t *testing.T) int {
	t.Helper()
	for range 100 {
		port := 28000 + rand.IntN(4000)
		if l, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", port)); err == nil {
			l.Close()
			return port
		}
	}
	t.Fatal("no port is free")
	return 0
}
