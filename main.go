// Certgraft makes containers trust the CAs they need: it fetches a provider's
// CA bundle, splits it, and installs it into every trust store of a root file
// system, with no shell, openssl or curl.
package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"

	"github.com/certgraft/certgraft/internal/command"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	status := command.Run(ctx, os.Args, os.Stdin, os.Stdout, os.Stderr)
	stop()
	os.Exit(status)
}
