package main

import (
	"errors"
	"os"
	"os/exec"
	"syscall"
	"testing"
	"time"
)

// beProgram has the test binary be the program.
const beProgram = "CERTGRAFT_TEST_MAIN"

func TestMain(m *testing.M) {
	if os.Getenv(beProgram) != "" {
		main()
	}
	os.Exit(m.Run())
}

// What waits for something that does not look at the context, here for standard
// input, ends by the second signal.
func TestSecondSignalEnds(t *testing.T) {
	for _, signal := range []syscall.Signal{syscall.SIGINT, syscall.SIGTERM} {
		cmd := exec.CommandContext(t.Context(), os.Args[0], "bundle", "-")
		cmd.Env = append(os.Environ(), beProgram+"=1")
		stdin, err := cmd.StdinPipe()
		if err != nil {
			t.Fatal(err)
		}
		defer stdin.Close()
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		// A pipe holds less: when this returns the program is reading.
		if _, err := stdin.Write(make([]byte, 1<<20)); err != nil {
			t.Fatal(err)
		}
		ended := make(chan error, 1)
		go func() { ended <- cmd.Wait() }()
		if by := interrupt(t, cmd.Process, signal, ended); by != signal {
			t.Errorf("%v: ended by %v", signal, by)
		}
	}
}

// interrupt sends a signal until the process ends, and returns the signal that
// ended it.
func interrupt(t *testing.T, process *os.Process, signal syscall.Signal, ended <-chan error) syscall.Signal {
	t.Helper()
	give := time.After(10 * time.Second)
	for {
		select {
		case err := <-ended:
			exit, ok := errors.AsType[*exec.ExitError](err)
			if !ok {
				t.Fatalf("%v: it ended with %v", signal, err)
			}
			return exit.Sys().(syscall.WaitStatus).Signal()
		case <-time.After(100 * time.Millisecond):
			_ = process.Signal(signal) // it may have ended meanwhile
		case <-give:
			_ = process.Kill()
			t.Fatalf("%v: it lives on", signal)
		}
	}
}
