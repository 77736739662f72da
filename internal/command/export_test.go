package command

import (
	"context"

	"github.com/urfave/cli/v2"
)

// Parses returns the faults of a command line that the command tree shows: an
// unknown command or flag, or a missing value. args[0] is the program.
func Parses(args []string) error {
	app := App()
	for _, c := range app.Commands {
		c.Action = func(*cli.Context) error { return nil }
	}
	args, err := permute(app, args)
	if err != nil {
		return err
	}
	return app.RunContext(context.Background(), args)
}
