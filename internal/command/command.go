// Package command is the command line of certgraft.
//
// Start with [Run]: it takes the arguments and streams of one invocation and
// returns its exit status. Each command is one file: its flags, bound to a struct
// of options, and the work, which is a few calls into the packages below. One
// place writes all output, the printer: results to standard output, everything
// else to standard error.
package command

import (
	"context"
	"io"
	"slices"
	"strings"

	"github.com/urfave/cli/v2"

	"github.com/certgraft/certgraft/internal/hint"
)

// Headings under which help lists the flags; see [Categories].
const (
	targetFlags   = "Target:"
	sourceFlags   = "Sources:"
	downloadFlags = "Download:"
	outputFlags   = "Output:"
	connectFlags  = "Connection:"
	imageFlags    = "Image:"
	registryFlags = "Registry:"
)

// Run runs the program and returns its exit status. args[0] is the name of the
// program. The status is 0 for success, 1 for failed work, 2 for wrong usage, 3
// for refused input, 4 for a source that could not be reached, 5 for a check that
// found something. The status of certgraft run is the status of its command.
func Run(ctx context.Context, args []string, stdin io.Reader, stdout, stderr io.Writer) int {
	p := newPrinter(stdin, stdout, stderr, processEnviron())
	if len(args) > 0 && wrapped(args[0]) != "" {
		err := newWrapper(p).run(ctx, args)
		p.failure(err)
		return exitStatus(err)
	}
	args = helpFirst(args)
	app := newApp(p, asked(args))
	args, err := permute(app, args)
	if help, wanted := helpWanted(app, args); err == nil && wanted {
		err = p.write(p.out, help)
	} else if err == nil {
		err = app.RunContext(ctx, args)
	}
	p.failure(err)
	return exitStatus(err)
}

// App returns the command tree, from which pages and completions are made. It must
// not be run.
func App() *cli.App { return newApp(newPrinter(nil, io.Discard, io.Discard, environ{}), commands) }

// builder makes a command when it is needed.
type builder struct {
	name  string
	build func(*printer) *cli.Command
}

// commands are the commands of the program, in the order of the help.
var commands = []builder{
	{"install", installCommand}, {"remove", removeCommand}, {"distrust", distrustCommand}, {"patch", patchCommand}, {"bundle", bundleCommand}, {"run", runCommand}, {"env", envCommand},
	{"inspect", inspectCommand}, {"list", listCommand}, {"verify", verifyCommand}, {"lock", lockCommand}, {"diff", diffCommand}, {"check", checkCommand},
	{"hook", hookCommand}, {"cdi", cdiCommand},
	{"completion", completionCommand}, {"version", versionCommand},
}

// asked returns the command that args name, or all commands for the help. It takes
// time to make a command, because the library words the help of each flag at every
// start: longer than many commands run.
func asked(args []string) []builder {
	if len(args) < 2 {
		return commands
	}
	if args[1] == "--version" {
		return nil
	}
	i := slices.IndexFunc(commands, func(b builder) bool { return b.name == args[1] })
	if i < 0 {
		return commands
	}
	return commands[i : i+1]
}

// newApp returns the program with the commands in with.
func newApp(p *printer, with []builder) *cli.App {
	app := &cli.App{
		Name:                      "certgraft",
		Usage:                     "make containers trust the CAs they need",
		Description:               "SOURCE is a catalogue id (aws-rds, aws-rds:eu-west-1), an https URL, a file, a directory, or - for\nstandard input; with @sha256:HEX or @set:HEX it is pinned. Exit status: 0 done, 1 the work failed,\n2 wrong usage, 3 the input was refused, 4 a source could not be reached, 5 a check found something.",
		Version:                   version(),
		Reader:                    p.in,
		Writer:                    p.out,
		ErrWriter:                 p.err,
		HideHelpCommand:           true,
		DisableSliceFlagSeparator: true,
		// Without this handler the library would end the process on each error
		// that has an ExitCode method.
		ExitErrHandler: func(*cli.Context, error) {},
		OnUsageError:   asUsage,
		Action: func(c *cli.Context) error {
			if c.Args().Present() {
				return unknownCommand(c)
			}
			return nil
		},
	}
	for _, b := range with {
		c := b.build(p)
		c.OnUsageError = asUsage // the library does not pass on the handler of the app
		c.HideHelpCommand = true
		c.Flags = append(c.Flags, p.flags()...)
		forgetEmpty(c.Flags, p.env)
		app.Commands = append(app.Commands, c)
	}
	return app
}

// forgetEmpty treats an empty variable as an unset one. The library would take the
// empty value in place of the default.
func forgetEmpty(flags []cli.Flag, env environ) {
	for _, f := range flags {
		if s, ok := f.(*cli.StringFlag); ok {
			s.EnvVars = slices.DeleteFunc(s.EnvVars, func(name string) bool { value, set := env[name]; return set && value == "" })
		}
	}
}

func asUsage(_ *cli.Context, err error, _ bool) error {
	if strings.HasPrefix(err.Error(), "invalid value") {
		err = hint.Add(err, "it is a number, or a time: 30s")
	}
	return usageError{err}
}

func unknownCommand(c *cli.Context) error {
	name := c.Args().First()
	err := usagef("unknown command %q", name)
	for _, known := range c.App.Commands {
		if len(name) > 2 && (known.HasName(name[:len(name)-1]) || known.Name[:2] == name[:2]) {
			return hint.Add(err, "did you mean certgraft "+known.Name+"?")
		}
	}
	return hint.Add(err, "run certgraft --help for the commands")
}

// taking is the action of a command that takes from least to most arguments. The
// error for too few arguments says want.
func taking(least, most int, want string, run func(ctx context.Context, args []string) error) cli.ActionFunc {
	return func(c *cli.Context) error {
		args, err := operands(c, least, most, want)
		if err != nil {
			return err
		}
		return run(c.Context, args)
	}
}

// operands checks the number of arguments of a command.
func operands(c *cli.Context, least, most int, want string) ([]string, error) {
	args := c.Args().Slice()
	switch {
	case len(args) < least:
		return nil, hint.Add(usagef("%s: %s is missing", c.Command.Name, want), usageLine(c))
	case most >= 0 && len(args) > most:
		return nil, hint.Add(usagef("%s: unexpected argument %q", c.Command.Name, args[most]), usageLine(c))
	}
	return args, nil
}

func usageLine(c *cli.Context) string {
	return "usage: certgraft " + c.Command.Name + " " + c.Command.ArgsUsage
}
