// Certgraft makes containers trust the CAs that they need. It fetches the CA
// bundle of a provider, splits it, and installs it into every trust store of a
// root file system. It needs no shell, openssl or curl.
package main

//go:generate go run ./internal/gen catalogue
//go:generate go run ./internal/gen commands
//go:generate go run ./internal/gen readers
//go:generate go run ./internal/gen pages
//go:generate go run ./internal/gen demo

import (
	"context"
	"os"
	"os/signal"
	"runtime/debug"
	"syscall"

	"github.com/certgraft/certgraft/internal/command"
)

func main() {
	// A run is short and uses little memory. Garbage collection at the default
	// rate would take half of its time. The limit bounds the memory for large
	// inputs.
	debug.SetGCPercent(800)
	debug.SetMemoryLimit(48 << 20)
	os.Exit(command.Run(untilSignal(), os.Args, os.Stdin, os.Stdout, os.Stderr))
}

// untilSignal returns a context that the first signal ends, so that the command
// cleans up. The second signal ends the process, even while it waits; a root
// survives that as it survives SIGKILL. If SIGINT was ignored at the start, it
// stays ignored: shells start background jobs so.
func untilSignal() context.Context {
	signals := []os.Signal{syscall.SIGTERM}
	if !signal.Ignored(os.Interrupt) {
		signals = append(signals, os.Interrupt)
	}
	ctx, stop := signal.NotifyContext(context.Background(), signals...)
	context.AfterFunc(ctx, stop)
	return ctx
}
