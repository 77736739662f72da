package command

import (
	"context"
	"fmt"
	"maps"
	"os/exec"
	"slices"

	"github.com/urfave/cli/v2"

	"github.com/certgraft/certgraft/internal/command/launch"
	"github.com/certgraft/certgraft/internal/hint"
	"github.com/certgraft/certgraft/readers"
)

// runBundle is the variable with the path of the bundle, for programs that take
// the path on their command line.
const runBundle = "CERTGRAFT_BUNDLE"

// runOptions are the flags of certgraft run.
type runOptions struct {
	source           sourceOptions
	inRoot, optional bool
	mode             string // "", or one of runModes
}

func runCommand(p *printer) *cli.Command {
	o := &runOptions{}
	return &cli.Command{
		Name:        "run",
		Usage:       "run a command that trusts more CAs, and leave nothing behind",
		ArgsUsage:   "SOURCE… -- CMD…",
		Description: "certgraft run ./proxy.pem -- npm ci\nThe command sees the system's CAs and those of the sources, through a bundle in a directory that is gone\nafterwards and every variable of certgraft env; " + runBundle + " names the bundle. The status is the command's:\n127 or 126 if it cannot be started, 128+N if signal N ended it.",
		Flags:       o.flags(),
		Action: func(c *cli.Context) error {
			specs, argv, err := splitCommand(c)
			if err != nil {
				return err
			}
			if p.json {
				return hint.Add(usagef("run: --json: standard output is the command's"), "leave --json out")
			}
			return o.run(c.Context, p, specs, argv)
		},
	}
}

func (o *runOptions) flags() []cli.Flag {
	return append([]cli.Flag{
		&cli.BoolFlag{Name: "in-root", Category: targetFlags, Usage: "put the CAs into the system's own stores while the command runs, and take them out afterwards", Destination: &o.inRoot},
		wordFlag{&cli.StringFlag{Name: "mode", Category: targetFlags, Usage: "how the command finds the CAs: env (variables), in-root (the system's own stores) or auto (as --in-root: there, unless an image would keep a trace)", Destination: &o.mode}, runModes, false},
		optionalFlag(&o.optional, "the command runs as it is"),
	}, o.source.flags()...)
}

// optionalFlag skips sources that do not exist. Without says what happens if no
// source is left.
func optionalFlag(to *bool, without string) cli.Flag {
	return &cli.BoolFlag{Name: "optional", Category: sourceFlags, Usage: "leave out files that do not exist or are empty; without any source " + without, Destination: to}
}

// splitCommand splits the arguments at the first "--": the sources before it, and
// after it the command, unchanged.
func splitCommand(c *cli.Context) (specs, argv []string, err error) {
	args := c.Args().Slice()
	at := slices.Index(args, "--")
	switch {
	case at < 0 || at == len(args)-1:
		return nil, nil, hint.Add(usagef("run: the command is missing"), usageLine(c))
	case at == 0 && c.String("lock") == "": // a lock would name the sources
		return nil, nil, hint.Add(usagef("run: a source is missing"), usageLine(c))
	}
	return args[:at], args[at+1:], nil
}

func (o *runOptions) run(ctx context.Context, p *printer, specs, argv []string) error {
	if o.optional {
		catalogue, err := o.source.fetch.catalogue(ctx)
		if err != nil {
			return err
		}
		asked := specs
		if specs = present(catalogue, specs); len(specs) == 0 && o.source.lock == "" {
			return runPlain(p, asked, argv)
		}
	}
	inRoot, err := o.decideInRoot(p)
	if err != nil {
		return err
	}
	result := newEditResult(&targetOptions{})
	sources, err := o.source.load(ctx, p, result, specs)
	if err != nil && slices.ContainsFunc(specs, isBuildSecret) {
		err = hint.Add(err, "the build's secret with the id "+buildSecret+" has these bytes: --secret id="+buildSecret+",src=FILE")
	}
	if err != nil {
		return err
	}
	result.remarks(p)
	if inRoot {
		return o.runInRoot(ctx, p, sources, argv)
	}
	set := runSet(ctx, p, "/", sources)

	signals := launch.CatchSignals()
	if err := ctx.Err(); err != nil {
		return fmt.Errorf("run: %w", err)
	}
	bases := launch.Bases(p.env["TMPDIR"], p.env["HOME"], launch.InStep())
	sweep(p, bases)
	dir, err := makeRunDir(ctx, p, bases, set)
	if err != nil {
		return err
	}
	unfollow := follow(ctx, p, "/", dir.Path, sources)
	status, err := launch.Run(&exec.Cmd{Args: argv, Env: runEnviron(p, dir.Path), Stdin: p.in, Stdout: p.out, Stderr: p.err}, signals)
	unfollow()
	err = notStarted(argv, err)
	if failed := dir.Remove(); failed != nil {
		p.warn("the directory of this run is left behind: " + failed.Error())
	}
	if err != nil || status != exitDone {
		return statusError{err, status}
	}
	return nil
}

// buildSecret is the id of the secret that the BuildKit frontend gives to steps.
const buildSecret = "certgraft"

// isBuildSecret reports whether a source is the file of that secret: see
// frontend/internal/steps.
func isBuildSecret(spec string) bool { return spec == "/.certgraft/ca" || spec == "/dev/.certgraft/ca" }

// runPlain runs the command without CAs, because none of specs exists. If the
// command fails, that may be why.
func runPlain(p *printer, specs, argv []string) error {
	signals := launch.CatchSignals()
	status, err := launch.Run(&exec.Cmd{Args: argv, Stdin: p.in, Stdout: p.out, Stderr: p.err}, signals)
	if status != exitDone && slices.ContainsFunc(specs, isBuildSecret) {
		p.note("this step ran without a CA: the build has no secret with the id " + buildSecret + ", or an empty one")
	}
	if err != nil || status != exitDone {
		return statusError{notStarted(argv, err), status}
	}
	return nil
}

// sweep removes the directories of killed runs.
func sweep(p *printer, bases []string) {
	swept, failures := launch.Sweep(bases)
	for _, name := range swept {
		p.log().Debug("swept", "directory", name)
	}
	for _, err := range failures {
		p.warn("what a run that was killed left stays: " + err.Error())
	}
}

// runEnviron returns the environment of the command, sorted.
func runEnviron(p *printer, dir string) []string {
	merged := maps.Clone(p.env)
	places := runPlaces(dir)
	for _, v := range readers.Settings(places, p.env) {
		merged[v.Name] = v.Value
		p.log().Debug("set", "name", v.Name) // the value may come from the user and be secret
	}
	maps.Copy(merged, javaOverrides(p.env, readers.JavaOptions(places.Keystore)))
	merged[runBundle] = places.Bundle
	return merged.list()
}
