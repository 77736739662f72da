// Mongodb serves MongoDB's protocol with FerretDB, which keeps its data in a
// directory. Its arguments are an address, the directory and, for TLS, the files
// of the certificate and its key; with the file of a CA behind them clients need
// a certificate.
package main

import (
	"context"
	"fmt"
	"log/slog"
	"os"

	"github.com/FerretDB/FerretDB/ferretdb"
)

func main() {
	if err := serve(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func serve(args []string) error {
	listen := ferretdb.ListenerConfig{TCP: args[0]}
	if len(args) > 3 {
		listen = ferretdb.ListenerConfig{TLS: args[0], TLSCertFile: args[2], TLSKeyFile: args[3]}
	}
	if len(args) > 4 {
		listen.TLSCAFile = args[4]
	}
	server, err := ferretdb.New(&ferretdb.Config{
		Listener: listen, Handler: "sqlite", SQLiteURL: "file:" + args[1] + "/",
		Logger: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		return err
	}
	return server.Run(context.Background())
}
