package command

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"os/signal"
	"syscall"

	"golang.org/x/sys/unix"
)

// Statuses of a command that did not run, as those of a shell.
const (
	exitCannotRun = 126
	exitNotFound  = 127
	exitSignal    = 128 // and the number of the signal
)

// statusError ends the program with the status of the command that it ran. Of
// one that ran there is no error to tell.
type statusError struct {
	error

	status int
}

func (e statusError) Error() string {
	if e.error == nil {
		return fmt.Sprintf("the command ended with status %d", e.status)
	}
	return e.error.Error()
}

func (e statusError) Unwrap() error { return e.error }

// catchSignals has all signals delivered that would end the process, so that the
// directory of a run goes with it. SIGHUP and SIGINT that were ignored at the
// start, under nohup say, stay ignored, and the command inherits that; of others
// Go does not tell. What stops and continues a job is not caught: the shell has
// the whole job do so.
func catchSignals() chan os.Signal {
	caught := make(chan os.Signal, 16)
	for n := syscall.Signal(1); n < 32; n++ {
		switch n {
		case syscall.SIGKILL, syscall.SIGSTOP, syscall.SIGTSTP, syscall.SIGTTIN, syscall.SIGTTOU, syscall.SIGCONT,
			syscall.SIGCHLD, syscall.SIGURG, syscall.SIGWINCH:
			continue
		}
		if !signal.Ignored(n) {
			signal.Notify(caught, n)
		}
	}
	return caught
}

// execute runs a command with the streams of this process, passes the signals on
// and returns its status. The error is of a command that could not be started.
func execute(p *printer, argv, env []string, signals <-chan os.Signal) (int, error) {
	name, err := exec.LookPath(argv[0])
	if err != nil {
		return notStarted(argv[0], err)
	}
	select {
	case s := <-signals:
		return signalStatus(s), nil // it was meant for both, and the command is not there yet
	default:
	}
	cmd := &exec.Cmd{Path: name, Args: argv, Env: env, Stdin: p.in, Stdout: p.out, Stderr: p.err}
	if err := cmd.Start(); err != nil {
		return notStarted(argv[0], err)
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

func notStarted(name string, err error) (int, error) {
	status := exitCannotRun
	if errors.Is(err, exec.ErrNotFound) || errors.Is(err, fs.ErrNotExist) {
		status = exitNotFound
	}
	if inner, ok := errors.AsType[*exec.Error](err); ok {
		err = inner.Err
	}
	return status, withHint(fmt.Errorf("run %s: %w", name, err), "the command is what stands behind the first --; without a shell it is one program and its arguments")
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
			return exitFailure // it was the last child: that cannot be
		}
	}
}

func waitStatus(ws syscall.WaitStatus) int {
	if ws.Signaled() {
		return signalStatus(ws.Signal())
	}
	return ws.ExitStatus()
}

func signalStatus(s os.Signal) int {
	if n, ok := s.(syscall.Signal); ok {
		return exitSignal + int(n)
	}
	return exitFailure
}

// typed reports whether a signal came from the terminal, which sends it to all
// processes in its foreground: the command has it already, and many a program
// takes a second one for impatience.
func typed(s os.Signal) bool {
	if s != syscall.SIGINT && s != syscall.SIGQUIT {
		return false
	}
	tty, err := os.Open("/dev/tty")
	if err != nil {
		return false
	}
	defer tty.Close()
	foreground, err := unix.IoctlGetInt(int(tty.Fd()), unix.TIOCGPGRP)
	return err == nil && foreground == unix.Getpgrp()
}
