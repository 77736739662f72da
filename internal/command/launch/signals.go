package launch

import (
	"os"
	"os/signal"
	"syscall"

	"golang.org/x/sys/unix"
)

// CatchSignals catches every signal that would end this process before it removes
// the directory of the run. A signal that was ignored at the start, for example
// SIGHUP under nohup, stays ignored for the command too; Go reports this for
// SIGHUP and SIGINT only. Signals that stop and continue a job are not caught: the
// shell sends them to the whole job.
func CatchSignals() <-chan os.Signal {
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

// typed reports whether a signal came from the terminal. The terminal sends it to
// all processes in its foreground, so the command already has it. Many programs
// treat a second signal as impatience.
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
