// Package command is certgraft's command line.
//
// Start with [Run]: it takes the arguments and streams of one invocation and
// returns its exit status. Each command is a file: its flags, bound to a struct
// of options, and the work, which is a few calls into the packages below. What
// a user sees is written in one place, the printer: results to standard output,
// everything else to standard error.
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

// Run runs the program with args, args[0] being its name, and returns its exit
// status: 0 done, 1 the work failed, 2 wrong usage, 3 the input was refused,
// 4 a source could not be reached, 5 a check found what it looks for. That of
// certgraft run is the command's.
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

// App returns the command tree, for what is made from it: it is not run.
func App() *cli.App { return newApp(newPrinter(nil, io.Discard, io.Discard, environ{}), commands) }

// builder is a command that is put together when it is asked for.
type builder struct {
	name  string
	build func(*printer) *cli.Command
}

// commands are those of the program, in the order of its help.
var commands = []builder{
	{"install", installCommand}, {"remove", removeCommand}, {"distrust", distrustCommand}, {"patch", patchCommand}, {"bundle", bundleCommand}, {"run", runCommand}, {"env", envCommand},
	{"inspect", inspectCommand}, {"list", listCommand}, {"verify", verifyCommand}, {"lock", lockCommand}, {"diff", diffCommand}, {"check", checkCommand},
	{"hook", hookCommand}, {"cdi", cdiCommand},
	{"completion", completionCommand}, {"version", versionCommand},
}

// asked returns the command that args name, and if it is none all of them: that
// is for the help. To put a command together, and the library words the help of
// each of its flags at every start, takes longer than many a command.
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

// newApp returns the program with some of its commands.
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
		// Without a handler the library would end the process itself on any
		// error that has an ExitCode method.
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
		c.OnUsageError = asUsage // the library does not pass the app's down
		c.HideHelpCommand = true
		c.Flags = append(c.Flags, p.flags()...)
		forgetEmpty(c.Flags, p.env)
		app.Commands = append(app.Commands, c)
	}
	return app
}

// forgetEmpty has a variable that is empty mean the same as none: to the library
// it is a value, which takes the place of the default.
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

// taking is the action of a command that takes from least to most arguments, which
// want says in the error for too few.
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
