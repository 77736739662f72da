// Package launch runs a command in the place of this process: the command has
// its streams, gets its signals, and gives it its status. What the command is to
// find beside is in a directory that goes with it.
//
// Start with [Run]. [CatchSignals] comes before, and before that [MakeDir].
package launch

import (
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"syscall"
)

// Statuses of a command that did not run, as those of a shell.
const (
	cannotRun = 126
	notFound  = 127
	bySignal  = 128 // and the number of the signal
)

// Run runs a command, which is found by the first of its arguments, passes the
// signals on and returns its status. The error is of a command that could not be
// started.
func Run(cmd *exec.Cmd, signals <-chan os.Signal) (status int, err error) {
	if cmd.Path, err = exec.LookPath(cmd.Args[0]); err != nil {
		return notStarted(err)
	}
	select {
	case s := <-signals:
		return signalStatus(s), nil // it was meant for both, and the command is not there yet
	default:
	}
	if err := cmd.Start(); err != nil {
		return notStarted(err)
	}
	ended := make(chan int, 1)
	go func() { ended <- wait(cmd) }()
	for {
		select {
		case s := <-signals:
			if !typed(s) {
				_ = cmd.Process.Signal(s) // it may have ended meanwhile
			}
		case status := <-ended:
			return status, nil
		}
	}
}

func notStarted(err error) (status int, _ error) {
	status = cannotRun
	if errors.Is(err, exec.ErrNotFound) || errors.Is(err, fs.ErrNotExist) {
		status = notFound
	}
	if inner, ok := errors.AsType[*exec.Error](err); ok {
		err = inner.Err
	}
	return status, err
}

// wait waits for the command and returns its status. The first process of a
// container gets the orphans of all others, and has to see them off.
func wait(cmd *exec.Cmd) int {
	if os.Getpid() != 1 || !isFile(cmd.Stdin) || !isFile(cmd.Stdout) || !isFile(cmd.Stderr) {
		_ = cmd.Wait() // the state says all
		return waitStatus(cmd.ProcessState.Sys().(syscall.WaitStatus))
	}
	for {
		var ws syscall.WaitStatus
		pid, err := syscall.Wait4(-1, &ws, 0, nil)
		switch {
		case pid == cmd.Process.Pid:
			return waitStatus(ws)
		case err != nil && !errors.Is(err, syscall.EINTR):
			return 1 // it was the last child: that cannot be
		}
	}
}

// isFile reports whether a stream is one that a process can inherit.
func isFile(stream any) bool {
	_, ok := stream.(*os.File)
	return ok
}

func waitStatus(ws syscall.WaitStatus) int {
	if ws.Signaled() {
		return signalStatus(ws.Signal())
	}
	return ws.ExitStatus()
}

func signalStatus(s os.Signal) int {
	if n, ok := s.(syscall.Signal); ok {
		return bySignal + int(n)
	}
	return 1
}
