package launch

import (
	"os"
	"os/signal"
	"syscall"

	"golang.org/x/sys/unix"
)

// CatchSignals has all signals delivered that would end the process, so that the
// directory of a run goes with it. SIGHUP and SIGINT that were ignored at the
// start, under nohup say, stay ignored, and the command inherits that; of others
// Go does not tell. What stops and continues a job is not caught: the shell has
// the whole job do so.
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
