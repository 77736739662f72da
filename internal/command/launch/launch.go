// Package launch runs a command in place of this process. The command gets the
// streams and signals of this process, and this process ends with its status. A
// directory holds the files for the command, and is removed with it.
//
// Call [CatchSignals] first, then [MakeDir], then [Run].
package launch

import (
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"syscall"
)

// Statuses for a command that did not run, as shells use them.
const (
	cannotRun = 126
	notFound  = 127
	bySignal  = 128 // plus the number of the signal
)

// Run runs a command, passes the signals on to it and returns its status. The
// first argument of the command says which file to run. The error is about a
// command that could not be started.
func Run(cmd *exec.Cmd, signals <-chan os.Signal) (status int, err error) {
	if cmd.Path, err = exec.LookPath(cmd.Args[0]); err != nil {
		return notStarted(err)
	}
	select {
	case s := <-signals:
		return signalStatus(s), nil // the signal was meant for both processes, and the command has not started
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
// container becomes the parent of all orphans, so it waits for them too.
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
			return 1 // no child is left, which cannot happen before the command ends
		}
	}
}

// isFile reports whether a child can inherit a stream.
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
