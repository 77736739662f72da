package command

import (
	"slices"
	"strings"

	"github.com/urfave/cli/v2"

	"github.com/certgraft/certgraft/internal/hint"
)

// permute moves the flags of a command before its arguments. The library stops
// reading flags at the first argument, so "install corp.pem --root DIR" would edit
// / and not DIR. All words after "--" are arguments.
func permute(app *cli.App, args []string) ([]string, error) {
	if len(args) < 2 {
		return args, nil
	}
	cmd := app.Command(args[1])
	if cmd == nil {
		return args, flagBeforeCommand(app, args)
	}
	var flags, operands []string
	for rest := args[2:]; len(rest) > 0; {
		n := 1
		switch arg := rest[0]; {
		case arg == "--" && cmd.Name == "run": // the command of run follows it
			operands = append(operands, rest...)
			n = len(rest)
		case arg == "--":
			operands = append(operands, rest[1:]...)
			n = len(rest)
		case isFlag(arg):
			var err error
			if n, err = width(cmd, rest); err != nil {
				return args, err
			}
			flags = append(flags, rest[:n]...)
		default:
			operands = append(operands, arg)
		}
		rest = rest[n:]
	}
	if slices.ContainsFunc(flags, asksForHelp) {
		return append(args[:2:2], "--help"), nil // the library would take an argument as a topic
	}
	return slices.Concat(args[:2], flags, []string{"--"}, operands), nil
}

// flagBeforeCommand refuses "certgraft --root DIR install": only --help and
// --version may stand before a command.
func flagBeforeCommand(app *cli.App, args []string) error {
	if !isFlag(args[1]) || slices.Contains([]string{"help", "h", "version", "v"}, flagName(args[1])) {
		return nil
	}
	if slices.ContainsFunc(args[2:], func(a string) bool { return app.Command(a) != nil }) {
		return hint.Add(usagef("--%s stands before the command", flagName(args[1])), "write the command first: certgraft COMMAND --"+flagName(args[1])+" …")
	}
	return nil
}

// helpFirst rewrites "certgraft help COMMAND" as "certgraft COMMAND --help".
func helpFirst(args []string) []string {
	switch {
	case len(args) < 2 || args[1] != "help":
		return args
	case len(args) == 2 || isFlag(args[2]):
		return []string{args[0], "--help"}
	}
	return []string{args[0], args[2], "--help"}
}

func asksForHelp(arg string) bool {
	return isFlag(arg) && slices.Contains(cli.HelpFlag.Names(), flagName(arg))
}

// isFlag tells flags from arguments. "-" is standard input, and "-@set:HEX" is
// standard input with a pin.
func isFlag(arg string) bool {
	return strings.HasPrefix(arg, "-") && arg != "-" && !strings.HasPrefix(arg, "-@")
}

func flagName(arg string) string {
	name, _, _ := strings.Cut(strings.TrimLeft(arg, "-"), "=")
	return name
}

// width returns how many words the flag at the start of rest takes: itself, and
// its value. It refuses a flag with a missing or empty value. Such a flag would
// swallow the next flag or the "--", or count as not given: install --output
// "$OUT" would then edit the root itself.
func width(cmd *cli.Command, rest []string) (int, error) {
	flag, value, joined := strings.Cut(rest[0], "=")
	missing := usagef("%s: its value is missing", flag)
	unset := "a shell variable that is not set leaves nothing: give " + flag + " a value, or leave it out"
	switch {
	case !knows(cmd, flag):
		return 0, unknownFlag(cmd, flag)
	case !takesValue(cmd, flag):
		return 1, nil
	case !joined && (len(rest) < 2 || rest[1] == "--"):
		return 0, hint.Add(missing, unset)
	case !joined:
		value = rest[1]
	}
	switch {
	case value == "":
		return 0, hint.Add(usagef("%s is empty", flag), unset)
	case joined:
		return 1, nil
	case isFlag(value) && knows(cmd, value):
		return 0, hint.Add(missing, "write "+flag+"="+value+" if that is the value")
	}
	return 2, nil
}

// unknownFlag is the error for a flag that the command does not have. It names
// similar flags of the command.
func unknownFlag(cmd *cli.Command, flag string) error {
	var names []string
	for _, f := range cmd.Flags {
		for _, n := range f.Names() {
			if len(n) > 1 {
				names = append(names, n)
			}
		}
	}
	err := usagef("%s: unknown flag %s", cmd.Name, flag)
	if near := hint.Near(flagName(flag), names); len(near) > 0 {
		return hint.Add(err, "did you mean --"+strings.Join(near, " or --")+"?")
	}
	return hint.Add(err, "certgraft "+cmd.Name+" --help lists the flags; an argument that begins with - stands behind --")
}

// knows reports whether arg is a flag of the command or --help.
func knows(cmd *cli.Command, arg string) bool { return asksForHelp(arg) || flagOf(cmd, arg) != nil }

// takesValue reports whether arg is a flag with a value.
func takesValue(cmd *cli.Command, arg string) bool {
	doc, ok := flagOf(cmd, arg).(cli.DocGenerationFlag)
	return ok && doc.TakesValue()
}

// flagOf returns the flag that arg sets, or nil.
func flagOf(cmd *cli.Command, arg string) cli.Flag {
	for _, f := range cmd.Flags {
		if slices.Contains(f.Names(), flagName(arg)) {
			return f
		}
	}
	return nil
}
