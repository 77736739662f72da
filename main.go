// Certgraft makes containers trust the CAs they need: it fetches a provider's
// CA bundle, splits it, and installs it into every trust store of a root file
// system, with no shell, openssl or curl.
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
	// A run is short and its memory small: collecting it eight times over is
	// half of the time it takes. The limit keeps large inputs small too.
	debug.SetGCPercent(800)
	debug.SetMemoryLimit(48 << 20)
	os.Exit(command.Run(untilSignal(), os.Args, os.Stdin, os.Stdout, os.Stderr))
}

// untilSignal returns a context that the first signal ends, for what looks at it
// to clean up. The second ends the process, whatever that waits for: a root is
// safe from it as it is from SIGKILL. Who started this with SIGINT ignored, as
// shells do in the background, wants it to go on.
func untilSignal() context.Context {
	signals := []os.Signal{syscall.SIGTERM}
	if !signal.Ignored(os.Interrupt) {
		signals = append(signals, os.Interrupt)
	}
	ctx, stop := signal.NotifyContext(context.Background(), signals...)
	context.AfterFunc(ctx, stop)
	return ctx
}
