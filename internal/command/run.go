package command

import (
	"context"
	"fmt"
	"maps"
	"os"
	"slices"

	"github.com/urfave/cli/v2"

	"github.com/certgraft/certgraft/installer"
)

// runBundle is the variable that names the bundle for programs that have to be
// told on their command line.
const runBundle = "CERTGRAFT_BUNDLE"

// runOptions are the flags of certgraft run.
type runOptions struct {
	source sourceOptions
}

func runCommand(p *printer) *cli.Command {
	o := &runOptions{}
	return &cli.Command{
		Name:        "run",
		Usage:       "run a command that trusts more CAs, and leave nothing behind",
		ArgsUsage:   "SOURCE… -- CMD…",
		Description: "certgraft run ./proxy.pem -- npm ci\nThe command sees the system's CAs and those of the sources, through a bundle in a directory that is gone\nafterwards and every variable of certgraft env; " + runBundle + " names the bundle. The status is the command's:\n127 or 126 if it cannot be started, 128+N if signal N ended it.",
		Flags:       o.source.flags(),
		Action: func(c *cli.Context) error {
			specs, argv, err := splitCommand(c)
			if err != nil {
				return err
			}
			if p.json {
				return withHint(usagef("run: --json: standard output is the command's"), "leave --json out")
			}
			return o.run(c.Context, p, specs, argv)
		},
	}
}

// splitCommand returns what stands before the first "--" and what is behind it,
// which is the command, untouched.
func splitCommand(c *cli.Context) (specs, argv []string, err error) {
	args := c.Args().Slice()
	at := slices.Index(args, "--")
	switch {
	case at < 0 || at == len(args)-1:
		return nil, nil, withHint(usagef("run: the command is missing"), usageLine(c))
	case at == 0 && c.String("lock") == "": // which would name them
		return nil, nil, withHint(usagef("run: a source is missing"), usageLine(c))
	}
	return args[:at], args[at+1:], nil
}

func (o *runOptions) run(ctx context.Context, p *printer, specs, argv []string) error {
	result := newEditResult(&targetOptions{})
	sources, err := o.source.load(ctx, p, result, specs)
	if err != nil {
		return err
	}
	result.remarks(p)
	set := runSet(p, "/", sources)

	signals := catchSignals()
	if err := ctx.Err(); err != nil {
		return fmt.Errorf("run: %w", err)
	}
	bases := runBases(p.env)
	sweep(p, bases)
	dir, err := makeRunDir(bases, func(dir string) error { return fillRunDir(p, dir, set) })
	if err != nil {
		return err
	}
	status, err := execute(p, argv, runEnviron(p, dir.path), signals)
	if failed := dir.remove(); failed != nil {
		p.warn("the directory of this run is left behind: " + failed.Error())
	}
	if err != nil || status != exitDone {
		return statusError{err, status}
	}
	return nil
}

// runEnviron returns the environment of the command, sorted.
func runEnviron(p *printer, dir string) []string {
	merged := maps.Clone(map[string]string(p.env))
	places := runPlaces(dir)
	for _, v := range installer.Variables(places, p.env) {
		merged[v.Name] = v.Value
		p.log().Debug("set", "name", v.Name) // its value may have been there, and be secret
	}
	maps.Copy(merged, javaOverrides(p.env, installer.JavaOptions(places.Keystore)))
	merged[runBundle] = places.Bundle
	var list []string
	for name, value := range merged {
		list = append(list, name+"="+value)
	}
	slices.Sort(list)
	return list
}

// isFile reports whether a stream is one that a process can inherit.
func isFile(stream any) bool {
	_, ok := stream.(*os.File)
	return ok
}
