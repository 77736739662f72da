package command

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/certgraft/certgraft/bundles"
	"github.com/certgraft/certgraft/installer"
	"github.com/certgraft/certgraft/internal/atomicfile"
	"github.com/certgraft/certgraft/internal/command/oci"
	"github.com/certgraft/certgraft/internal/command/step"
	"github.com/certgraft/certgraft/internal/hint"
	"github.com/certgraft/certgraft/internal/input"
)

// hookOptions are the flags of certgraft hook.
type hookOptions struct {
	source sourceOptions
	state  string
	strict bool
}

func hookCommand(p *printer) *cli.Command {
	o := &hookOptions{}
	return &cli.Command{
		Name:        "hook",
		Usage:       "as a hook of a container runtime: have a container trust from its start to its end",
		ArgsUsage:   "in|out SOURCE…",
		Description: "certgraft hook in --offline /etc/certgraft/corp.pem   (createRuntime)\ncertgraft hook out   (poststop)\nThe runtime gives the state of the container on standard input. The CAs are in the stores of the\ncontainer's root while it lives and out of them afterwards. A hook that fails says so in one line and\nlets the container go on, unless --strict. certgraft cdi writes both hooks down for an engine.",
		Flags: append([]cli.Flag{
			&cli.StringFlag{Name: "state", Category: targetFlags, Usage: "keep in `DIR` what the second hook needs, and hook.log", DefaultText: hookState, TakesFile: true, Destination: &o.state},
			strictFlag(&o.strict),
		}, o.source.flags()...),
		Action: taking(1, -1, "in or out", func(ctx context.Context, args []string) error { return o.run(ctx, p, args[0], args[1:]) }),
	}
}

func strictFlag(to *bool) cli.Flag {
	return &cli.BoolFlag{Name: "strict", Category: targetFlags, Usage: "let no container start that does not trust", Destination: to}
}

func (o *hookOptions) run(ctx context.Context, p *printer, which string, specs []string) error {
	hooks := choices[func(context.Context, *printer, oci.State, []installer.Source) error]{{"in", o.in}, {"out", o.out}}
	call, err := hooks.find("hook", which)
	switch {
	case err != nil:
		return hint.Add(usagef("hook: %q is neither in nor out", which), "certgraft hook in SOURCE…, or certgraft hook out")
	case which == "in" && len(specs) == 0 && o.source.lock == "":
		return usagef("hook in: a source is missing")
	case p.mac:
		return errors.New("hook: a Mac runs no containers of its own")
	}
	o.state = cmp.Or(o.state, ownState())
	at, unread := oci.ReadState(input.Reader(ctx, p.in))
	sources, err := o.source.load(ctx, p, newEditResult(&targetOptions{}), specs)
	if err == nil {
		err = unread
	}
	if err == nil {
		err = call(ctx, p, at, sources)
	}
	if err == nil {
		return nil
	}
	err = fmt.Errorf("hook %s: container %s: %w", which, at.ID, err)
	if at.ID != "" { // without an ID no runtime has called
		logHook(o.state, err)
	}
	if o.strict {
		return err
	}
	p.warn(err.Error())
	return nil
}

// in makes the root of a container trust the CAs before its first program starts.
func (o *hookOptions) in(ctx context.Context, p *printer, at oci.State, sources []installer.Source) error {
	container, err := at.Container()
	if err != nil {
		return err
	}
	root, err := container.Root()
	if err != nil {
		return err
	}
	p.clearSteps(ctx, root)
	opt := p.stepOptions(root)
	opt.Owner, opt.Stores.Environ = at.PID, environOf(container.Environ())
	taken, _, err := step.Enter(ctx, opt, sources)
	if err != nil {
		return err
	}
	if err := o.keep(at.ID, taken); err != nil {
		return errors.Join(err, taken.Leave(context.WithoutCancel(ctx)))
	}
	return nil
}

// out takes the CAs out of the root of a container that has ended. It does nothing
// if the root is gone, or if in changed nothing.
func (o *hookOptions) out(ctx context.Context, p *printer, at oci.State, _ []installer.Source) error {
	data, err := input.ReadFile(ctx, o.kept(at.ID))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	taken, err := step.Load(p.stepOptions(""), data)
	if err != nil {
		return fmt.Errorf("%s: %w", o.kept(at.ID), err)
	}
	err = taken.Leave(ctx)
	if errors.Is(err, fs.ErrNotExist) {
		err = nil
	}
	return errors.Join(err, os.Remove(o.kept(at.ID)))
}

// kept is the file in which the first hook of a container keeps data for the
// second.
func (o *hookOptions) kept(id string) string { return filepath.Join(o.state, id+".json") }

func (o *hookOptions) keep(id string, taken *step.Step) error {
	data, err := taken.Save()
	if err == nil {
		err = os.MkdirAll(o.state, 0o700)
	}
	if err == nil {
		err = atomicfile.Replace(o.kept(id), data)
	}
	return err
}

// mostLog is the size limit of the log of hooks, 1 MiB.
const mostLog = 1 << 20

// logHook records why a container has no CAs. The container starts all the same,
// and engines show no error.
func logHook(state string, failure error) {
	name := filepath.Join(state, "hook.log")
	before, err := os.Stat(name)
	if err == nil && before.Size() > mostLog {
		return
	}
	_ = os.MkdirAll(state, 0o700)
	f, err := os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o600)
	if err != nil {
		return // no other place exists
	}
	defer f.Close()
	fmt.Fprintf(f, "%s %v\n", time.Now().UTC().Format(time.RFC3339), failure)
}

// hookArguments returns the arguments of both hooks: the flags, and the sources in
// a form that a hook finds from any directory.
func hookArguments(catalogue *bundles.Catalogue, specs, flags []string, strict bool) (in, out []string, err error) {
	for i, spec := range specs {
		switch _, isPath := catalogue.Path(spec); {
		case isStdin(spec):
			return nil, nil, usagef("standard input is no source of a hook: it has the state of the container")
		case isRemote(spec):
			return nil, nil, hint.Add(usagef("%s is no source of a hook: each container would wait for a download", spec), "certgraft bundle URL --output FILE keeps it in a file: name that")
		case isPath:
			if specs[i], err = filepath.Abs(spec); err != nil {
				return nil, nil, err
			}
		}
	}
	if strict {
		flags = append([]string{"--strict"}, flags...)
		out = []string{"--strict"}
	}
	return slices.Concat(flags, []string{"--offline"}, specs), out, nil
}
