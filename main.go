// Certgraft makes containers trust the CAs they need: it fetches a provider's
// CA bundle, splits it, and installs it into every trust store of a root file
// system, with no shell, openssl or curl.
package main

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
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	// The first signal ends what looks at the context and cleans up. The second
	// ends the process, whatever it waits for: a root is safe from that as it is
	// from SIGKILL.
	context.AfterFunc(ctx, stop)
	os.Exit(command.Run(ctx, os.Args, os.Stdin, os.Stdout, os.Stderr))
}
