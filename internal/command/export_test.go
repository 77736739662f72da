package command

import (
	"context"

	"github.com/urfave/cli/v2"
)

// Parses returns what is wrong with a command line as far as the command tree
// knows: a command or flag that there is not, a value that is missing. args[0]
// is the program.
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
