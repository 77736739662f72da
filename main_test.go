package main

import (
	"bytes"
	"errors"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// beProgram is the variable that makes the test binary act as the program.
const beProgram = "CERTGRAFT_TEST_MAIN"

func TestMain(m *testing.M) {
	if os.Getenv(beProgram) != "" {
		main()
	}
	os.Exit(m.Run())
}

// program returns the command that runs the program.
func program(t *testing.T, args ...string) *exec.Cmd {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), os.Args[0], args...)
	cmd.Env = append(os.Environ(), beProgram+"=1")
	return cmd
}

// The second signal ends a process that waits without its context, here for a
// reader of its output.
func TestSecondSignalEnds(t *testing.T) {
	for _, signal := range []syscall.Signal{syscall.SIGINT, syscall.SIGTERM} {
		reader, writer, err := os.Pipe()
		if err != nil {
			t.Fatal(err)
		}
		defer reader.Close()
		cmd := program(t, "list", "--json") // more than a pipe holds
		cmd.Stdout = writer
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		writer.Close()
		if _, err := reader.Read(make([]byte, 1)); err != nil { // waits until the program writes
			t.Fatal(err)
		}
		ended := make(chan error, 1)
		go func() { ended <- cmd.Wait() }()
		if by := interrupt(t, cmd.Process, signal, ended); by != signal {
			t.Errorf("%v: ended by %v", signal, by)
		}
	}
}

// A command that waits for a server can be interrupted. It says so, and does not
// blame the server.
func TestInterruptedWaiting(t *testing.T) {
	for _, args := range [][]string{
		{"verify", "HOST"},
		{"install", "--root", t.TempDir(), "https://HOST/ca.pem"},
		{"patch", "HOST/app:1", "testdata/bundles/corp.pem", "--in-place"},
	} {
		t.Run(args[0], func(t *testing.T) {
			silent, err := net.Listen("tcp", "127.0.0.1:0")
			if err != nil {
				t.Fatal(err)
			}
			defer silent.Close()
			for i := range args {
				args[i] = strings.ReplaceAll(args[i], "HOST", silent.Addr().String())
			}
			var out, said bytes.Buffer
			cmd := program(t, args...)
			cmd.Stdout, cmd.Stderr = &out, &said
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			conn, err := silent.Accept()
			if err != nil {
				t.Fatal(err)
			}
			defer conn.Close()
			if err := cmd.Process.Signal(os.Interrupt); err != nil {
				t.Fatal(err)
			}
			err = cmd.Wait()
			if cmd.ProcessState.ExitCode() != 1 || out.Len() > 0 || !strings.Contains(said.String(), "interrupt signal received") {
				t.Errorf("%v\n%s%s", err, out.String(), said.String())
			}
		})
	}
}

// A background job of a shell starts with SIGINT ignored, and continues.
func TestIgnoredInterrupt(t *testing.T) {
	fifo := filepath.Join(t.TempDir(), "fifo")
	if err := syscall.Mkfifo(fifo, 0o600); err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), "sh", "-c", `trap "" INT; exec "$0" bundle - <"$1"`, os.Args[0], fifo)
	cmd.Env = append(os.Environ(), beProgram+"=1")
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	writer, err := os.OpenFile(fifo, os.O_WRONLY, 0) // waits until the program opens it for reading
	if err != nil {
		t.Fatal(err)
	}
	for range 10 {
		if err := cmd.Process.Signal(os.Interrupt); err != nil {
			t.Fatal(err)
		}
		time.Sleep(20 * time.Millisecond)
	}
	pem, err := os.ReadFile("testdata/bundles/corp.pem")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := writer.Write(pem); err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(writer.Close(), cmd.Wait()); err != nil {
		t.Errorf("it did not end its work: %v", err)
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
